/*
 * dialects.h
 *		How the server writes its log, and wrote it before the last reload.
 */
#ifndef LOG_DIALECTS_H
#define LOG_DIALECTS_H

#include "postgres.h"

#include "log/logfile.h"
#include "log/zone.h"

/*
 * What was written before a reload is read by the settings of then.  The file
 * and offset where that ends is known when the reload is noticed; processes that
 * notice it later than we do write on as before, so each dialect knows the other.
 */
#define NUM_DIALECTS 4 /* reloads that came in quick succession */

typedef struct LogDialects
{
	LogDialect dialect[NUM_DIALECTS]; /* in a ring, by "other" */
	int		   count;
	int		   now;
	int		   former;		 /* the same where there is none */
	LogZones   zones;		 /* now is NULL: nothing was read yet */
	char	   prefix[1024]; /* log_line_prefix */
	LogFile	   until;		 /* the file that was written when they changed */
	uint64	   until_offset;
} LogDialects;

/* Looks at the settings.  True: they are others than the last time. */
extern bool LogDialectsRead(LogDialects *dialects);

static inline const LogDialect *
LogDialectsNow(const LogDialects *dialects)
{
	return &dialects->dialect[dialects->now];
}

/* Whether what is found at this place is certainly written by the settings of now. */
extern bool LogDialectsIsNow(const LogDialects *dialects, const LogFile *file, uint64 offset);

#endif /* LOG_DIALECTS_H */
