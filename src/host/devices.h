/*
 * devices.h
 *		/proc/diskstats and /proc/net/dev: counters of one device a line.
 *
 * Names are terminated in place: the rows point into the text.  Pure C.
 */
#ifndef HOST_DEVICES_H
#define HOST_DEVICES_H

#include <stddef.h>

#include "host/fields.h"

/* Block devices; loops, RAM disks and removable drives that were never used are left out. */
extern void DisksParse(char *text, size_t length, Rows *disks);

/* Network interfaces but the loopback one. */
extern void InterfacesParse(char *text, size_t length, Rows *interfaces);

#endif /* HOST_DEVICES_H */
