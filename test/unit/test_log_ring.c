/*
 * test_log_ring.c
 *		Entries through shared memory, with writers that stop and die.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log/ring.h"

#define ROOM (64 * 1024)
#define LEVEL 5

static LogRing	 *ring;
static RingReader reader;
static char		  buffer[RING_MAX_ENTRY];
static int64_t	  now_us;

static int
make_ring(void **state)
{
	ring = mmap(NULL, LogRingSize(ROOM), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ring == MAP_FAILED)
		return -1;
	LogRingInit(ring, ROOM);
	memset(&reader, 0, sizeof(reader));
	now_us = 1;
	return 0;
}

static int
free_ring(void **state)
{
	return munmap(ring, LogRingSize(ROOM));
}

static RingPut
put(const char *text)
{
	return LogRingPut(ring, LEVEL, true, text, strlen(text));
}

static RingTake
take(size_t *length)
{
	unsigned int level;

	return LogRingTake(ring, &reader, now_us, false, buffer, length, &level);
}

static void
assert_next(const char *text)
{
	size_t length;

	assert_int_equal(take(&length), RING_ENTRY);
	assert_int_equal(length, strlen(text));
	assert_memory_equal(buffer, text, length);
}

static void
assert_empty(void)
{
	size_t length;

	assert_int_equal(take(&length), RING_EMPTY);
}

/* ---- one process ---- */

static void
entries_come_out_in_order(void **state)
{
	unsigned int level;
	size_t		 length;

	assert_empty();
	put("one");
	put("");
	assert_int_equal(LogRingPut(ring, 7, false, "three", 5), RING_KEPT);
	assert_next("one");
	assert_next("");
	assert_int_equal(LogRingTake(ring, &reader, now_us, false, buffer, &length, &level),
					 RING_ENTRY);
	assert_int_equal(level, 7);
	assert_empty();
	assert_int_equal(LogRingDropped(ring, LEVEL), 0);
}

static void
what_is_not_released_can_be_taken_again(void **state)
{
	put("one");
	put("two");
	assert_next("one");
	LogRingRelease(ring, &reader);
	assert_next("two");
	LogRingRewind(ring, &reader);
	assert_next("two");
	assert_empty();
	assert_true(LogRingUsed(ring) > 0);
	LogRingRelease(ring, &reader);
	assert_int_equal(LogRingUsed(ring), 0);
}

static void
a_full_ring_drops_and_counts(void **state)
{
	int		kept = 0;
	int		filling = 0;
	RingPut result;

	while ((result = LogRingPut(ring, LEVEL, false, "some text", 9)) != RING_DROPPED)
	{
		kept++;
		filling += result == RING_KEPT_FILLING;
	}
	assert_int_equal(kept, ROOM / RING_CELL_SIZE * 3 / 4);
	assert_int_equal(filling, 1);
	assert_true(LogRingIsFilling(ring));
	assert_int_equal(LogRingDropped(ring, LEVEL), 1);

	/* the rest is for what is urgent */
	while (LogRingPut(ring, LEVEL + 1, true, "some text", 9) != RING_DROPPED)
		kept++;
	assert_int_equal(kept, ROOM / RING_CELL_SIZE);
	assert_int_equal(LogRingDropped(ring, LEVEL + 1), 1);

	for (int i = 0; i < kept; i++)
		assert_next("some text");
	assert_empty();
	assert_int_equal(put("x"), RING_DROPPED);
	LogRingRelease(ring, &reader);
	assert_false(LogRingIsFilling(ring));
	assert_int_equal(put("x"), RING_KEPT);
	assert_next("x");
}

static void
entries_of_any_length_wrap_around(void **state)
{
	static char text[RING_MAX_ENTRY];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char) ('a' + i % 26);
	for (int i = 0; i < 5000; i++)
	{
		size_t wanted = (size_t) i * 37 % LogRingMaxEntry(ring);
		size_t length;

		text[0] = (char) i;
		assert_int_not_equal(LogRingPut(ring, LEVEL, true, text, wanted), RING_DROPPED);
		assert_int_equal(take(&length), RING_ENTRY);
		assert_int_equal(length, wanted);
		assert_memory_equal(buffer, text, length);
		LogRingRelease(ring, &reader);
	}
	assert_int_equal(LogRingPut(ring, LEVEL, true, text, LogRingMaxEntry(ring)), RING_KEPT);
	assert_int_equal(LogRingPut(ring, LEVEL, true, text, LogRingMaxEntry(ring) + 1), RING_DROPPED);
}

static void
looking_changes_nothing(void **state)
{
	RingReader	 other = {0};
	unsigned int level;
	size_t		 length;

	put("one");
	put("two");
	assert_int_equal(LogRingTake(ring, &other, now_us, true, buffer, &length, &level), RING_ENTRY);
	assert_int_equal(LogRingTake(ring, &other, now_us, true, buffer, &length, &level), RING_ENTRY);
	assert_int_equal(LogRingTake(ring, &other, now_us, true, buffer, &length, &level), RING_EMPTY);
	assert_next("one");

	/* its place may be gone when it comes back */
	assert_next("two");
	LogRingRelease(ring, &reader);
	memset(&other, 0, sizeof(other));
	put("three");
	LogRingTake(ring, &other, now_us, true, buffer, &length, &level);
	LogRingDiscard(ring);
	assert_int_equal(LogRingUsed(ring), 0);
	assert_int_equal(LogRingDropped(ring, LEVEL), 0);
}

static void
scribbled_entries_are_lost_alone(void **state)
{
	size_t length;
	int	   torn = 0;
	char  *place;

	put("an entry that somebody writes over");
	put("two");
	/* wherever it is: the ring keeps the text as it is */
	place = (char *) ring;
	while (memcmp(place, "writes", 6) != 0)
		place++;
	*place = 'W';
	while (take(&length) == RING_TORN)
		torn++;
	assert_int_equal(torn, 1);
	assert_int_equal(LogRingDropped(ring, LEVEL), 1);
	assert_memory_equal(buffer, "two", 3);
	assert_empty();
}

/* ---- several processes ---- */

#define WRITERS 4
#define ENTRIES 20000

/* Every entry says who wrote it and is filled with a letter; false: it is not what one wrote. */
static bool
check_entry(const char *data, size_t length, int *writer, int *number)
{
	if (length < 8)
		return false;
	memcpy(writer, data, 4);
	memcpy(number, data + 4, 4);
	for (size_t i = 8; i < length; i++)
	{
		if (data[i] != (char) ('a' + (*writer + *number) % 26))
			return false;
	}
	return true;
}

static void
write_entries(int writer, int count, size_t most)
{
	static char data[RING_MAX_ENTRY];

	for (int i = 0; i < count || count == 0; i++)
	{
		size_t length = 8 + (size_t) (i * 31 + writer * 17) % (most - 8);

		memcpy(data, &writer, 4);
		memcpy(data + 4, &i, 4);
		memset(data + 8, 'a' + (writer + i) % 26, length - 8);
		LogRingPut(ring, LEVEL, true, data, length);
	}
	_exit(0);
}

static pid_t
start_writer(int writer, int count, size_t most)
{
	pid_t pid = fork();

	if (pid == 0)
		write_entries(writer, count, most);
	assert_true(pid > 0);
	return pid;
}

/* Takes until there is nothing; returns how many there were and checks each of them. */
static int
take_all(int *last_number)
{
	size_t	 length;
	RingTake took;
	int		 count = 0;

	while ((took = take(&length)) != RING_EMPTY)
	{
		int writer = -1;
		int number = -1;

		if (took == RING_TORN)
			continue;
		assert_true(check_entry(buffer, length, &writer, &number));
		assert_true(writer >= 0 && writer < WRITERS);
		assert_true(number > last_number[writer]); /* never twice, never out of order */
		last_number[writer] = number;
		count++;
	}
	LogRingRelease(ring, &reader);
	return count;
}

static void
each_entry_of_many_writers_comes_once_or_is_counted(void **state)
{
	int	  last_number[WRITERS] = {-1, -1, -1, -1};
	pid_t pids[WRITERS];
	int	  taken = 0;
	int	  running = WRITERS;

	for (int i = 0; i < WRITERS; i++)
		pids[i] = start_writer(i, ENTRIES, 1000);
	while (running > 0)
	{
		taken += take_all(last_number);
		for (int i = 0; i < WRITERS; i++)
		{
			if (pids[i] != 0 && waitpid(pids[i], NULL, WNOHANG) == pids[i])
			{
				pids[i] = 0;
				running--;
			}
		}
	}
	taken += take_all(last_number);
	assert_int_equal(taken + LogRingDropped(ring, LEVEL), WRITERS * ENTRIES);
	assert_true(taken > 0);
}

/*
 * A writer is stopped at any point, most likely while it copies; the others go
 * on and are read.  When it goes on itself nothing is torn.
 */
static void
a_writer_that_stops_holds_up_nobody(void **state)
{
	for (int round = 0; round < 100; round++)
	{
		int	  last_number[WRITERS] = {-1, -1, -1, -1};
		pid_t stopped = start_writer(0, 0, LogRingMaxEntry(ring));

		usleep(1000 + round * 37);
		assert_int_equal(kill(stopped, SIGSTOP), 0);
		assert_int_equal(waitpid(stopped, NULL, WUNTRACED), stopped);

		/* what it did, and then whatever it left unfinished is given up */
		take_all(last_number);
		now_us += 1000000;
		take_all(last_number);
		now_us += 1000000;
		take_all(last_number);
		assert_int_equal(LogRingUsed(ring), 0);

		/* its cells are used again, twice over, while it is in the middle of them */
		for (int i = 0; i < 2; i++)
		{
			pid_t other = start_writer(1 + i, 300, 600);

			assert_int_equal(waitpid(other, NULL, 0), other);
			assert_true(take_all(last_number) > 50);
		}

		kill(stopped, SIGCONT);
		usleep(500);
		take_all(last_number);
		kill(stopped, SIGKILL);
		assert_int_equal(waitpid(stopped, NULL, 0), stopped);
		now_us += 1000000;
		take_all(last_number);
		now_us += 1000000;
		take_all(last_number);
		assert_int_equal(LogRingUsed(ring), 0);
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_ring, free_ring)
	const struct CMUnitTest tests[] = {
		TEST(entries_come_out_in_order),
		TEST(what_is_not_released_can_be_taken_again),
		TEST(a_full_ring_drops_and_counts),
		TEST(entries_of_any_length_wrap_around),
		TEST(looking_changes_nothing),
		TEST(scribbled_entries_are_lost_alone),
		TEST(each_entry_of_many_writers_comes_once_or_is_counted),
		TEST(a_writer_that_stops_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
