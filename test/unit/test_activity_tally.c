/*
 * test_activity_tally.c
 *		Counting what the backends do: nothing is lost, nothing grows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/activity_tally.h"

static ActivityTally tally;

static int
empty_tally(void **state)
{
	memset(&tally, 0, sizeof(tally));
	return 0;
}

static ActivityKey
key_of(uint64_t queryid, const char *application)
{
	ActivityKey key;

	memset(&key, 0xA5, sizeof(key));
	ActivityKeyClear(&key);
	key.queryid = queryid;
	ActivityKeySetText(key.application, sizeof(key.application), application);
	return key;
}

static void
add(ActivityKey key)
{
	ActivityTallyAdd(&tally, &key);
}

/* What there is under the key; 0: nothing. */
static int64_t
count_of(ActivityKey key)
{
	for (int i = 0; i < tally.used; i++)
	{
		if (memcmp(&tally.counts[i].key, &key, sizeof(key)) == 0)
			return tally.counts[i].count;
	}
	return 0;
}

static int64_t
sum(void)
{
	int64_t total = tally.other;

	for (int i = 0; i < tally.used; i++)
		total += tally.counts[i].count;
	return total;
}

static void
the_same_is_counted_together(void **state)
{
	for (int i = 0; i < 7; i++)
		add(key_of(1, "app"));
	add(key_of(2, "app"));

	assert_int_equal(tally.used, 2);
	assert_int_equal(count_of(key_of(1, "app")), 7);
	assert_int_equal(count_of(key_of(2, "app")), 1);
	assert_int_equal(tally.other, 0);
}

static void
every_field_tells_apart(void **state)
{
	ActivityKey plain = key_of(0, "");
	ActivityKey keys[8];

	for (int i = 0; i < 8; i++)
		keys[i] = plain;
	keys[0].queryid = 1;
	keys[1].database = 1;
	keys[2].user = 1;
	keys[3].wait_event = 1;
	keys[4].backend_type = 1;
	keys[5].state = 1;
	ActivityKeySetText(keys[6].application, sizeof(keys[6].application), "x");
	ActivityKeySetText(keys[7].worker, sizeof(keys[7].worker), "x");

	add(plain);
	for (int i = 0; i < 8; i++)
		add(keys[i]);
	assert_int_equal(tally.used, 9);
	for (int i = 0; i < 8; i++)
		assert_int_equal(count_of(keys[i]), 1);
}

static void
texts_are_told_apart_to_their_end(void **state)
{
	add(key_of(0, "12345678"));
	add(key_of(0, "123456789"));
	add(key_of(0, "1234567890123456"));
	add(key_of(0, "12345678901234567"));
	assert_int_equal(tally.used, 4);
}

static void
long_texts_are_cut(void **state)
{
	char		text[200];
	ActivityKey key;

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	key = key_of(0, text);
	assert_int_equal(strlen(key.application), ACTIVITY_NAME_SIZE - 1);
	assert_int_equal(key.worker[0], 0);
	add(key);
	add(key_of(0, text));
	assert_int_equal(tally.used, 1);
}

static void
a_full_tally_counts_the_rest_as_one(void **state)
{
	for (int round = 0; round < 3; round++)
	{
		for (int i = 0; i < ACTIVITY_MAX_KEYS + 500; i++)
			add(key_of((uint64_t) i, "app"));
	}
	assert_int_equal(tally.used, ACTIVITY_MAX_KEYS);
	assert_int_equal(tally.other, 3 * 500);
	assert_int_equal(sum(), 3 * (ACTIVITY_MAX_KEYS + 500));
	for (int i = 0; i < ACTIVITY_MAX_KEYS; i++)
		assert_int_equal(count_of(key_of((uint64_t) i, "app")), 3);
}

/* Keys that differ in one bit or in one field, whatever the slots they fall into. */
static void
keys_that_are_alike_are_found_again(void **state)
{
	for (int round = 0; round < 2; round++)
	{
		for (int i = 0; i < ACTIVITY_MAX_KEYS; i++)
		{
			ActivityKey key = key_of(i % 2 ? UINT64_C(1) << (i % 64) : 0, "");

			key.wait_event = (uint32_t) i << 22;
			key.database = (uint32_t) i * 16;
			add(key);
		}
	}
	assert_int_equal(tally.other, 0);
	assert_int_equal(sum(), 2 * ACTIVITY_MAX_KEYS);
	for (int i = 0; i < tally.used; i++)
		assert_int_equal(tally.counts[i].count % 2, 0);
}

static void
a_reset_forgets_everything(void **state)
{
	for (int i = 0; i < ACTIVITY_MAX_KEYS + 1; i++)
		add(key_of((uint64_t) i, ""));
	tally.samples = 5;
	ActivityTallyReset(&tally);
	assert_int_equal(tally.samples, 0);
	assert_int_equal(tally.other, 0);
	assert_int_equal(tally.used, 0);

	add(key_of(0, ""));
	add(key_of(0, ""));
	assert_int_equal(tally.used, 1);
	assert_int_equal(count_of(key_of(0, "")), 2);
}

/* The slowest case: a search among as many keys as there may be. */
static void
chains_stay_short(void **state)
{
	int longest = 0;
	int chain = 0;

	for (int i = 0; i < ACTIVITY_MAX_KEYS; i++)
	{
		char name[32];

		snprintf(name, sizeof(name), "worker %d", i);
		add(key_of((uint64_t) i * 1000, name));
	}
	for (int i = 0; i < ACTIVITY_SLOTS; i++)
	{
		chain = tally.slots[i] ? chain + 1 : 0;
		longest = chain > longest ? chain : longest;
	}
	assert_in_range(longest, 1, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_same_is_counted_together, empty_tally),
		cmocka_unit_test_setup(every_field_tells_apart, empty_tally),
		cmocka_unit_test_setup(texts_are_told_apart_to_their_end, empty_tally),
		cmocka_unit_test_setup(long_texts_are_cut, empty_tally),
		cmocka_unit_test_setup(a_full_tally_counts_the_rest_as_one, empty_tally),
		cmocka_unit_test_setup(keys_that_are_alike_are_found_again, empty_tally),
		cmocka_unit_test_setup(a_reset_forgets_everything, empty_tally),
		cmocka_unit_test_setup(chains_stay_short, empty_tally),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
