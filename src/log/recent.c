/*
 * recent.c
 *		The entries that were read last, to know them again in another format.
 *
 * See recent.h.  Pure C.
 */
#include "log/recent.h"

#define SECOND INT64_C(1000000)

/* The files overlap, or processes lag, by no more than this. */
#define OVERLAP (60 * SECOND)

/* A file that begins so long before the end of the one before it was begun earlier, not by a slow clock. */
#define OLD_FILE (12 * 60 * 60 * SECOND)

/* What of the message is looked at. */
#define MESSAGE_BYTES 64

static uint64_t
Fingerprint(const LogEntry *entry)
{
	const LogText *message = &entry->text[LOG_MESSAGE];
	uint64_t	   hash = UINT64_C(14695981039346656037);
	size_t		   len = message->len < MESSAGE_BYTES ? message->len : MESSAGE_BYTES;

	/* FNV-1a */
	hash = (hash ^ (uint64_t) entry->level) * UINT64_C(1099511628211);
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) message->data[i]) * UINT64_C(1099511628211);
	return hash != 0 ? hash : 1;
}

/* %t gives whole seconds, taken a moment later than the time in the other formats. */
static bool
SameTime(int64_t a, int64_t b)
{
	int64_t difference = a > b ? a - b : b - a;

	if (a == 0 || b == 0)
		return true;
	if (a % SECOND != 0 && b % SECOND != 0)
		return difference < 1000;
	return difference < 2 * SECOND;
}

static void
Remember(LogRecent *recent, uint64_t hash, int64_t us, bool stray)
{
	recent->entry[recent->next].hash = hash;
	recent->entry[recent->next].us = us;
	recent->entry[recent->next].generation = recent->generation;
	recent->entry[recent->next].stray = stray;
	recent->next = (recent->next + 1) % LOG_RECENT_ENTRIES;
	if (recent->count < LOG_RECENT_ENTRIES)
		recent->count++;
}

/* All that is older was read, though it is not remembered. */
static int64_t
KnownTime(const LogRecent *recent)
{
	int oldest = recent->count < LOG_RECENT_ENTRIES ? 0 : recent->next;

	if (recent->count == 0)
		return recent->last_us;
	/* of those before the first one nothing is known; processes may be out of order */
	return recent->entry[oldest].us - (recent->count < LOG_RECENT_ENTRIES ? SECOND : 0);
}

void
LogRecentCompare(LogRecent *recent, int64_t last_us)
{
	recent->comparing = true;
	recent->generation++;
	recent->last_us = last_us;
	recent->known_us = KnownTime(recent);
}

/* Was it read, and is not yet found again? */
static bool
FindAgain(LogRecent *recent, uint64_t hash, int64_t us, bool stray)
{
	for (int i = 0; i < recent->count; i++)
	{
		bool is_other =
			recent->entry[i].generation != recent->generation || (recent->entry[i].stray && !stray);

		if (is_other && recent->entry[i].hash == hash && SameTime(recent->entry[i].us, us))
		{
			recent->entry[i].hash = 0;
			return true;
		}
	}
	return false;
}

void
LogRecentEnterFile(LogRecent *recent, int64_t last_us)
{
	recent->entering = last_us > 0;
	recent->skipping = false;
	recent->entered_us = last_us;
}

/* Is it from the last time that the server wrote to this file? */
static bool
IsOld(LogRecent *recent, int64_t us)
{
	if (us == 0)
		return recent->skipping;
	if (recent->entering)
		recent->skipping = us < recent->entered_us - OLD_FILE;
	recent->entering = false;
	if (recent->skipping && us >= recent->entered_us - OVERLAP)
		recent->skipping = false;
	return recent->skipping;
}

/* The same entry follows in the format of the file, if that is written as well. */
static void
ExpectAgain(LogRecent *recent, int64_t us)
{
	if (!recent->comparing)
		recent->known_us = 0;
	recent->comparing = true;
	if (us > recent->last_us)
		recent->last_us = us;
}

bool
LogRecentKnows(LogRecent *recent, const LogEntry *entry, int64_t us)
{
	uint64_t hash = Fingerprint(entry);
	bool	 known = false;

	if (IsOld(recent, us))
		return true;
	if (recent->comparing && us > recent->last_us + OVERLAP)
		recent->comparing = false;
	if (recent->comparing)
	{
		if (us > 0 && us < recent->known_us)
			return true;
		known = FindAgain(recent, hash, us, entry->stray);
	}
	if (entry->stray)
		ExpectAgain(recent, us);
	Remember(recent, hash, us, entry->stray);
	return known;
}
