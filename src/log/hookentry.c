/*
 * hookentry.c
 *		An entry of the log as it lies in the ring.
 *
 * HookFacts, then for each text its length (4 bytes, in the machine's order),
 * its bytes, and one byte that the reader may write to.
 */
#include "log/hookentry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define UNKNOWN UINT32_MAX

const LogField HookTexts[NUM_HOOK_TEXTS] = {
	[HOOK_TEXT_MESSAGE_ID] = LOG_FIELD_NONE,
	LOG_MESSAGE,
	LOG_USER,
	LOG_DATABASE,
	LOG_APPLICATION,
	LOG_CLIENT,
	LOG_BACKEND_TYPE,
	LOG_DETAIL,
	LOG_HINT,
	LOG_CONTEXT,
	LOG_QUERY,
	LOG_STATEMENT,
};

/* What a text takes besides its bytes. */
#define OVERHEAD (sizeof(uint32_t) + 1)

/* ---- packing ---- */

void
HookPackBegin(HookPacker *packer, char *buffer, size_t size, size_t text_limit)
{
	packer->buffer = buffer;
	packer->size = size;
	packer->used = sizeof(HookFacts);
	packer->text_limit = text_limit;
	packer->count = 0;
	packer->cut = false;
}

/* How much of the next text fits, with room for the lengths of all that follow. */
static size_t
RoomForText(const HookPacker *packer)
{
	size_t reserved = packer->used + (NUM_HOOK_TEXTS - packer->count) * OVERHEAD;
	size_t room = packer->size - reserved;

	return room < packer->text_limit ? room : packer->text_limit;
}

void
HookPackText(HookPacker *packer, const char *text)
{
	size_t	 room = RoomForText(packer);
	size_t	 length = text != NULL ? strnlen(text, room + 1) : 0;
	uint32_t told = text != NULL ? (uint32_t) length : UNKNOWN;

	if (text != NULL && length > room)
	{
		length = LogTextCut(text, length, room);
		told = (uint32_t) length;
		packer->cut = true;
	}
	memcpy(packer->buffer + packer->used, &told, sizeof(told));
	packer->used += sizeof(told);
	if (length > 0)
		memcpy(packer->buffer + packer->used, text, length);
	packer->buffer[packer->used + length] = '\0';
	packer->used += length + 1;
	packer->count++;
}

size_t
HookPackEnd(HookPacker *packer, HookFacts *facts)
{
	facts->cut = packer->cut;
	memcpy(packer->buffer, facts, sizeof(*facts));
	return packer->used;
}

/* ---- unpacking ---- */

static bool
UnpackText(char *data, size_t length, size_t *at, LogText *text)
{
	uint32_t told;

	if (length - *at < OVERHEAD)
		return false;
	memcpy(&told, data + *at, sizeof(told));
	*at += sizeof(told);
	text->data = NULL;
	text->len = 0;
	if (told != UNKNOWN)
	{
		if (told > length - *at - 1)
			return false;
		text->data = data + *at;
		text->len = told;
		*at += told;
	}
	*at += 1;
	return true;
}

static bool
UnpackTexts(char *data, size_t length, LogEntry *entry)
{
	size_t at = sizeof(HookFacts);

	for (int i = 0; i < NUM_HOOK_TEXTS; i++)
	{
		LogText text;

		if (!UnpackText(data, length, &at, &text))
			return false;
		if (i == HOOK_TEXT_MESSAGE_ID)
			entry->message_id = text;
		else
			entry->text[HookTexts[i]] = text;
	}
	return true;
}

static LogText
TextOf(char *text)
{
	return (LogText){text, strlen(text)};
}

bool
HookUnpack(char *data, size_t length, LogEntry *entry, HookNames *names)
{
	HookFacts  facts;
	HookFacts *in_place = (HookFacts *) data;

	memset(entry, 0, sizeof(*entry));
	if (length < sizeof(facts))
		return false;
	memcpy(&facts, data, sizeof(facts));
	facts.sqlstate[sizeof(facts.sqlstate) - 1] = '\0';
	if (!UnpackTexts(data, length, entry) || entry->text[LOG_MESSAGE].data == NULL ||
		!LogWordIsLevel(facts.level))
		return false;

	entry->level = (LogWord) facts.level;
	entry->time.kind = LOG_TIME_UNIX;
	entry->time.unix_us = facts.unix_us;
	entry->pid = facts.pid;
	entry->cut = facts.cut != 0;
	entry->text[LOG_SQLSTATE] = (LogText){in_place->sqlstate, strlen(facts.sqlstate)};
	snprintf(names->session_id, sizeof(names->session_id), "%" PRIx64 ".%x",
			 (uint64_t) facts.session_start, (unsigned int) facts.pid);
	entry->text[LOG_SESSION_ID] = TextOf(names->session_id);
	snprintf(names->query_id, sizeof(names->query_id), "%" PRId64, facts.query_id);
	if (facts.query_id != 0)
		entry->text[LOG_QUERY_ID] = TextOf(names->query_id);
	return true;
}
