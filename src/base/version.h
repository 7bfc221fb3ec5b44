/*
 * version.h
 *		The version of the library, as it goes over the wire.
 */
#ifndef VERSION_H
#define VERSION_H

#define PGANALYTICS_VERSION "3.0.0"

#endif /* VERSION_H */
