/*
 * problem.c
 *		Changes of state go to the log once, the state itself to the status.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/timestamp.h"

#include "base/problem.h"

/* Who tells of it is in the middle of something, which a pending interrupt must not end here. */
static void
Tell(const char *what, const char *text)
{
	HOLD_INTERRUPTS();
	ereport(LOG, (errmsg("pganalytics: %s%s", what, text), errhidecontext(true)));
	RESUME_INTERRUPTS();
}

void
ProblemSet(ProblemId id, int code, const char *format, ...)
{
	char		 formatted[ERROR_TEXT_SIZE];
	char		 text[ERROR_TEXT_SIZE];
	ProblemSlot *slot;
	bool		 changed;
	va_list		 args;

	if (Shared == NULL)
		return;
	va_start(args, format);
	vsnprintf(formatted, sizeof(formatted), format, args);
	va_end(args);
	SharedCopyText(text, sizeof(text), formatted);

	slot = &Shared->problems[id];
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	changed = slot->code != code || (slot->expect_news && strcmp(slot->text, text) != 0);
	if (slot->code == 0)
		slot->since = GetCurrentTimestamp();
	slot->code = code;
	slot->expect_news = false;
	strlcpy(slot->text, text, sizeof(slot->text));
	LWLockRelease(Shared->lock);

	if (changed)
		Tell("", text);
}

static void
Clear(ProblemId id, char *text)
{
	ProblemSlot *slot = &Shared->problems[id];

	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	strlcpy(text, slot->text, ERROR_TEXT_SIZE);
	slot->code = 0;
	slot->expect_news = false;
	slot->since = 0;
	slot->text[0] = '\0';
	LWLockRelease(Shared->lock);
}

void
ProblemClear(ProblemId id)
{
	char text[ERROR_TEXT_SIZE];

	/* nearly always there is none: look without the lock */
	if (Shared == NULL || Shared->problems[id].code == 0)
		return;
	Clear(id, text);
	if (text[0])
		Tell("resolved: ", text);
}

void
ProblemForget(ProblemId id)
{
	char text[ERROR_TEXT_SIZE];

	Clear(id, text);
}

void
ProblemExpectNews(ProblemId id)
{
	LWLockAcquire(Shared->lock, LW_EXCLUSIVE);
	Shared->problems[id].expect_news = true;
	LWLockRelease(Shared->lock);
}
