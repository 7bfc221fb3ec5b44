/*
 * sockets.c
 *		/proc/net/snmp, netstat and sockstat: what TCP and UDP count.
 */
#include "host/sockets.h"

#include "host/keyed.h"

static const NamedField TcpCounters[] = {
	{"Tcp:", "ActiveOpens", TCP_FIELD_ACTIVE_OPENS},
	{"Tcp:", "PassiveOpens", TCP_FIELD_PASSIVE_OPENS},
	{"Tcp:", "AttemptFails", TCP_FIELD_ATTEMPT_FAILS},
	{"Tcp:", "EstabResets", TCP_FIELD_RESETS},
	{"Tcp:", "CurrEstab", TCP_FIELD_ESTABLISHED},
	{"Tcp:", "InSegs", TCP_FIELD_IN_SEGMENTS},
	{"Tcp:", "OutSegs", TCP_FIELD_OUT_SEGMENTS},
	{"Tcp:", "RetransSegs", TCP_FIELD_RETRANSMITS},
	{"Tcp:", "InErrs", TCP_FIELD_IN_ERRORS},
	{"Tcp:", "OutRsts", TCP_FIELD_OUT_RESETS},
	{"TcpExt:", "TCPTimeouts", TCP_FIELD_TIMEOUTS},
	{"TcpExt:", "ListenOverflows", TCP_FIELD_LISTEN_OVERFLOWS},
	{"TcpExt:", "ListenDrops", TCP_FIELD_LISTEN_DROPS},
};

static const NamedField UdpCounters[] = {
	{"Udp:", "InDatagrams", UDP_FIELD_IN_DATAGRAMS},
	{"Udp:", "OutDatagrams", UDP_FIELD_OUT_DATAGRAMS},
	{"Udp:", "NoPorts", UDP_FIELD_NO_PORTS},
	{"Udp:", "InErrors", UDP_FIELD_IN_ERRORS},
	{"Udp:", "RcvbufErrors", UDP_FIELD_RECEIVE_BUFFER_ERRORS},
	{"Udp:", "SndbufErrors", UDP_FIELD_SEND_BUFFER_ERRORS},
};

static const NamedField TcpSockets[] = {
	{"TCP:", "orphan", TCP_FIELD_ORPHANS},
	{"TCP:", "tw", TCP_FIELD_TIME_WAIT},
	{"TCP:", "mem", TCP_FIELD_MEMORY},
};

static const NamedField AllSockets = {"sockets:", "used", 0};

void
SnmpParse(char *text, size_t length, Value *tcp, Value *udp)
{
	HeadedParse(text, length, TcpCounters, LENGTH(TcpCounters), tcp);
	HeadedParse(text, length, UdpCounters, LENGTH(UdpCounters), udp);
}

void
SockstatParse(char *text, size_t length, Value *tcp, Value *used)
{
	PairsParse(text, length, TcpSockets, LENGTH(TcpSockets), tcp);
	PairsParse(text, length, &AllSockets, 1, used);
}
