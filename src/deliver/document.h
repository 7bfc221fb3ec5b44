/*
 * document.h
 *		The remote configuration as a backend sends it: checked whole, or refused
 *		whole.  Pure C.
 */
#ifndef DOCUMENT_H
#define DOCUMENT_H

#include "base/remote.h"

#define DOCUMENT_ERROR_SIZE 256

/* What this server allows. */
typedef struct DocumentLimits
{
	int floor_s[NUM_COLLECTORS]; /* shortest interval of each collector */
} DocumentLimits;

/*
 * Reads a document.  version_header is the value of X-Config-Version, "" where
 * there was none; the body's version comes first.  Fills version, intervals,
 * collectors, severities and ignored; the rest is zero.
 * False: nothing of it may be used, error says why.
 */
extern bool DocumentParse(const char *body, size_t size, const char *version_header,
						  const DocumentLimits *limits, RemoteConfig *config,
						  char error[DOCUMENT_ERROR_SIZE]);

#endif /* DOCUMENT_H */
