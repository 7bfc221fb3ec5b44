# pganalytics: build, install and test with PGXS
#
#   make, make install    the extension, for the pg_config in PATH or in PG_CONFIG
#   make check            regression tests on a temporary server
#   make installcheck     the same on the server that PGHOST and PGPORT name
#   make unit             unit tests of the modules that need no server
#   make tap              the promises, tried on real servers (test/t)
#   make layering         who may include what
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

# "make check" starts a server of its own, "installcheck" uses a running one
REGRESS = install settings privileges status sample
REGRESS_OPTS = --inputdir=test
EXTRA_CLEAN = $(SRCS:.c=.gcda) $(SRCS:.c=.gcno) test/unit/build tmp_check results

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The default target of PGXS stays "all".
.PHONY: unit tap layering format schema
