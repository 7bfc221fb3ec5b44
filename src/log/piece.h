/*
 * piece.h
 *		The entries in a piece of a log file.
 */
#ifndef LOG_PIECE_H
#define LOG_PIECE_H

#include "postgres.h"

#include "log/output.h"

/* A piece of a log file, in memory, and what was found in it. */
typedef struct Piece
{
	LogOutput		 *out;
	const LogFile	 *file;
	const LogDialect *dialect;
	LogInside		  inside; /* what it begins with */

	int64 entries;
	int64 skipped_bytes; /* that are part of no entry */

	/* called before each entry, which is at "done" bytes; NULL: nobody wants to know */
	void (*at_entry)(struct Piece *piece, size_t done);
	void  *reader;
	uint64 offset; /* of the piece in its file; for at_entry */
} Piece;

extern LogOrigin PieceOrigin(const LogFile *file);

/* Is so much written as the limit allows, and does the rest wait? */
extern bool PieceLimitReached(const LogOutput *out);

/*
 * Takes the entries at the start of a piece as far as they are whole and the
 * limit allows.  full: no more would fit the buffer.  Returns the bytes that
 * are done with.  The bytes are changed, and there is one more behind them.
 */
extern size_t PieceTakeEntries(Piece *piece, char *data, size_t len, LogEnd end, bool full);

#endif /* LOG_PIECE_H */
