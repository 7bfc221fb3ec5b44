/*
 * log_generator.h
 *		The log of a busy server, made up: the same entries in each format.
 *
 * For the test that the formats agree (test_log_formats.c) and for the measurement
 * of speed (bench/log_speed.c).  The quoting is that of the server.
 */
#ifndef LOG_GENERATOR_H
#define LOG_GENERATOR_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What pgBadger recommends, and SQLSTATE. */
#define GENERATED_PREFIX "%m [%p] %e user=%u,db=%d,app=%a,client=%h "

#define GENERATED_TEXT 4096

typedef struct Generated
{
	uint64_t	random;
	int64_t		count;			/* entries so far */
	int			pid;
	const char *user;			/* "": no client */
	const char *database;
	const char *application;
	const char *client;
	const char *backend_type;
	const char *level;
	const char *sqlstate;
	char		message[GENERATED_TEXT];
	char		detail[GENERATED_TEXT];
	char		hint[256];
	char		context[GENERATED_TEXT];
	char		statement[GENERATED_TEXT];
} Generated;

static unsigned
Random(Generated *g, unsigned limit)
{
	g->random = g->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned) (g->random >> 33) % limit;
}

static double
RandomTime(Generated *g)
{
	return Random(g, 100000) / 100.0 + Random(g, 100) / 1000.0;
}

static void
Format(char *out, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	vsnprintf(out, GENERATED_TEXT, format, args);
	va_end(args);
}

/* A statement of a shop. */
static void
PutQuery(Generated *g, char *out, bool bound)
{
	unsigned	id = Random(g, 1000000);

	switch (Random(g, 5))
	{
		case 0:
			if (bound)
				Format(out, "SELECT o.id, o.created_at, o.total, c.name, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = $1 AND o.status = $2 ORDER BY o.created_at DESC LIMIT 50");
			else
				Format(out, "SELECT o.id, o.created_at, o.total, c.name, c.email FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.email = 'customer%u@example.net' AND o.status = 'open' ORDER BY o.created_at DESC LIMIT 50", id);
			break;
		case 1:
			if (bound)
				Format(out, "UPDATE stock SET quantity = quantity - $1, changed_at = now() WHERE article_id = $2 AND warehouse_id = $3");
			else
				Format(out, "UPDATE stock SET quantity = quantity - %u, changed_at = now() WHERE article_id = %u AND warehouse_id = %u", id % 7, id, id % 20);
			break;
		case 2:
			Format(out, "INSERT INTO events (kind, payload, created_at)\nVALUES ('view', '{\"article\": %u, \"referrer\": \"https://shop.example.net/search?q=it''s %u\"}', now()),\n       ('click', E'a\\'b', now())", id, id);
			break;
		case 3:
			Format(out, "SELECT count(*) FROM sessions WHERE last_seen > now() - interval '%u minutes'", id % 60);
			break;
		default:
			Format(out, "WITH recent AS (\n\tSELECT article_id, sum(quantity) AS sold FROM order_lines WHERE order_id > %u GROUP BY 1\n)\nSELECT a.name, r.sold, a.price * 1.19 FROM recent r JOIN articles a ON a.id = r.article_id\nWHERE a.category IN ('books', 'music', $$it's new$$) AND r.sold >= %u /* report %u */", id, id % 10, id);
	}
}

static void
MakeDuration(Generated *g)
{
	char		query[GENERATED_TEXT];
	bool		bound = Random(g, 2);

	PutQuery(g, query, bound);
	if (!bound)
	{
		Format(g->message, "duration: %.3f ms  statement: %s", RandomTime(g), query);
		return;
	}
	Format(g->message, "duration: %.3f ms  execute S_%u: %s", RandomTime(g), Random(g, 50), query);
	Format(g->detail, "parameters: $1 = 'customer%u@example.net', $2 = '%u', $3 = NULL", Random(g, 100000), Random(g, 100));
}

static void
MakeConnection(Generated *g)
{
	unsigned	port = 32768 + Random(g, 28000);

	switch (Random(g, 3))
	{
		case 0:
			g->user = g->database = g->application = "";
			g->backend_type = "not initialized";
			Format(g->message, "connection received: host=%s port=%u", g->client, port);
			break;
		case 1:
			Format(g->message, "connection authorized: user=%s database=%s application_name=%s SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)", g->user, g->database, g->application);
			break;
		default:
			Format(g->message, "disconnection: session time: 0:%02u:%02u.%03u user=%s database=%s host=%s port=%u", Random(g, 60), Random(g, 60), Random(g, 1000), g->user, g->database, g->client, port);
	}
}

static void
MakeError(Generated *g)
{
	unsigned	id = Random(g, 1000000);

	g->level = "ERROR";
	PutQuery(g, g->statement, false);
	switch (Random(g, 8))
	{
		case 0:
			g->sqlstate = "23505";
			Format(g->message, "duplicate key value violates unique constraint \"customers_email_key\"");
			Format(g->detail, "Key (email)=(customer%u@example.net) already exists.", id);
			break;
		case 1:
			g->sqlstate = "23503";
			Format(g->message, "insert or update on table \"orders\" violates foreign key constraint \"orders_customer_fkey\"");
			Format(g->detail, "Key (customer_id)=(%u) is not present in table \"customers\".", id);
			break;
		case 2:
			g->sqlstate = "42P01";
			Format(g->message, "relation \"order_%u\" does not exist", id % 10);
			break;
		case 3:
			g->sqlstate = "22P02";
			Format(g->message, "invalid input syntax for type integer: \"no number %u\"", id);
			Format(g->context, "PL/pgSQL function price_of(text) line %u at assignment", id % 30);
			break;
		case 4:
			g->sqlstate = "57014";
			Format(g->message, "canceling statement due to statement timeout");
			break;
		case 5:
			g->sqlstate = "40P01";
			Format(g->message, "deadlock detected");
			Format(g->detail, "Process %d waits for ShareLock on transaction %u; blocked by process %u.\nProcess %u waits for ShareLock on transaction %u; blocked by process %d.\nProcess %d: UPDATE stock SET quantity = %u WHERE article_id = 1\nProcess %u: UPDATE stock\nSET quantity = 7 WHERE article_id = 2", g->pid, id, id % 9999, id % 9999, id + 1, g->pid, g->pid, id, id % 9999);
			strcpy(g->hint, "See server log for query details.");
			Format(g->context, "while updating tuple (%u,%u) in relation \"stock\"", id % 100, id % 60);
			break;
		case 6:
			g->sqlstate = "P0001";
			Format(g->message, "article \"%u\" is sold out", id);
			Format(g->context, "PL/pgSQL function sell(integer) line 12 at RAISE\nSQL statement \"SELECT sell(%u)\"\nPL/pgSQL function inline_code_block line 1 at PERFORM", id);
			break;
		default:
			g->level = "FATAL";
			g->sqlstate = "28P01";
			Format(g->message, "password authentication failed for user \"%s\"", g->user);
			Format(g->detail, "Connection matched pg_hba.conf line 99: \"host all all 0.0.0.0/0 scram-sha-256\"");
			g->statement[0] = '\0';
	}
}

static void
MakeLock(Generated *g)
{
	unsigned	xid = 700 + Random(g, 100000);

	PutQuery(g, g->statement, true);
	if (Random(g, 2))
		Format(g->message, "process %d acquired ShareLock on transaction %u after %.3f ms", g->pid, xid, RandomTime(g) + 1000);
	else
	{
		Format(g->message, "process %d still waiting for ShareLock on transaction %u after 1000.%03u ms", g->pid, xid, Random(g, 1000));
		Format(g->detail, "Process holding the lock: %u. Wait queue: %d, %u.", xid % 9999, g->pid, xid % 777);
	}
	Format(g->context, "while updating tuple (%u,%u) in relation \"stock\"", xid % 100, xid % 60);
}

static void
MakeMaintenance(Generated *g)
{
	unsigned	n = Random(g, 10000);

	g->user = g->database = g->application = g->client = "";
	switch (Random(g, 4))
	{
		case 0:
			g->backend_type = "checkpointer";
			Format(g->message, "checkpoint starting: %s", n % 3 ? "time" : "wal");
			break;
		case 1:
			g->backend_type = "checkpointer";
			Format(g->message, "checkpoint complete: wrote %u buffers (%.1f%%); 0 WAL file(s) added, %u removed, %u recycled; write=%u.%03u s, sync=0.%03u s, total=%u.%03u s; sync files=%u, longest=0.%03u s, average=0.001 s; distance=%u kB, estimate=%u kB", n, n / 163.84, n % 5, n % 30, n % 270, n % 1000, n % 900, n % 270 + 1, n % 1000, n % 400, n % 200, n * 100, n * 110);
			break;
		case 2:
			g->backend_type = "autovacuum worker";
			Format(g->message, "automatic vacuum of table \"shop.public.stock\": index scans: 1\npages: 0 removed, %u remain, %u scanned (50.00%% of total)\ntuples: %u removed, %u remain, %u are dead but not yet removable\nremovable cutoff: %u, which was %u XIDs old when operation ended\nnew relfrozenxid: %u, which is %u XIDs ahead of previous value\nindex scan needed: %u pages from table (2.00%% of total) had %u dead item identifiers removed\nindex \"stock_pkey\": pages: %u in total, 0 newly deleted, 0 currently deleted, 0 reusable\navg read rate: 1.953 MB/s, avg write rate: 3.906 MB/s\nbuffer usage: %u hits, %u misses, %u dirtied\nWAL usage: %u records, %u full page images, %u bytes\nsystem usage: CPU: user: 0.03 s, system: 0.00 s, elapsed: %u.%02u s", n, n / 2, n * 3, n * 50, n % 100, 700 + n, n % 70, 600 + n, n % 50, n / 50, n, n / 3, n * 10, n, n / 4, n * 2, n / 9, n * 300, n % 600, n % 100);
			break;
		default:
			g->backend_type = "autovacuum worker";
			Format(g->message, "automatic analyze of table \"shop.public.stock\"\navg read rate: 12.500 MB/s, avg write rate: 0.100 MB/s\nbuffer usage: %u hits, %u misses, %u dirtied\nsystem usage: CPU: user: 0.04 s, system: 0.01 s, elapsed: 0.%02u s", n, n / 4, n / 9, n % 100);
	}
}

static void
MakePlan(Generated *g)
{
	unsigned	n = Random(g, 10000);

	Format(g->message, "duration: %.3f ms  plan:\nQuery Text: SELECT * FROM orders o JOIN customers c ON c.id = o.customer_id\nWHERE c.email = 'customer%u@example.net' AND o.total > %u\nNested Loop  (cost=0.71..%u.89 rows=1 width=84)\n  ->  Index Scan using customers_email_key on customers c  (cost=0.42..8.44 rows=1 width=40)\n        Index Cond: (email = 'customer%u@example.net'::text)\n  ->  Index Scan using orders_customer_idx on orders o  (cost=0.29..%u.00 rows=7 width=44)\n        Index Cond: (customer_id = c.id)\n        Filter: (total > '%u'::numeric)", RandomTime(g) + 1000, n, n, n, n, n, n);
}

static void
MakeOther(Generated *g)
{
	unsigned	n = Random(g, 100000);

	switch (Random(g, 3))
	{
		case 0:
			g->level = "WARNING";
			g->sqlstate = "01000";
			Format(g->message, "the queue \"orders\" is %u entries long, isn't it?", n);
			break;
		case 1:
			PutQuery(g, g->statement, false);
			Format(g->message, "temporary file: path \"base/pgsql_tmp/pgsql_tmp%d.%u\", size %u", g->pid, n % 10, n * 8192);
			break;
		default:
			Format(g->message, "something that \"nobody\" knows, with a tab\tand a 'quote' and ünïcödé %u", n);
	}
}

/* The next entry. */
static void
GenerateEntry(Generated *g)
{
	static const char *const users[] = {"shop", "report", "batch"};
	static const char *const applications[] = {"web", "worker 7", "psql", "PostgreSQL JDBC Driver"};
	static const char *const clients[] = {"192.0.2.7", "192.0.2.8", "198.51.100.23", "2001:db8::17"};
	unsigned	kind = Random(g, 100);

	g->count++;
	g->pid = 1000 + (int) Random(g, 200);
	g->user = users[Random(g, 3)];
	g->database = "shop";
	g->application = applications[Random(g, 4)];
	g->client = clients[Random(g, 4)];
	g->backend_type = "client backend";
	g->level = "LOG";
	g->sqlstate = "00000";
	g->detail[0] = g->hint[0] = g->context[0] = g->statement[0] = '\0';
	if (kind < 60)
		MakeDuration(g);
	else if (kind < 72)
		MakeConnection(g);
	else if (kind < 80)
		MakeError(g);
	else if (kind < 86)
		MakeLock(g);
	else if (kind < 92)
		MakeMaintenance(g);
	else if (kind < 95)
		MakePlan(g);
	else
		MakeOther(g);
}

/* A thousand entries a second. */
static void
PutTime(const Generated *g, char *out, size_t size)
{
	time_t		seconds = 1771581600 + g->count / 1000;
	struct tm	tm;
	char		text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(out, size, "%s.%03d UTC", text, (int) (g->count % 1000));
}

/* ---- stderr ---- */

static char *
PutPart(char *out, const char *prefix, const char *word, const char *text)
{
	out += sprintf(out, "%s%s:  ", prefix, word);
	for (; *text != '\0'; text++)
	{
		*out++ = *text;
		if (*text == '\n')
			*out++ = '\t';
	}
	*out++ = '\n';
	return out;
}

static size_t
WriteStderr(const Generated *g, char *out)
{
	char		time[64];
	char		prefix[256];
	char	   *p = out;

	PutTime(g, time, sizeof(time));
	snprintf(prefix, sizeof(prefix), "%s [%d] %s user=%s,db=%s,app=%s,client=%s ", time, g->pid,
			 g->sqlstate, g->user, g->database, g->application, g->client);
	p = PutPart(p, prefix, g->level, g->message);
	if (g->detail[0])
		p = PutPart(p, prefix, "DETAIL", g->detail);
	if (g->hint[0])
		p = PutPart(p, prefix, "HINT", g->hint);
	if (g->context[0])
		p = PutPart(p, prefix, "CONTEXT", g->context);
	if (g->statement[0])
		p = PutPart(p, prefix, "STATEMENT", g->statement);
	return p - out;
}

/* ---- csvlog ---- */

static char *
PutCsv(char *out, const char *text, bool last)
{
	if (text != NULL && text[0] != '\0')
	{
		*out++ = '"';
		for (; *text != '\0'; text++)
		{
			if (*text == '"')
				*out++ = '"';
			*out++ = *text;
		}
		*out++ = '"';
	}
	*out++ = last ? '\n' : ',';
	return out;
}

static size_t
WriteCsv(const Generated *g, char *out)
{
	char		time[64];
	char		client[80] = "";
	char	   *p = out;

	PutTime(g, time, sizeof(time));
	if (g->client[0])
		snprintf(client, sizeof(client), "%s:51234", g->client);
	p += sprintf(p, "%s,", time);
	p = PutCsv(p, g->user, false);
	p = PutCsv(p, g->database, false);
	p += sprintf(p, "%d,", g->pid);
	p = PutCsv(p, client, false);
	p += sprintf(p, "69983b20.%x,%lld,", g->pid, (long long) g->count);
	p = PutCsv(p, "SELECT", false);
	p += sprintf(p, "2026-02-20 10:00:00 UTC,3/%d,0,%s,%s,", g->pid, g->level, g->sqlstate);
	p = PutCsv(p, g->message, false);
	p = PutCsv(p, g->detail, false);
	p = PutCsv(p, g->hint, false);
	p += sprintf(p, ",,");
	p = PutCsv(p, g->context, false);
	p = PutCsv(p, g->statement, false);
	p += sprintf(p, ",,");
	p = PutCsv(p, g->application, false);
	p = PutCsv(p, g->backend_type, false);
	p += sprintf(p, ",0\n");
	return p - out;
}

/* ---- jsonlog ---- */

static char *
PutJson(char *out, const char *key, const char *text)
{
	if (text[0] == '\0')
		return out;
	out += sprintf(out, ",\"%s\":\"", key);
	for (; *text != '\0'; text++)
	{
		switch (*text)
		{
			case '"':
			case '\\':
				*out++ = '\\';
				*out++ = *text;
				break;
			case '\n':
				*out++ = '\\';
				*out++ = 'n';
				break;
			case '\t':
				*out++ = '\\';
				*out++ = 't';
				break;
			default:
				*out++ = *text;
		}
	}
	*out++ = '"';
	return out;
}

static size_t
WriteJson(const Generated *g, char *out)
{
	char		time[64];
	char	   *p = out;

	PutTime(g, time, sizeof(time));
	p += sprintf(p, "{\"timestamp\":\"%s\"", time);
	p = PutJson(p, "user", g->user);
	p = PutJson(p, "dbname", g->database);
	p += sprintf(p, ",\"pid\":%d", g->pid);
	if (g->client[0])
	{
		p = PutJson(p, "remote_host", g->client);
		p += sprintf(p, ",\"remote_port\":51234");
	}
	p += sprintf(p, ",\"session_id\":\"69983b20.%x\",\"line_num\":%lld,\"ps\":\"SELECT\",\"session_start\":\"2026-02-20 10:00:00 UTC\",\"vxid\":\"3/%d\",\"txid\":0", g->pid, (long long) g->count, g->pid);
	p = PutJson(p, "error_severity", g->level);
	if (strcmp(g->sqlstate, "00000") != 0)
		p = PutJson(p, "state_code", g->sqlstate);
	p = PutJson(p, "message", g->message);
	p = PutJson(p, "detail", g->detail);
	p = PutJson(p, "hint", g->hint);
	p = PutJson(p, "context", g->context);
	p = PutJson(p, "statement", g->statement);
	p = PutJson(p, "application_name", g->application);
	p = PutJson(p, "backend_type", g->backend_type);
	p += sprintf(p, ",\"query_id\":0}\n");
	return p - out;
}

/* The entry in a format, by its name; out has room for all texts twice and some more. */
#define GENERATED_SIZE (12 * GENERATED_TEXT)

static size_t
WriteGenerated(const Generated *g, const char *format, char *out)
{
	if (format[0] == 'j')
		return WriteJson(g, out);
	if (format[0] == 'c')
		return WriteCsv(g, out);
	return WriteStderr(g, out);
}

#endif							/* LOG_GENERATOR_H */
