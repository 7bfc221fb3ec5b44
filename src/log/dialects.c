/*
 * dialects.c
 *		How the server writes its log, and wrote it before the last reload.
 */
#include "postgres.h"

#include "log/dialects.h"

#include "miscadmin.h"
#include "utils/elog.h"

/* What the server itself says for the words, whatever the table in severity.c holds. */
static void
LearnTranslations(LogDialect *dialect)
{
#ifdef ENABLE_NLS
	static const struct
	{
		LogWord		word;
		const char *msgid;
	}			words[] = {
		{WORD_DETAIL, "DETAIL:  "},
		{WORD_HINT, "HINT:  "},
		{WORD_QUERY, "QUERY:  "},
		{WORD_CONTEXT, "CONTEXT:  "},
		{WORD_LOCATION, "LOCATION:  %s:%d\n"},
		{WORD_BACKTRACE, "BACKTRACE:  "},
		{WORD_STATEMENT, "STATEMENT:  "},
	};

	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
		LogDialectLearn(dialect, word, gettext(LogWordName(word)));
	for (int i = 0; i < lengthof(words); i++)
		LogDialectLearn(dialect, words[i].word, gettext(words[i].msgid));
#endif
}

bool
LogDialectsRead(LogDialects *dialects)
{
	const char *prefix = Log_line_prefix != NULL ? Log_line_prefix : "";
	bool		verbose = Log_error_verbosity >= PGERROR_VERBOSE;
	bool		changed = dialects->zone != NULL &&
		(strncmp(dialects->prefix, prefix, sizeof(dialects->prefix) - 1) != 0 ||
		 dialects->now.verbose != verbose || dialects->zone != log_timezone);

	if (changed)
	{
		dialects->former = dialects->now;
		dialects->former_zone = dialects->zone;
		dialects->former.other = &dialects->now;
	}
	LogDialectInit(&dialects->now, prefix);
	dialects->now.verbose = verbose;
	LearnTranslations(&dialects->now);
	dialects->now.other = dialects->former_zone != NULL ? &dialects->former : NULL;
	dialects->zone = log_timezone;
	strlcpy(dialects->prefix, prefix, sizeof(dialects->prefix));
	return changed;
}

bool
LogDialectsIsNow(const LogDialects *dialects, const LogFile *file, uint64 offset)
{
	return LogFileSame(file, &dialects->until) && offset >= dialects->until_offset;
}
