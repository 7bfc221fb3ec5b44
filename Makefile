# pganalytics: build, install and test with PGXS
#
#   make, make install    the extension, for the pg_config in PATH or in PG_CONFIG
#   make check            regression tests on a temporary server
#   make installcheck     the same on the server that PGHOST and PGPORT name
#   make unit             unit tests of the modules that need no server
#   make tap              the promises, tried on real servers (test/t)
#   make fuzz             random input for what reads foreign bytes, FUZZ_SECONDS in all (clang)
#   make layering         who may include what
#   make sanitize valgrind coverage versions    the long checks, see scripts
#   make format           clang-format over src and test/unit

MODULE_big = pganalytics
EXTENSION = pganalytics
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pganalytics.control)
DATA = $(wildcard sql/pganalytics--*.sql)

SRCS := $(sort $(wildcard src/*.c src/*/*.c))
OBJS = $(SRCS:.c=.o)

PG_CPPFLAGS = -Isrc -DPGANALYTICS_SQL_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-declaration-after-statement $(WERROR)
SHLIB_LINK = -lcurl -lssl -lcrypto -lz -ljansson -Wl,--version-script=src/exports.map

# The same tests for "make check", which starts a server of its own, and "make installcheck"
REGRESS = install settings privileges status sample custom probes_server
REGRESS_OPTS = --inputdir=test --encoding=UTF8
EXTRA_CLEAN = test/unit/build test/fuzz/build tmp_check results log regression.diffs regression.out

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
PGXS_SRC := $(patsubst %/makefiles/pgxs.mk,%,$(PGXS))

ifeq ($(MAKECMDGOALS),check)

# PGXS has a "check" that refuses.  This one runs what "make install" has installed.
.PHONY: check
check:
	scripts/as-server-user $(PGXS_SRC)/test/regress/pg_regress --bindir='$(shell $(PG_CONFIG) --bindir)' \
		$(REGRESS_OPTS) --temp-instance=tmp_check --temp-config=test/check.conf $(REGRESS)

else

include $(PGXS)

# PGXS does not know which headers an object depends on.
$(OBJS): $(wildcard src/*.h src/*/*.h)

.PHONY: metrics metrics-check sanitize valgrind coverage versions unit tap fuzz layering format format-check schema schema-check

# Modules that never include postgres.h can be linked without a server.
PURE := $(shell grep -L '"postgres.h"' $(SRCS))
UNIT_DIR = test/unit/build
# SANITIZE: further flags of the compiler; UNIT_RUN: what the unit tests run under
UNIT_FLAGS = -g -O1 $(filter-out -Werror,$(PG_CFLAGS)) -Isrc $(SANITIZE)
PURE_OBJS = $(PURE:src/%.c=$(UNIT_DIR)/%.o)
UNIT_TESTS = $(patsubst test/unit/%.c,$(UNIT_DIR)/%,$(wildcard test/unit/test_*.c))

$(UNIT_DIR)/%.o: src/%.c $(wildcard src/*.h src/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(UNIT_FLAGS) -c -o $@ $<

$(UNIT_DIR)/test_%: test/unit/test_%.c $(PURE_OBJS)
	$(CC) $(UNIT_FLAGS) -o $@ $< $(PURE_OBJS) -lcmocka -ljansson -lm

unit: $(UNIT_TESTS)
	@status=0; for t in $(UNIT_TESTS); do CMOCKA_MESSAGE_OUTPUT=TAP $(UNIT_RUN) $$t || status=1; done; exit $$status

# PROVE_TESTS=test/t/001* runs some of them, PROVE_FLAGS=-v shows more
PROVE_TESTS ?= test/t/*.pl

tap:
	PATH="$(bindir):$$PATH" PG_REGRESS=$(PGXS_SRC)/test/regress/pg_regress scripts/as-server-user \
		prove -j2 $(PROVE_FLAGS) -I test/lib -I $(PGXS_SRC)/test/perl $(PROVE_TESTS)

# A target is one file test/fuzz/fuzz_X.c; its seeds are test/fuzz/corpus/X, see test/fuzz/README.md.
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 3600
FUZZ_DIR = test/fuzz/build
FUZZ_FLAGS = -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -std=gnu11 -Wall -Wextra -Wno-sign-compare -Wno-unused-parameter \
	-Wno-missing-field-initializers -Isrc
FUZZ_OBJS = $(PURE:src/%.c=$(FUZZ_DIR)/%.o)
FUZZ_TARGETS = $(patsubst test/fuzz/%.c,$(FUZZ_DIR)/%,$(wildcard test/fuzz/fuzz_*.c))

$(FUZZ_DIR)/%.o: src/%.c $(wildcard src/*.h src/*/*.h)
	@mkdir -p $(@D)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

$(FUZZ_DIR)/fuzz_%: test/fuzz/fuzz_%.c $(wildcard test/fuzz/*.h) $(FUZZ_OBJS)
	$(FUZZ_CC) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_OBJS) -ljansson -lm

fuzz: $(FUZZ_TARGETS)
	scripts/run-fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

layering:
	scripts/check-layering

# see the scripts; each has a short form
sanitize valgrind coverage versions:
	scripts/$@

$(UNIT_DIR)/print-%: scripts/print-%.c $(PURE_OBJS)
	$(CC) $(UNIT_FLAGS) -o $@ $< $(PURE_OBJS) -ljansson -lm

# What lies between the marks of docs/logs.md is generated.
LOG_DOCS = $(UNIT_DIR)/print-log-events | \
	awk 'FNR == NR { table = table $$0 "\n"; next } /^<!-- events end/ { skip = 0 } !skip { print } \
		/^<!-- events begin/ { printf "%s", table; skip = 1 }' - docs/logs.md

schema: $(UNIT_DIR)/print-schema $(UNIT_DIR)/print-log-events
	$< | /usr/bin/python3 -m json.tool --indent 2 > docs/schema/metrics.schema.json
	$(LOG_DOCS) > $(UNIT_DIR)/logs.md && mv $(UNIT_DIR)/logs.md docs/logs.md

schema-check: $(UNIT_DIR)/print-schema $(UNIT_DIR)/print-log-events
	$< | /usr/bin/python3 -m json.tool --indent 2 | diff -u docs/schema/metrics.schema.json -
	$(LOG_DOCS) | diff -u docs/logs.md -

metrics: $(UNIT_DIR)/print-metrics
	$< > docs/metrics.md

metrics-check: $(UNIT_DIR)/print-metrics
	$< | diff -u docs/metrics.md -

FORMATTED = $(wildcard src/*.[ch] src/*/*.[ch] test/unit/*.c test/fuzz/*.[ch] scripts/*.c)

format:
	clang-format -i $(FORMATTED)

format-check:
	clang-format --dry-run -Werror $(FORMATTED)

endif
