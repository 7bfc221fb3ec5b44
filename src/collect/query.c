/*
 * query.c
 *		A short read-only transaction of a worker.
 *
 * As a setting, statement_timeout does nothing for SPI: only the main loop of
 * an ordinary backend arms it.  So it is armed here.  The error is caught here
 * too, query by query: one probe that fails neither stops the others nor
 * reaches the recovery at the bottom of the stack, which is for the unexpected.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#include "base/settings.h"
#include "base/worker.h"
#include "collect/query.h"
#include "collect/session.h"

/* Like pg_do_encoding_conversion(), but what cannot be converted is replaced instead of an error. */
static char *
Convert(char *text, int from, int to, const char *replacement)
{
	size_t left = strlen(text);
	size_t size = left * MAX_CONVERSION_GROWTH + 1;
	Oid	   conversion = FindDefaultConversionProc(from, to);
	char  *result;
	char  *end;

	if (!OidIsValid(conversion))
		return text; /* whoever gets it looks at its bytes */
	end = result = palloc(size);
	while (left > 0)
	{
		int done = pg_do_encoding_conversion_buf(conversion, from, to, (unsigned char *) text,
												 (int) left, (unsigned char *) end,
												 (int) (size - (end - result)), true);

		text += done;
		left -= done;
		end += strlen(end);
		if (left > 0)
		{
			int skipped = to == PG_UTF8 ? 1 : (int) Min(left, pg_encoding_mblen(from, text));

			strcpy(end, replacement);
			end += strlen(replacement);
			text += skipped;
			left -= skipped;
		}
	}
	*end = '\0';
	return result;
}

char *
TextToUtf8(char *text)
{
	int encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || text[0] == '\0')
		return text;
	return Convert(text, encoding, PG_UTF8, "\xEF\xBF\xBD");
}

char *
TextFromUtf8(char *text)
{
	int encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || text[0] == '\0')
		return text;
	return Convert(text, PG_UTF8, encoding, "?");
}

char *
SharedNameToUtf8(char *name)
{
	if (pg_verify_mbstr(PG_UTF8, name, strlen(name), true))
		return name;
	return TextToUtf8(name);
}

/* Conversion needs a transaction, and there is none after an error. */
static void
KeepAsciiOnly(char *text)
{
	int encoding = GetDatabaseEncoding();

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	for (; *text; text++)
	{
		if (IS_HIGHBIT_SET(*text))
			*text = '?';
	}
}

static void
DescribeError(const ErrorData *edata, QueryError *error)
{
	error->message = pstrdup(edata->message ? edata->message : "unknown error");
	KeepAsciiOnly(error->message);
	strlcpy(error->sqlstate, unpack_sql_state(edata->sqlerrcode), sizeof(error->sqlstate));
}

bool
QueryRun(void (*body)(void *arg), void *arg, int timeout_ms, QueryError *error)
{
	MemoryContext caller = CurrentMemoryContext;
	volatile bool done = false;

	memset(error, 0, sizeof(*error));
	if (!WorkerQueryBegin())
	{
		WorkerQueryEnd();
		error->message = pstrdup("the server is shutting down");
		error->cancelled = true;
		return false;
	}
	SessionSetLockTimeout(Setting.lock_timeout_ms);

	PG_TRY();
	{
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		SPI_connect();
		pgstat_report_activity(STATE_RUNNING, "collecting statistics");
		enable_timeout_after(STATEMENT_TIMEOUT, Max(timeout_ms, 1));

		body(arg);

		disable_timeout(STATEMENT_TIMEOUT, false);
		SPI_finish();
		PopActiveSnapshot();
		CommitTransactionCommand();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData *edata;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		FlushErrorState();
		disable_all_timeouts(false);
		AbortCurrentTransaction();
		MemoryContextSwitchTo(caller);
		DescribeError(edata, error);
		FreeErrorData(edata);
	}
	PG_END_TRY();

	WorkerQueryEnd();
	QueryCancelPending = false; /* a timeout that fired too late is not the next query's */
	MemoryContextSwitchTo(caller);
	pgstat_report_activity(STATE_IDLE, NULL);
	return done;
}

bool
QueryWasCancelled(const QueryError *error)
{
	return strcmp(error->sqlstate, "57014") == 0;
}

bool
QueryTimedOut(const QueryError *error)
{
	return QueryWasCancelled(error) || strcmp(error->sqlstate, "55P03") == 0;
}

void
QueryRunInSession(void (*body)(void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	int			  nest_level = NewGUCNestLevel();
	bool		  own_timeout = !get_timeout_active(STATEMENT_TIMEOUT);
	char		  lock_timeout[16];

	/* undone with the transaction, should an error come in between */
	snprintf(lock_timeout, sizeof(lock_timeout), "%d", Setting.lock_timeout_ms);
	(void) set_config_option("lock_timeout", lock_timeout, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SessionBorrow();
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	PG_TRY();
	{
		if (own_timeout)
			enable_timeout_after(STATEMENT_TIMEOUT, Setting.statement_timeout_ms);
		body(arg);
	}
	PG_FINALLY();
	{
		/* also when the error is caught by somebody above, who goes on */
		if (own_timeout)
			disable_timeout(STATEMENT_TIMEOUT, false);
	}
	PG_END_TRY();
	SPI_finish();
	PopActiveSnapshot();
	AtEOXact_GUC(true, nest_level);
	MemoryContextSwitchTo(caller);
}
