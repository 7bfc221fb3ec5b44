/*
 * log_speed.c
 *		What reading the server log takes, without a server: for bench/log_speed.
 *
 *		log_speed generate FORMAT ENTRIES > FILE
 *		log_speed read FORMAT FILE		prints counts and times as JSON
 *
 * Reading is what the collector does between the file and the batch: framing,
 * parsing, classifying, redacting and writing JSON, through a buffer of the same
 * size, in one thread.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log/write.h"

#include "../test/unit/log_generator.h"

#define BUFFER_SIZE (256 * 1024)
#define ROOM REDACTOR_ROOM(8192)
#define MAX_COUNTS 1024

typedef struct Count
{
	const char *name;			/* of the event, NULL: none */
	LogWord		level;
	long		entries;
} Count;

static Count counts[MAX_COUNTS];
static int	num_counts;
static long long bytes_written;

static bool
Discard(void *arg, const char *data, size_t len)
{
	bytes_written += len;
	return true;
}

static void
CountEntry(const char *name, LogWord level)
{
	for (int i = 0; i < num_counts; i++)
	{
		if (counts[i].name == name && counts[i].level == level)
		{
			counts[i].entries++;
			return;
		}
	}
	counts[num_counts++] = (Count) {name, level, 1};
}

static double
CpuSeconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* At most, so far; not what getrusage() says, which counts whoever started the program. */
static long
MemoryKb(void)
{
	FILE	   *file = fopen("/proc/self/status", "r");
	char		line[256];
	long		kb = 0;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "VmHWM: %ld", &kb);
	if (file != NULL)
		fclose(file);
	return kb;
}

typedef struct Reader
{
	const LogFormat *format;
	LogDialect	dialect;
	Meaning		meaning;
	Redactor	redactor;
	JsonWriter	writer;
	long		entries;
	long long	junk;
} Reader;

static void
TakeEntry(Reader *r, char *data, size_t len)
{
	LogEntry	entry;

	if (!r->format->parse(&r->dialect, data, len, &entry))
		return;
	LogClassify(&entry, &r->meaning);
	LogEntryWrite(&r->writer, &r->redactor, &entry, &r->meaning, true, 0);
	CountEntry(r->meaning.event != NULL ? r->meaning.event->name : NULL, entry.level);
	r->entries++;
}

static void
ReadLog(Reader *r, int fd)
{
	static char buffer[BUFFER_SIZE + 1];
	size_t		len = 0;
	bool		more = true;

	while (more || len > 0)
	{
		ssize_t		n = read(fd, buffer + len, BUFFER_SIZE - len);
		size_t		done = 0;

		more = n > 0;
		len += n > 0 ? n : 0;
		while (done < len)
		{
			LogFrame	frame = r->format->frame(&r->dialect, buffer + done, len - done,
												 more ? LOG_END_OPEN : LOG_END_FINAL);

			if (frame.kind == FRAME_MORE)
				break;
			if (frame.kind == FRAME_ENTRY)
				TakeEntry(r, buffer + done, frame.length);
			else
				r->junk += frame.length;
			done += frame.length;
		}
		if (!more && done == 0)
			break;
		memmove(buffer, buffer + done, len - done);
		len -= done;
	}
}

static int
Read(const char *format, const char *path)
{
	static Reader r;
	static char json_buffer[64 * 1024];
	double		start = CpuSeconds();
	int			fd = open(path, O_RDONLY);

	if (fd < 0)
	{
		perror(path);
		return 1;
	}
	r.format = LogFormatByName(format, strlen(format));
	LogDialectInit(&r.dialect, GENERATED_PREFIX);
	r.redactor = (Redactor) {.mode = LOG_REDACT_PARAMETERS, .english = true, .room = ROOM};
	r.redactor.buffer = malloc(REDACTOR_BUFFER_SIZE(ROOM));
	r.redactor.scratch = malloc(REDACTOR_BUFFER_SIZE(ROOM));
	JsonInit(&r.writer, (JsonSink) {Discard}, json_buffer, sizeof(json_buffer));
	JsonArrayBegin(&r.writer, NULL);
	ReadLog(&r, fd);
	JsonArrayEnd(&r.writer);
	JsonFlush(&r.writer);
	printf("{\"entries\":%ld,\"junk_bytes\":%lld,\"json_bytes\":%lld,\"seconds\":%.3f,\"memory_kb\":%ld,\"counts\":{",
		   r.entries, r.junk, bytes_written, CpuSeconds() - start, MemoryKb());
	for (int i = 0; i < num_counts; i++)
		printf("%s\"%s %s\":%ld", i > 0 ? "," : "", LogWordName(counts[i].level),
			   counts[i].name != NULL ? counts[i].name : "-", counts[i].entries);
	printf("}}\n");
	return 0;
}

static int
Generate(const char *format, long entries)
{
	static Generated g = {.random = 42};
	static char out[GENERATED_SIZE];

	while (entries-- > 0)
	{
		GenerateEntry(&g);
		if (fwrite(out, 1, WriteGenerated(&g, format, out), stdout) == 0)
			return 1;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "generate") == 0)
		return Generate(argv[2], atol(argv[3]));
	if (argc == 4 && strcmp(argv[1], "read") == 0)
		return Read(argv[2], argv[3]);
	fprintf(stderr, "usage: log_speed generate FORMAT ENTRIES | read FORMAT FILE\n");
	return 2;
}
