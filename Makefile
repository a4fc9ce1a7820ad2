# sparkingest: a PostgreSQL 15 extension. `make quickstart` shows it at work, `make test` checks everything.
EXTENSION = sparkingest
EXTVERSION = 0.1.0
MODULE_big = sparkingest

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/pg/*.c src/domain/*.c src/store/*.c src/ledger/*.c src/flow/*.c src/kube/*.c src/worker/*.c src/api/*.c)))
DATA_built = sparkingest--$(EXTVERSION).sql
DOCS = README.md
EXTRA_CLEAN = sparkingest--$(EXTVERSION).sql exports.txt exports.list results output_iso tmp_check regression.diffs regression.out

PG_CPPFLAGS = -I$(CURDIR)/src
PG_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers -Wno-sign-compare -Wno-declaration-after-statement
SHLIB_LINK = -lcurl -lyaml
SHLIB_EXPORTS = exports.txt
NO_INSTALLCHECK = 1
with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(PGXS),)
include $(PGXS)
endif

$(OBJS): $(wildcard src/*.h src/*/*.h)

sparkingest--$(EXTVERSION).sql: $(sort $(wildcard sql/install/*.sql))
	cat $^ > $@

# What the server looks up by name, and nothing else: SQL functions, the load hook and the worker's entry.
exports.txt: $(OBJS:.o=.c)
	{ echo Pg_magic_func; echo _PG_init; echo si_dispatcher_main; echo si_planner_main; \
	  sed -n 's/^PG_FUNCTION_INFO_V1(\(.*\));/\1\npg_finfo_\1/p' $^ | sort; } | awk '{ print $$1, NR }' > $@

quickstart:
	test/quickstart/run

quickstart-stop:
	test/quickstart/run stop

.PHONY: quickstart quickstart-stop

test:
	test/run

soak: all install
	test/soak/run --attempts 1000000 --sessions 64

bench: all install
	test/bench/run

.PHONY: test soak bench
