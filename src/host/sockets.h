/*
 * sockets.h
 *		/proc/net/snmp, netstat and sockstat: what TCP and UDP count.  Pure C.
 */
#ifndef HOST_SOCKETS_H
#define HOST_SOCKETS_H

#include <stddef.h>

#include "host/fields.h"

/* Both files have the same form. */
extern void SnmpParse(char *text, size_t length, Value *tcp, Value *udp);

/* used: sockets of all families. */
extern void SockstatParse(char *text, size_t length, Value *tcp, Value *used);

#endif /* HOST_SOCKETS_H */
