/*
 * dialects.c
 *		How the server writes its log, and wrote it before the last reload.
 */
#include "postgres.h"

#include "log/dialects.h"

#include "log/output.h"
#include "miscadmin.h"
#include "utils/elog.h"
#include "utils/guc.h"

/* Of utils/pg_locale.h, which wants the headers of ICU: no package of PostgreSQL's brings them along. */
extern char *pg_perm_setlocale(int category, const char *locale);

/*
 * What the server itself says for the words, whatever the table in severity.c
 * holds.  A worker speaks English (session.c), so for a moment it has to speak
 * as the server does.
 */
static void
LearnTranslations(LogDialect *dialect)
{
#ifdef ENABLE_NLS
	static const struct
	{
		LogWord		word;
		const char *msgid;
	} words[] = {
		{WORD_DETAIL, "DETAIL:  "},
		{WORD_HINT, "HINT:  "},
		{WORD_QUERY, "QUERY:  "},
		{WORD_CONTEXT, "CONTEXT:  "},
		{WORD_LOCATION, "LOCATION:  %s:%d\n"},
		{WORD_BACKTRACE, "BACKTRACE:  "},
		{WORD_STATEMENT, "STATEMENT:  "},
	};

	if (LogIsEnglish() || pg_perm_setlocale(LC_MESSAGES, LogLanguage()) == NULL)
		return;
	for (LogWord word = WORD_DEBUG; word <= WORD_PANIC; word++)
		LogDialectLearn(dialect, word, gettext(LogWordName(word)));
	for (int i = 0; i < lengthof(words); i++)
		LogDialectLearn(dialect, words[i].word, gettext(words[i].msgid));
	(void) pg_perm_setlocale(LC_MESSAGES, GetConfigOption("lc_messages", false, false));
#endif
}

/* Each one is followed by the one before it, the oldest by the newest. */
static void
Link(LogDialects *dialects)
{
	int count = dialects->count;

	for (int i = 0; i < count && count > 1; i++)
		dialects->dialect[i].other = &dialects->dialect[(i + count - 1) % count];
}

bool
LogDialectsRead(LogDialects *dialects)
{
	const char *prefix = Log_line_prefix != NULL ? Log_line_prefix : "";
	LogDialect *now = &dialects->dialect[dialects->now];
	bool		verbose = Log_error_verbosity >= PGERROR_VERBOSE;
	bool		changed = dialects->zones.now != NULL &&
		(strncmp(dialects->prefix, prefix, sizeof(dialects->prefix) - 1) != 0 ||
		 now->verbose != verbose || dialects->zones.now != log_timezone);

	if (changed)
	{
		if (dialects->zones.now != log_timezone)
			dialects->zones.former = dialects->zones.now;
		dialects->former = dialects->now;
		dialects->now = (dialects->now + 1) % NUM_DIALECTS;
		now = &dialects->dialect[dialects->now];
	}
	dialects->count = Max(dialects->count, dialects->now + 1);
	LogDialectInit(now, prefix);
	now->verbose = verbose;
	LearnTranslations(now);
	Link(dialects);
	dialects->zones.now = log_timezone;
	strlcpy(dialects->prefix, prefix, sizeof(dialects->prefix));
	return changed;
}

bool
LogDialectsIsNow(const LogDialects *dialects, const LogFile *file, uint64 offset)
{
	return LogFileSame(file, &dialects->until) && offset >= dialects->until_offset;
}
