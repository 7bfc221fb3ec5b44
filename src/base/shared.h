/*
 * shared.h
 *		What the processes of the extension and the status know of each other.
 *
 * Shared memory holds counters, texts for the status, the sequence number and
 * latches; no data.  Numbers are atomics; texts and what belongs together are
 * read and written under Shared->lock, which nobody holds over I/O or an
 * ereport.  All of it starts anew after a crash: what must survive is on disk.
 *
 * Shared is NULL where the library is not in shared_preload_libraries.
 */
#ifndef SHARED_H
#define SHARED_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"

#include "base/collectors.h"
#include "base/credentials.h"
#include "base/remote.h"

#define MAX_VISITORS 8
#define ERROR_TEXT_SIZE 512

/* What a worker says of itself. */
typedef struct WorkerSlot
{
	pid_t		pid;		/* 0: does not run */
	Latch	   *latch;		/* of its PGPROC; those are never freed */
	TimestampTz started_at; /* 0: never */
	int			restarts;
	char		state[32];	  /* "idle", "collecting", "sending", … */
	int64		memory_bytes; /* private memory, 0: not known */
} WorkerSlot;

typedef struct VisitorSlot
{
	WorkerSlot worker;
	Oid		   database;
	char	   database_name[NAMEDATALEN];
	uint32	   collectors;			  /* mask of 1 << CollectorType */
	uint8	   order[NUM_COLLECTORS]; /* in which they come, here all of them */
	uint64	   custom;				  /* mask of 1 << place in SharedState.custom */
	bool	   finished;			  /* set by the visitor: it has reported all it has to say */
	uint32	   left;				  /* the same: what it did not come to */
	uint32	   failed;				  /* the same: what ran into a timeout */
	uint64	   custom_left;			  /* the same: of "custom", what it did not come to */
	uint64	   custom_running;		  /* the same: number of the custom collector, 0: none */
} VisitorSlot;

/* One per collector type; written by collect/ledger.c. */
typedef struct CollectorSlot
{
	int64		runs;
	int64		errors;
	int64		rows;	  /* of the last run */
	TimestampTz last_run; /* 0: never */
	double		last_duration_ms;
	char		last_error[ERROR_TEXT_SIZE]; /* "": none */
	char		last_error_database[NAMEDATALEN];
	TimestampTz last_error_at;

	/* the run that is under way */
	TimestampTz run_started;
	uint64		run_ticket; /* requests up to here are served by it */
	int64		run_rows;
	double		run_ms; /* worked for it by visitors */
	char		run_error[ERROR_TEXT_SIZE];
	bool		run_lost; /* its batch could not be kept */

	/*
	 * pganalytics_collect(): a caller draws a ticket from "requested" and
	 * waits until "completed" reaches it.  The error of the run that served
	 * it, if any, is kept for the caller.
	 */
	uint64 requested;
	uint64 completed;
	char   completed_error[ERROR_TEXT_SIZE];
	bool   completed_lost;
} CollectorSlot;

/*
 * A custom collector: what pganalytics.database says of it, and its last run.
 * Written by the collector between rounds of visits, read by visitors.
 */
#define MAX_CUSTOM 64
#define CUSTOM_QUERY_SIZE 8192
#define CUSTOM_DATABASES_SIZE 1024

typedef struct CustomSlot
{
	char   name[NAMEDATALEN];		 /* "": not in use */
	char   query[CUSTOM_QUERY_SIZE]; /* UTF-8: it is run in databases of any encoding */
	char   databases[CUSTOM_DATABASES_SIZE];
	uint64 number; /* of this definition: no other ever has it */
	int	   interval_s;
	Oid	   role;		  /* that registered it */
	bool   was_superuser; /* it was one at that time */

	int64		runs; /* in databases */
	int64		errors;
	TimestampTz last_run; /* 0: never */
	double		last_duration_ms;
	int64		last_rows;
	char		last_database[NAMEDATALEN];
	char		last_error[ERROR_TEXT_SIZE]; /* "": none */
	char		last_error_database[NAMEDATALEN];
	TimestampTz last_error_at;
	Oid			ended_visit_to; /* by taking no cancellation; until it succeeds there */
} CustomSlot;

typedef enum DeliveryState
{
	DELIVERY_OFF,	   /* no backend_url */
	DELIVERY_STARTING, /* nothing tried yet */
	DELIVERY_OK,
	DELIVERY_BACKOFF,
	DELIVERY_UNAUTHORIZED,
	DELIVERY_MISCONFIGURED
} DeliveryState;

typedef struct DeliverySlot
{
	DeliveryState state;
	int64		  sent;						   /* batches delivered */
	int64		  failed;					   /* attempts that were not */
	int64		  bytes_raw;				   /* of delivered batches, JSON */
	int64		  bytes_sent;				   /* of delivered batches, as they went out */
	char		  tls_version[16];			   /* of the last connection, "": none */
	int			  last_status;				   /* of the last reply, 0: none */
	TimestampTz	  last_success;				   /* 0: never */
	char		  last_error[ERROR_TEXT_SIZE]; /* "": none */
	int			  consecutive_failures;
	TimestampTz	  next_attempt;		/* 0: nothing is waiting for a retry */
	TimestampTz	  token_expires_at; /* 0: no token */
	uint64		  flush_requested;	/* pganalytics_flush() draws a ticket */
} DeliverySlot;

/* The collector id from registration, see identity.h. */
typedef struct RegisteredSlot
{
	pg_atomic_uint32 generation;			  /* see published.h */
	char			 id[CREDENTIALS_ID_SIZE]; /* "": none */
} RegisteredSlot;

/* What a backend asks for, see inforce.h. */
typedef struct PublishedRemote
{
	bool		 present; /* there is one */
	RemoteConfig config;
} PublishedRemote;

typedef struct RemoteSlot
{
	pg_atomic_uint32 generation; /* see published.h */
	PublishedRemote	 published;
	TimestampTz		 pulled_at; /* the last time the backend gave an answer, 0: never */
	char			 last_error[ERROR_TEXT_SIZE]; /* "": none */
} RemoteSlot;

/* What a session has the sender do: it draws a ticket and waits until "completed" reaches it. */
typedef enum ErrandId
{
	ERRAND_REGISTER,
	ERRAND_PULL_CONFIG
} ErrandId;

#define NUM_ERRANDS (ERRAND_PULL_CONFIG + 1)
#define ERRAND_ARGUMENT_SIZE 129

typedef struct ErrandSlot
{
	uint64 requested;
	uint64 completed;
	char   argument[ERRAND_ARGUMENT_SIZE]; /* of the newest request */
	char   error[ERROR_TEXT_SIZE];		   /* of the last one completed, "": none */
} ErrandSlot;

/* See problem.h. */
typedef enum ProblemId
{
	PROBLEM_STATE_DIRECTORY, /* cannot be created or written */
	PROBLEM_SPOOL,			 /* a batch could not be kept */
	PROBLEM_POSTPONED,		 /* one that was kept cannot be read, split or moved away now */
	PROBLEM_EVICTION,		 /* batches were dropped to keep a limit */
	PROBLEM_REJECTED,		 /* the backend, or a checksum, refused a batch */
	PROBLEM_DELIVERY,		 /* the backend cannot be reached, or refuses us */
	PROBLEM_CREDENTIALS,	 /* certificate, key or secret file */
	PROBLEM_CONFIG,			 /* the remote configuration is refused or cannot be had */
	PROBLEM_DATABASE,		 /* pganalytics.database cannot be connected to */
	PROBLEM_VISITORS,		 /* visitors cannot be started or fail */
	PROBLEM_LOG,			 /* the server log cannot be read */
	PROBLEM_LOG_FORMAT,		 /* its prefix is not understood in full */
	PROBLEM_STATEMENTS,		 /* pg_stat_statements cannot be read */
	PROBLEM_LATE_VISITS,	 /* a database has not been visited for long */
	PROBLEM_CPU				 /* collectors are delayed by max_cpu_percent */
} ProblemId;

#define NUM_PROBLEMS (PROBLEM_CPU + 1)

/* A probe that timed out in a database; see collect/breaker.h. */
typedef struct BreakerSlot
{
	int			collector;
	Oid			database;
	const void *what;
	uint64		number;
	int			timeouts; /* in a row; 0: the slot is free */
	TimestampTz until;	  /* it is left alone; 0: it is not */
} BreakerSlot;

#define MAX_BREAKERS 64
#define BREAKER_OPENS_AT 3

typedef struct ProblemSlot
{
	int			code;		 /* 0: no problem */
	bool		expect_news; /* see ProblemExpectNews */
	TimestampTz since;
	char		text[ERROR_TEXT_SIZE];
} ProblemSlot;

/* How far somebody came: in this part, the tables after this one are left. */
typedef struct SnapshotPlace
{
	int part;
	Oid after;
} SnapshotPlace;

/* A snapshot, as far as it was hashed and sent. */
typedef struct SentSnapshot
{
	int64		  changes;	  /* of the catalogues, before it was hashed; -1: not known */
	Oid			  last_table; /* that was looked at */
	SnapshotPlace hashed;
	uint64		  steady_hash; /* of the parts that change only with the catalogues */
	uint64		  hash;		   /* of the whole */
	SnapshotPlace sent;
	bool		  is_complete; /* all of it was sent */
	int32		  skipped;	   /* definitions that could not be read */
	TimestampTz	  begun_at;
	uint64		  since; /* the sequence numbers that hold it are larger */
} SentSnapshot;

/* Written by collect/snapshots.c. */
typedef struct SnapshotSlot
{
	int			 collector;
	Oid			 database;	  /* InvalidOid: of the cluster */
	uint64		 recipient;	  /* to whom it was sent, under which id */
	TimestampTz	 looked_at;	  /* 0: the slot is free */
	int			 look_wait_s; /* until the next look before its time */
	SentSnapshot snapshot;
} SnapshotSlot;

#define MAX_SNAPSHOTS 1024

/* Batches that arrived and cannot be removed; with so many of them nothing more is sent. */
#define ARRIVED_MOST 64

/*
 * Batches that are counted already, and about to leave the spool otherwise
 * than by delivery; 0: none.  They stand in the file of the counters, too.
 */
typedef struct Leaving
{
	uint64 dropping;
	uint64 rejecting;
	uint64 splitting;
	uint64 halves[2]; /* of "splitting" */
} Leaving;

/* Where the log collector has got to; counts are those since the server started. */
typedef struct LogSlot
{
	char   source[16]; /* "": nowhere yet */
	char   file[256];
	uint64 offset;
	uint64 backlog_bytes; /* of this file, not read by the last run */
	int64  entries;		  /* read, sent or not */
	int64  dropped;		  /* entries left out by log_max_rate */
	int64  lost_bytes;	  /* seen, but gone before they were read */
	int64  skipped_bytes; /* that were part of no entry */
} LogSlot;

typedef struct SharedState
{
	LWLock	   *lock;
	TimestampTz initialized_at; /* start of the server, or its restart after a crash */

	WorkerSlot	collector;
	WorkerSlot	sender;
	VisitorSlot visitors[MAX_VISITORS];
	double		longest_visit_ms;
	struct
	{
		int	  databases;	  /* that are visited */
		int64 longest_gap_ms; /* between two visits of a database, or since its last */
		char  longest_gap_database[NAMEDATALEN];
	} visits;

	/* see collect/cpu_lid.c */
	int64  cpu_of_ended; /* µs that workers used which have ended */
	int64  cpu_total;	 /* µs, of all, since the server started */
	double cpu_percent;	 /* of one core, over the last minute */
	int64  cpu_delayed_ms;

	CollectorSlot	  collectors[NUM_COLLECTORS];
	BreakerSlot		  breakers[MAX_BREAKERS];
	ConditionVariable progress; /* a collection completed, a batch left the spool */

	CustomSlot		 custom[MAX_CUSTOM];
	uint64			 custom_number;	 /* the last that was given to one */
	pg_atomic_uint64 custom_changes; /* of their table, by pganalytics_…_custom_collector() */

	DeliverySlot   delivery;
	RegisteredSlot registered;
	RemoteSlot	   remote;
	ErrandSlot	   errands[NUM_ERRANDS];
	ProblemSlot	   problems[NUM_PROBLEMS];
	LogSlot		   log;
	SnapshotSlot   snapshots[MAX_SNAPSHOTS];

	/* pganalytics.database: failed connections and when to try again */
	int			connect_failures;
	TimestampTz connect_tried_at;
	TimestampTz connect_not_before;

	/* spool: see spool/README.md */
	pg_atomic_uint64 sequence; /* last one given out */
	pg_atomic_uint64 batches;  /* files waiting */
	pg_atomic_uint64 bytes;	   /* their size */
	pg_atomic_uint64 oldest;   /* sequence of the oldest, 0: none known */
	pg_atomic_uint64 written;
	pg_atomic_uint64 dropped;				/* cumulative for the collector id, kept on disk */
	pg_atomic_uint64 rejected;				/* the same */
	pg_atomic_uint64 split;					/* the same */
	pg_atomic_uint64 sending;				/* sequence that the sender works on, 0: none */
	pg_atomic_uint64 evicting;				/* sequence that is being evicted, 0: none */
	pg_atomic_uint64 newest_half;			/* sequence of the last batch made by splitting one */
	pg_atomic_uint64 arrived[ARRIVED_MOST]; /* cannot be removed, 0: free */
	Leaving			 leaving;				/* under the lock, with the count that goes with it */
	uint64			 newest_lost;		/* the same: largest sequence dropped or rejected so far */
	uint64			 spool_device;		/* of the directory that batches and bytes count */
	uint64			 spool_inode;		/* the same */
	uint64			 spool_failed_size; /* of the last batch that could not be kept */
	TimestampTz		 spool_failed_at;
	pg_atomic_uint32 counters_busy;
	pg_atomic_uint32 recovered; /* the spool has been looked through since the server started */
} SharedState;

extern SharedState *Shared;

extern void SharedInit(void);

/*
 * Copies text into a slot of fixed size.  No UTF-8 character is cut in two,
 * neither here nor by an snprintf that the text may have been through.
 */
extern void SharedCopyText(char *slot, size_t size, const char *text);

/*
 * Does a visit of custom collectors last longer than any can that is still to
 * be interrupted?
 */
extern bool VisitIsStuck(const VisitorSlot *slot, TimestampTz now);

/* Wakes a worker, if it runs. */
extern void WakeWorker(const WorkerSlot *slot);

#endif /* SHARED_H */
