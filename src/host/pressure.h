/*
 * pressure.h
 *		Pressure stall information: /proc/pressure and that of control groups.  Pure C.
 */
#ifndef HOST_PRESSURE_H
#define HOST_PRESSURE_H

#include <stddef.h>

#include "host/fields.h"

/* Names of the resources, which are those of the files, in the order of PRESSURE_FIELD_*. */
extern const char *const PressureResources[NUM_PRESSURE_FIELDS];

extern void PressureParse(char *text, size_t length, Value *stall);

#endif /* HOST_PRESSURE_H */
