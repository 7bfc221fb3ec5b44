/*
 * gzip.c
 *		Compress and uncompress the body of a batch; the only user of zlib.
 *
 * zlib's and our own memory is malloc'ed.  The poll function may leave by
 * longjmp as well as by exit, so what a run holds is remembered in static
 * variables and released by the next one.
 */
#include "postgres.h"

#include <zlib.h>

#include "deliver/gzip.h"

#define GZIP_CHUNK (256 * 1024)
#define GZIP_WINDOW (15 + 16) /* largest window, gzip header and trailer */
#define GZIP_MEMORY_LEVEL 8

/* Of the run that goes on, or was left in the middle. */
static struct
{
	z_stream stream;
	int (*end)(z_stream *stream); /* NULL: no run */
	char *output;
} run;

static void
RunRelease(void)
{
	if (run.end)
		run.end(&run.stream);
	free(run.output);
	memset(&run, 0, sizeof(run));
}

static GzipResult
RunFailed(const char *error)
{
	RunRelease();
	return (GzipResult){.error = error};
}

/*
 * Feeds all input through step (deflate or inflate) in chunks.  The output
 * must fit into size bytes.  Returns zlib's last answer.
 */
static int
RunToEnd(int (*step)(z_stream *stream, int flush), const char *data, size_t data_size, size_t size,
		 GzipPoll poll)
{
	z_stream *stream = &run.stream;
	size_t	  given = 0;
	size_t	  taken = 0;
	int		  status;

	do
	{
		if (stream->avail_in == 0)
		{
			stream->next_in = (Bytef *) data + given;
			stream->avail_in = Min(data_size - given, GZIP_CHUNK);
			given += stream->avail_in;
		}
		if (stream->avail_out == 0)
		{
			stream->next_out = (Bytef *) run.output + taken;
			stream->avail_out = Min(size - taken, GZIP_CHUNK);
			taken += stream->avail_out;
		}
		status = step(stream, given == data_size ? Z_FINISH : Z_NO_FLUSH);
		if (poll)
			poll();
		/* no progress, and more room or input could be given: not an error yet */
		if (status == Z_BUF_ERROR &&
			((stream->avail_out == 0 && taken < size) ||
			 (stream->avail_in == 0 && given < data_size)))
			status = Z_OK;
	} while (status == Z_OK);
	return status;
}

/* Hands the output over to the caller. */
static GzipResult
RunSucceeded(void)
{
	GzipResult result = {.data = run.output, .size = run.stream.total_out};

	run.output = NULL;
	RunRelease();
	return result;
}

GzipResult
GzipCompress(const char *data, size_t size, int level, GzipPoll poll)
{
	size_t bound;
	char  *smaller;

	RunRelease();
	if (deflateInit2(&run.stream, level, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY_LEVEL,
					 Z_DEFAULT_STRATEGY) != Z_OK)
		return RunFailed("out of memory");
	run.end = deflateEnd;

	/* untouched pages of a generous buffer cost nothing */
	bound = deflateBound(&run.stream, size);
	run.output = malloc(bound);
	if (run.output == NULL)
		return RunFailed("out of memory");
	if (RunToEnd(deflate, data, size, bound, poll) != Z_STREAM_END)
		return RunFailed("compression failed");

	smaller = realloc(run.output, run.stream.total_out);
	if (smaller)
		run.output = smaller;
	return RunSucceeded();
}

GzipResult
GzipUncompress(const char *data, size_t size, size_t expected, GzipPoll poll)
{
	int status;

	RunRelease();
	if (inflateInit2(&run.stream, GZIP_WINDOW) != Z_OK)
		return RunFailed("out of memory");
	run.end = inflateEnd;

	/* one byte more than expected tells "too long" from "just right" */
	run.output = malloc(expected + 1);
	if (run.output == NULL)
		return RunFailed("out of memory");
	status = RunToEnd(inflate, data, size, expected + 1, poll);
	if (status == Z_MEM_ERROR)
		return RunFailed("out of memory");
	if (status != Z_STREAM_END || run.stream.total_out != expected)
	{
		RunRelease();
		return (GzipResult){.error = "it is damaged", .damaged = true};
	}
	return RunSucceeded();
}

ssize_t
GzipPeek(const char *data, size_t data_size, char *buffer, size_t size)
{
	z_stream stream;
	int		 status;

	memset(&stream, 0, sizeof(stream));
	if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
		return -1;
	stream.next_in = (Bytef *) data;
	stream.avail_in = Min(data_size, GZIP_CHUNK);
	stream.next_out = (Bytef *) buffer;
	stream.avail_out = size;
	status = inflate(&stream, Z_SYNC_FLUSH);
	inflateEnd(&stream);
	if (status == Z_MEM_ERROR)
		return -1;
	return status == Z_OK || status == Z_STREAM_END ? stream.total_out : 0;
}
