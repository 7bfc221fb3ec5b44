/*
 * hook.c
 *		The server log where there is no file to read.
 *
 * The hook runs wherever the server says something: in the middle of a critical
 * section, out of memory, in a signal handler, while a process starts or ends.
 * So it takes no lock, allocates nothing, raises nothing, waits for nothing and
 * does not look at a catalogue; it packs the entry into memory of its own and
 * puts it into the ring (ring.c).  The postmaster must not depend on shared
 * memory, and the syslogger has none: both are left alone, and so is a process
 * that has no PGPROC yet or any more.  What they say is missing here, which the
 * status tells, and so is what waits when a crash of the server empties the ring.
 *
 * Without a hook there is no ring, and where a file is read there is no hook.
 */
#include "postgres.h"

#include <signal.h>
#include <time.h>

/*
 * libpq-be.h wants headers of the libraries that the server was built with, which
 * need not be here.  Without them a Port is the same up to "gss".
 */
#undef ENABLE_GSS
#undef ENABLE_SSPI
#undef USE_OPENSSL
#undef USE_SSL

#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "postmaster/syslogger.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/elog.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/settings.h"
#include "base/shared.h"
#include "base/unixtime.h"
#include "log/hook.h"
#include "log/hookentry.h"
#include "log/log.h"
#include "log/ring.h"

#define SEGMENT_NAME "pganalytics log"

StaticAssertDecl(Max(offsetof(Port, remote_port), offsetof(Port, user_name)) < offsetof(Port, gss),
				 "what is read of a Port depends on how the server was built");

typedef struct HookShared
{
	pg_atomic_uint32 wanted;	  /* somebody reads */
	TimestampTz		 emptied_at;  /* by a crash, and no batch has told; 0: not */
	uint64 reported[RING_LEVELS]; /* dropped entries that a batch has told; of the collector */
} HookShared;

static HookShared *Hook = NULL;
static LogRing	  *Ring = NULL;
static bool		   WasMade = false; /* this postmaster has made them before */

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;
static emit_log_hook_type	   prev_emit_log = NULL;

/* ---- writing ---- */

/* Written to by one entry at a time: the hook does not enter itself. */
static char					 Packed[RING_MAX_ENTRY];
static volatile sig_atomic_t IsPacking = false;

static LogWord
LevelOf(int elevel)
{
	switch (elevel)
	{
		case LOG:
		case LOG_SERVER_ONLY:
			return WORD_LOG;
		case INFO:
			return WORD_INFO;
		case NOTICE:
			return WORD_NOTICE;
		case WARNING:
			return WORD_WARNING;
		case ERROR:
			return WORD_ERROR;
		case FATAL:
			return WORD_FATAL;
		case PANIC:
			return WORD_PANIC;
		default:
			return elevel < LOG ? WORD_DEBUG : WORD_WARNING;
	}
}

/* DEBUG is a flood that nobody wants unless he says so. */
static bool
IsWanted(LogWord level)
{
	return level != WORD_DEBUG || strcasestr(Setting.log_filters, "debug") != NULL ||
		strcasestr(Setting.log_filters, "all") != NULL;
}

/* As elog.c decides whether the statement is logged with the entry. */
static bool
ShowsStatement(const ErrorData *edata)
{
	int level = edata->elevel;
	int least = log_min_error_statement;

	if (edata->hide_stmt || debug_query_string == NULL)
		return false;
	if (level == LOG || level == LOG_SERVER_ONLY)
		return least == LOG || least <= ERROR;
	return least == LOG ? level >= FATAL : level >= least;
}

static void
PackSqlState(char *buffer, int sqlerrcode)
{
	for (int i = 0; i < 5; i++)
	{
		buffer[i] = PGUNSIXBIT(sqlerrcode);
		sqlerrcode >>= 6;
	}
}

/* "host:port", as csvlog has it. */
static const char *
ClientName(char *buffer, size_t size)
{
	const char *host = MyProcPort->remote_host;
	const char *port = MyProcPort->remote_port;

	if (host == NULL || port == NULL || port[0] == '\0')
		return host;
	strlcpy(buffer, host, size);
	strlcat(buffer, ":", size);
	strlcat(buffer, port, size);
	return buffer;
}

/* Texts in the order of HookTexts. */
static size_t
Pack(const ErrorData *edata, LogWord level)
{
	HookFacts facts = {
		.unix_us = UnixMicroseconds(GetCurrentTimestamp()),
		.session_start = MyStartTime,
		.query_id = pgstat_get_my_query_id(),
		.pid = MyProcPid,
		.level = level,
	};
	char	   client[NI_MAXHOST + NI_MAXSERV + 1];
	HookPacker packer;
	size_t	   text_limit = (size_t) Setting.log_entry_size_kb * 1024;

	PackSqlState(facts.sqlstate, edata->sqlerrcode);
	HookPackBegin(&packer, Packed, Min(LogRingMaxEntry(Ring), text_limit + HOOK_MIN_SIZE),
				  text_limit);
	HookPackText(&packer, edata->message_id);
	HookPackText(&packer, edata->message != NULL ? edata->message : "missing error text");
	HookPackText(&packer, MyProcPort ? MyProcPort->user_name : NULL);
	HookPackText(&packer, MyProcPort ? MyProcPort->database_name : NULL);
	HookPackText(&packer, application_name);
	HookPackText(&packer, MyProcPort ? ClientName(client, sizeof(client)) : NULL);
	HookPackText(&packer, get_backend_type_for_log());
	HookPackText(&packer, edata->detail_log ? edata->detail_log : edata->detail);
	HookPackText(&packer, edata->hint);
	HookPackText(&packer, edata->hide_ctx ? NULL : edata->context);
	HookPackText(&packer, edata->internalquery);
	HookPackText(&packer, ShowsStatement(edata) ? debug_query_string : NULL);
	return HookPackEnd(&packer, &facts);
}

static void
LogHook(ErrorData *edata)
{
	LogWord level;

	if (prev_emit_log)
		prev_emit_log(edata);
	if (!IsUnderPostmaster || MyProc == NULL || Ring == NULL)
		return;
	if (!edata->output_to_server || pg_atomic_read_u32(&Hook->wanted) == 0)
		return;
	level = LevelOf(edata->elevel);
	if (!IsWanted(level))
		return;
	if (IsPacking)
	{
		LogRingCountDropped(Ring, level); /* a signal handler that interrupts this */
		return;
	}

	IsPacking = true;
	if (LogRingPut(Ring, level, level >= WORD_WARNING, Packed, Pack(edata, level)) ==
		RING_KEPT_FILLING)
		WakeWorker(&Shared->collector);
	IsPacking = false;
}

/* ---- setting up ---- */

static size_t
RingSize(void)
{
	return LogRingSize((size_t) Setting.log_ring_size_kb * 1024);
}

static void
HookRequest(void)
{
	if (prev_shmem_request)
		prev_shmem_request();
	RequestAddinShmemSpace(add_size(CACHELINEALIGN(sizeof(HookShared)), RingSize()));
}

static void
HookStartup(void)
{
	bool found;

	if (prev_shmem_startup)
		prev_shmem_startup();

	Hook = NULL;
	Ring = NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	Hook = ShmemInitStruct(SEGMENT_NAME, CACHELINEALIGN(sizeof(HookShared)) + RingSize(), &found);
	Ring = (LogRing *) ((char *) Hook + CACHELINEALIGN(sizeof(HookShared)));
	if (!found)
	{
		memset(Hook, 0, sizeof(HookShared));
		pg_atomic_init_u32(&Hook->wanted, 1);
		LogRingInit(Ring, (size_t) Setting.log_ring_size_kb * 1024);
		/* a second time in the life of a postmaster: after a crash */
		if (WasMade)
			Hook->emptied_at = GetCurrentTimestamp();
		WasMade = true;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
LogHookInit(void)
{
	if (Setting.log_source == LOG_SOURCE_FILE ||
		(Setting.log_source == LOG_SOURCE_AUTO && Logging_collector))
		return;
	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = HookRequest;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = HookStartup;
	prev_emit_log = emit_log_hook;
	emit_log_hook = LogHook;
}

bool
LogHookIsUsed(void)
{
	return Ring != NULL;
}

uint64
LogHookBacklog(void)
{
	return LogRingUsed(Ring);
}

bool
LogHookIsFilling(void)
{
	return Ring != NULL && LogRingIsFilling(Ring);
}

/* ---- reading ---- */

static RingReader Reader;
static uint64	  Told[RING_LEVELS]; /* of the run: entries dropped that it has told */

const LogOrigin LogHookOrigin = {"hook", NULL};

/* A clock that is never set back. */
static int64
ClockUs(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * USECS_PER_SEC + now.tv_nsec / 1000;
}

static void
TakeEntries(LogOutput *out, RingReader *reader, bool for_look)
{
	char		*buffer = palloc(LogRingMaxEntry(Ring));
	RingTake	 took;
	size_t		 length;
	unsigned int level;

	while (out->written < out->limit &&
		   (took = LogRingTake(Ring, reader, ClockUs(), for_look, buffer, &length, &level)) !=
			   RING_EMPTY)
	{
		LogEntry  entry;
		HookNames names;

		CHECK_FOR_INTERRUPTS();
		if (took == RING_ENTRY && HookUnpack(buffer, length, &entry, &names))
			LogOutputEntry(out, &LogHookOrigin, &entry);
	}
	pfree(buffer);
}

static void
TellDropped(LogOutput *out)
{
	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
	{
		int64 dropped;

		Told[word] = LogRingDropped(Ring, word);
		dropped = Told[word] - Hook->reported[word];
		out->dropped[word] += dropped;
		out->all_dropped += dropped;
	}
}

void
LogHookCollect(LogOutput *out)
{
	pg_atomic_write_u32(&Hook->wanted, 1);
	LogRingRewind(Ring, &Reader);
	TakeEntries(out, &Reader, false);
	TellDropped(out);
	LogOutputEnd(out, &LogHookOrigin);
}

TimestampTz
LogHookEmptiedAt(void)
{
	return Hook->emptied_at;
}

void
LogHookCommitted(void)
{
	LogRingRelease(Ring, &Reader);
	memcpy(Hook->reported, Told, sizeof(Told));
	Hook->emptied_at = 0;
}

void
LogHookFailed(void)
{
	LogRingRewind(Ring, &Reader);
}

void
LogHookSample(LogOutput *out, int64 most)
{
	RingReader reader = {0};
	LogOutput  count = *out;

	count.skip = count.limit = PG_INT64_MAX;
	TakeEntries(&count, &reader, true);
	memset(&reader, 0, sizeof(reader));
	out->limit = most;
	out->skip = (PG_INT64_MAX - count.skip) - most;
	TakeEntries(out, &reader, true);
	LogOutputEnd(out, &LogHookOrigin);
}

void
LogHookRest(void)
{
	if (pg_atomic_exchange_u32(&Hook->wanted, 0) != 0)
		LogRingDiscard(Ring);
}
