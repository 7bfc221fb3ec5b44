/*
 * statement_texts.c
 *		Texts of statements.
 *
 * pg_stat_statements keeps all texts in one file, and its function reads all
 * of it whatever is asked for: tens of MB where statements are many and long,
 * with twice that in memory for a moment and a temporary file of that size.
 * So texts are asked for only when there are some to send, at most once a
 * minute, a large file rarer still, and a huge one never.  The text of a
 * statement that is new then comes a few minutes after its counters.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "catalog/namespace.h"
#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "mb/pg_wchar.h"
#include "pgstat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "base/secrets.h"
#include "base/settings.h"
#include "base/unixtime.h"
#include "collect/probe_query.h"
#include "collect/seen.h"
#include "collect/statement_texts.h"

#define RESEND_S 3600
#define READ_INTERVAL_MS 59000 /* a minute, but for what a wakeup comes too early */
#define BYTES_PER_INTERVAL (4 * 1024 * 1024)
#define AFTER_FAILURE_MS (10 * 60 * 1000)
#define MAX_FILE_BYTES (64 * 1024 * 1024)
#define TEXT_BUDGET (4 * 1024 * 1024) /* memory for the texts of one cycle */
#define FETCH_BYTES (1024 * 1024)
#define MAX_FETCH_ROWS 200
#define TEXT_FILE PG_STAT_TMP_DIR "/pgss_query_texts.stat"

/* Of the worker. */
static SeenTexts  *seen = NULL;
static TimestampTz next_read = 0;

static uint32
NowInSeconds(void)
{
	return (uint32) (UnixMicroseconds(GetCurrentTimestamp()) / USECS_PER_SEC);
}

void
StatementTextsWant(StatementTexts *list, Oid dbid, int64 queryid)
{
	StatementText *wanted;

	if (Setting.query_text_size == 0)
		return;
	if (!list->in_session && seen)
	{
		uint32 at = SeenAt(seen, dbid, queryid);

		if (at != 0 && NowInSeconds() - at < RESEND_S)
			return;
	}
	if (list->count == list->room)
	{
		Size size = sizeof(StatementText) * (list->room = Max(64, list->room * 2));

		list->texts = list->texts ? repalloc_huge(list->texts, size) :
									MemoryContextAllocHuge(list->context, size);
	}
	wanted = &list->texts[list->count++];
	memset(wanted, 0, sizeof(*wanted));
	wanted->dbid = dbid;
	wanted->queryid = queryid;
}

/* 0: there is none, or it is elsewhere in this version. */
static int64
FileBytes(void)
{
	struct stat file;

	return stat(TEXT_FILE, &file) == 0 ? (int64) file.st_size : 0;
}

bool
StatementTextsAreTooLarge(void)
{
	return Setting.query_text_size > 0 && FileBytes() > MAX_FILE_BYTES;
}

bool
StatementTextsAreDue(const StatementTexts *list)
{
	return list->count > 0 && !StatementTextsAreTooLarge() &&
		(list->in_session || GetCurrentTimestamp() >= next_read);
}

void
StatementTextsFetched(const StatementTexts *list, bool succeeded)
{
	int64 intervals = Max(1, FileBytes() / BYTES_PER_INTERVAL);
	int64 wait_ms = succeeded ? intervals * READ_INTERVAL_MS : AFTER_FAILURE_MS;

	if (list->in_session)
		return;
	next_read = GetCurrentTimestamp() + wait_ms * 1000;
}

/* ---- the list ---- */

static int
CompareTexts(const void *a, const void *b)
{
	const StatementText *x = a;
	const StatementText *y = b;

	if (x->dbid != y->dbid)
		return x->dbid < y->dbid ? -1 : 1;
	return (x->queryid > y->queryid) - (x->queryid < y->queryid);
}

/* A query id comes once for each user and level. */
static void
SortAndUnite(StatementTexts *list)
{
	int count = 0;

	if (list->sorted || list->count == 0)
		return;
	qsort(list->texts, list->count, sizeof(StatementText), CompareTexts);
	for (int i = 1; i < list->count; i++)
	{
		if (CompareTexts(&list->texts[count], &list->texts[i]) != 0)
			list->texts[++count] = list->texts[i];
	}
	list->count = count + 1;
	list->sorted = true;
}

static StatementText *
Find(StatementTexts *list, Oid dbid, int64 queryid)
{
	StatementText key = {.dbid = dbid, .queryid = queryid};

	if (list->count == 0)
		return NULL;
	SortAndUnite(list);
	return bsearch(&key, list->texts, list->count, sizeof(StatementText), CompareTexts);
}

const StatementText *
StatementTextsFind(StatementTexts *list, Oid dbid, int64 queryid)
{
	return Find(list, dbid, queryid);
}

void
StatementTextsRemember(const StatementTexts *list)
{
	uint32 now = NowInSeconds();

	if (list->in_session)
		return;
	if (seen == NULL)
		seen = MemoryContextAllocZero(TopMemoryContext, sizeof(SeenTexts));
	for (int i = 0; i < list->count; i++)
	{
		if (list->texts[i].looked_for)
			SeenPut(seen, list->texts[i].dbid, list->texts[i].queryid, now);
	}
}

/* ---- fetching ---- */

static ArrayType *
QueryIds(const StatementTexts *list)
{
	Datum *ids = palloc(sizeof(Datum) * list->count);

	for (int i = 0; i < list->count; i++)
		ids[i] = Int64GetDatum(list->texts[i].queryid);
	return construct_array(ids, list->count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
						   TYPALIGN_DOUBLE);
}

/*
 * What cannot be converted ends the text, and cuts it: one statement must not cost
 * all of them theirs.
 */
static char *
ToUtf8(char *raw, int encoding, bool *cut)
{
	int	  len = (int) strlen(raw);
	int	  size = len * MAX_CONVERSION_GROWTH + 1;
	Oid	  procedure;
	char *converted;

	*cut = false;
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return raw; /* the JSON writer replaces what is no UTF-8 */
	procedure = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(procedure))
		return raw;
	converted = palloc0(size);
	*cut = pg_do_encoding_conversion_buf(procedure, encoding, PG_UTF8, (unsigned char *) raw, len,
										 (unsigned char *) converted, size, true) < len;
	return converted;
}

/* Masks and cuts; the query has cut it already, all_bytes is the length of the whole. */
static void
Keep(StatementTexts *list, StatementText *wanted, char *raw, int encoding, int all_bytes)
{
	bool  converted_in_part;
	char *utf8 = ToUtf8(raw, encoding, &converted_in_part);
	char *out = palloc(Setting.query_text_size);
	bool  cut;

	wanted->len = SecretsMask(utf8, strlen(utf8), out, Setting.query_text_size, &cut);
	wanted->truncated = cut || converted_in_part || strlen(raw) < (size_t) all_bytes;
	wanted->text = memcpy(MemoryContextAlloc(list->context, wanted->len + 1), out, wanted->len);
	pfree(out);
}

static size_t
KeepRow(StatementTexts *list, HeapTuple row, TupleDesc desc)
{
	bool		   is_null;
	Oid			   dbid = DatumGetObjectId(SPI_getbinval(row, desc, 1, &is_null));
	int64		   queryid = DatumGetInt64(SPI_getbinval(row, desc, 2, &is_null));
	int			   encoding = DatumGetInt32(SPI_getbinval(row, desc, 3, &is_null));
	int			   all_bytes = DatumGetInt32(SPI_getbinval(row, desc, 4, &is_null));
	Datum		   prefix = SPI_getbinval(row, desc, 5, &is_null);
	StatementText *wanted = Find(list, dbid, queryid);

	if (wanted == NULL || wanted->text != NULL)
		return 0;
	wanted->looked_for = true;
	if (is_null)
		return 0; /* the file of texts is lost */
	Keep(list, wanted, TextDatumGetCString(prefix), encoding, all_bytes);
	return wanted->len;
}

static const char fetch_sql[] =
	"SELECT s.dbid, s.queryid, d.encoding, pg_catalog.octet_length(s.query), "
	"pg_catalog.\"left\"(s.query, $2) "
	"FROM @extschema@.pg_stat_statements(true) s JOIN pg_catalog.pg_database d ON d.oid = s.dbid "
	"WHERE s.queryid = ANY ($1)";

static void
FetchRaw(StatementTexts *list)
{
	Oid	   types[2] = {INT8ARRAYOID, INT4OID};
	Datum  values[2];
	int	   rows_at_once = Max(1, Min(MAX_FETCH_ROWS, FETCH_BYTES / Setting.query_text_size));
	size_t bytes = 0;
	Portal portal;

	values[0] = PointerGetDatum(QueryIds(list));
	values[1] = Int32GetDatum(Setting.query_text_size + 4); /* cut again later, at a character */
	portal = SPI_cursor_open_with_args(NULL, ExtensionNameSchema(fetch_sql, list->schema), 2, types,
									   values, NULL, true, CURSOR_OPT_NO_SCROLL);
	do
	{
		SPI_cursor_fetch(portal, true, rows_at_once);
		for (uint64 i = 0; i < SPI_processed; i++)
			bytes += KeepRow(list, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0 && bytes < TEXT_BUDGET);
	SPI_cursor_close(portal);

	/* of the others there is no text; where memory was short they come next time */
	for (int i = 0; i < list->count && bytes < TEXT_BUDGET; i++)
		list->texts[i].looked_for = true;
}

/*
 * The function converts every text from the encoding of its database to that
 * of ours, and a single one that cannot be converted (bytes of a SQL_ASCII
 * database; a character that LATIN1 does not have) is the end of it.  In a
 * SQL_ASCII database it converts nothing: for the time of the query we are
 * one, and convert what we take by ourselves.
 */
void
StatementTextsFetch(StatementTexts *list)
{
	int encoding = GetDatabaseEncoding();

	SortAndUnite(list);
	SetDatabaseEncoding(PG_SQL_ASCII);
	PG_TRY();
	{
		FetchRaw(list);
	}
	PG_FINALLY();
	{
		SetDatabaseEncoding(encoding);
	}
	PG_END_TRY();
}
