/*
 * piece.c
 *		The entries in a piece of a log file.
 *
 * An entry that does not fit the buffer is cut and the rest of it passed over.
 */
#include "postgres.h"

#include "log/piece.h"

LogOrigin
PieceOrigin(const LogFile *file)
{
	const char *slash = last_dir_separator(file->path);

	return (LogOrigin){file->format->source, slash != NULL ? slash + 1 : file->path};
}

bool
PieceLimitReached(const LogOutput *out)
{
	return out->written >= out->limit && !out->drop;
}

/* Parses an entry, in place, and hands it on.  cut: its end was passed over. */
static void
TakeEntry(Piece *piece, char *data, size_t len, bool cut)
{
	LogOrigin origin = PieceOrigin(piece->file);
	LogEntry  entry;

	if (!piece->file->format->parse(piece->dialect, data, len, &entry))
	{
		piece->skipped_bytes += len;
		return;
	}
	piece->entries++;
	entry.cut = cut;
	LogOutputEntry(piece->out, &origin, &entry);
}

/* Is its end, all of it being one entry, within a line or in quotes?  Formats go on to an end of their own. */
static void
NoteCut(Piece *piece, const char *data, size_t len)
{
	for (size_t at = 0; at < len;)
		at += piece->file->format->pass_over(data + at, len - at, &piece->inside);
}

size_t
PieceTakeEntries(Piece *piece, char *data, size_t len, LogEnd end, bool full)
{
	size_t done = 0;

	if (piece->inside != INSIDE_NONE)
		done = piece->file->format->pass_over(data, len, &piece->inside);
	while (done < len && !PieceLimitReached(piece->out))
	{
		LogFrame frame;
		bool	 cut = false;

		if (piece->at_entry != NULL)
			piece->at_entry(piece, done);
		frame = piece->file->format->frame(piece->dialect, data + done, len - done, end);
		if (frame.kind == FRAME_MORE)
		{
			if (done > 0 || !full)
				break;
			/* longer than the buffer: take what there is, pass over the rest */
			frame = (LogFrame){FRAME_ENTRY, len};
			cut = true;
			NoteCut(piece, data, len);
		}
		if (frame.kind == FRAME_ENTRY)
			TakeEntry(piece, data + done, frame.length, cut);
		else
			piece->skipped_bytes += frame.length;
		done += frame.length;
	}
	return done;
}
