/*
 * sql.c: prepared statements of the store.
 */
#include "postgres.h"

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/guc.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "pg/clock.h"
#include "store/sql.h"

void
si_sql_open(void)
{
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
}

void
si_sql_close(void)
{
    if (SPI_finish() != SPI_OK_FINISH)
        elog(ERROR, "SPI_finish failed");
}

static void
prepare(SiStatement *statement)
{
    SPIPlanPtr plan;

    if (statement->plan != NULL)
        return;
    /* A statement is written for the index that it uses: planning it for the values of the first five calls finds the same. */
    plan = SPI_prepare_cursor(statement->text, statement->nargs, statement->types, CURSOR_OPT_GENERIC_PLAN);
    if (plan == NULL)
        elog(ERROR, "could not prepare \"%s\": %s", statement->text, SPI_result_code_string(SPI_result));
    if (SPI_keepplan(plan) != 0)
        elog(ERROR, "could not keep the plan of \"%s\"", statement->text);
    statement->plan = plan;
}

/*
 * A plan is kept, and may have been made when its table had a page: then reading all of it was right, and would be until
 * somebody analyzes it. Where it is going to be planned, what reads a whole table is off. Compiling is off for all: it goes by
 * costs, which are high where what is off is used for a small table after all, and takes longer than the statement. Returns what
 * set_back() takes.
 */
static int
plan_plainly(const SiStatement *statement)
{
    static const char *const off[] = {"jit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin"};
    CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(statement->plan));
    int n = statement->by_index ? lengthof(off) : 1;
    int level;

    if (source->is_valid && source->gplan && source->gplan->is_valid)
        return 0;
    level = NewGUCNestLevel();
    for (int i = 0; i < n; i++)
        (void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    return level;
}

static void
set_back(int level)
{
    if (level > 0)
        AtEOXact_GUC(true, level);
}

uint64
si_sql_run(SiStatement *statement, Datum *values, const char *nulls)
{
    int level;
    int code;

    prepare(statement);
    level = plan_plainly(statement);
    code = SPI_execute_plan(statement->plan, values, nulls, false, 0);
    set_back(level);
    if (code < 0)
        elog(ERROR, "could not run \"%s\": %s", statement->text, SPI_result_code_string(code));
    return SPI_processed;
}

/* In this subtransaction: an error ends it, wherever it is caught. */
static LocalTransactionId others_only = InvalidLocalTransactionId;
static SubTransactionId others_only_by = InvalidSubTransactionId;
static Snapshot others_as_of = NULL;

void
si_sql_leave_own_out(bool on)
{
    others_only = on ? MyProc->lxid : InvalidLocalTransactionId;
    others_only_by = GetCurrentSubTransactionId();
    others_as_of = NULL;
}

void
si_sql_leave_own_out_as_of(Snapshot snapshot)
{
    si_sql_leave_own_out(true);
    others_as_of = snapshot;
}

/* Own changes so far must be visible too, unless they are left out: the newest snapshot carries the current command id. */
static Snapshot
latest_snapshot(void)
{
    bool leave_own_out = others_only != InvalidLocalTransactionId && others_only == MyProc->lxid &&
                         others_only_by == GetCurrentSubTransactionId();
    Snapshot snapshot;

    CommandCounterIncrement();
    snapshot = leave_own_out && others_as_of ? others_as_of : GetLatestSnapshot();
    if (leave_own_out)
        snapshot->curcid = FirstCommandId;
    return snapshot;
}

uint64
si_sql_run_latest(SiStatement *statement, Datum *values, const char *nulls)
{
    int level;
    int code;

    prepare(statement);
    level = plan_plainly(statement);
    code = SPI_execute_snapshot(statement->plan, values, nulls, latest_snapshot(), InvalidSnapshot, true, false, 0);
    set_back(level);
    if (code < 0)
        elog(ERROR, "could not run \"%s\": %s", statement->text, SPI_result_code_string(code));
    return SPI_processed;
}

Datum
si_sql_get(uint64 row, int column, bool *isnull)
{
    Assert(row < SPI_processed);
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

int64
si_sql_int8(uint64 row, int column)
{
    bool isnull;
    Datum value = si_sql_get(row, column, &isnull);

    Assert(SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT8OID);
    return isnull ? 0 : DatumGetInt64(value);
}

int32
si_sql_int4(uint64 row, int column)
{
    bool isnull;
    Datum value = si_sql_get(row, column, &isnull);

    Assert(SPI_gettypeid(SPI_tuptable->tupdesc, column) == INT4OID);
    return isnull ? 0 : DatumGetInt32(value);
}

bool
si_sql_bool(uint64 row, int column)
{
    bool isnull;
    Datum value = si_sql_get(row, column, &isnull);

    Assert(SPI_gettypeid(SPI_tuptable->tupdesc, column) == BOOLOID);
    return !isnull && DatumGetBool(value);
}

TimestampTz
si_sql_time(uint64 row, int column)
{
    bool isnull;
    Datum value = si_sql_get(row, column, &isnull);

    Assert(SPI_gettypeid(SPI_tuptable->tupdesc, column) == TIMESTAMPTZOID);
    return isnull ? SI_NO_TIME : DatumGetTimestampTz(value);
}

pg_uuid_t
si_sql_uuid(uint64 row, int column, bool *isnull)
{
    bool null;
    Datum value = si_sql_get(row, column, &null);
    pg_uuid_t id = {{0}};

    Assert(SPI_gettypeid(SPI_tuptable->tupdesc, column) == UUIDOID);
    if (!null)
        id = *DatumGetUUIDP(value);
    if (isnull)
        *isnull = null;
    return id;
}

char *
si_sql_text_copy(uint64 row, int column, MemoryContext context)
{
    char *value = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);

    return value ? MemoryContextStrdup(context, value) : NULL;
}

Jsonb *
si_sql_jsonb_copy(uint64 row, int column, MemoryContext context)
{
    bool isnull;
    Datum value = si_sql_get(row, column, &isnull);
    MemoryContext previous;
    Jsonb *copy;

    if (isnull)
        return NULL;
    previous = MemoryContextSwitchTo(context);
    copy = DatumGetJsonbPCopy(value);
    MemoryContextSwitchTo(previous);
    return copy;
}

/* Counts on in the bits that are random at first: of one session's ids of a millisecond, later ones are greater. */
static void
count_on(pg_uuid_t *id)
{
    for (int i = UUID_LEN - 1; i > 8 && ++id->data[i] == 0; i--)
        ;
}

pg_uuid_t
si_uuid_new(void)
{
    static pg_uuid_t last;
    uint64 millis = (uint64) (si_now() / 1000 + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * (SECS_PER_DAY * INT64CONST(1000)));
    pg_uuid_t id;

    if (!pg_strong_random(id.data + 6, UUID_LEN - 6))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values")));
    for (int i = 0; i < 6; i++)
        id.data[i] = (unsigned char) (millis >> (40 - 8 * i));
    id.data[6] = (id.data[6] & 0x0f) | 0x70; /* version 7 */
    id.data[8] = (id.data[8] & 0x3f) | 0x80; /* variant of RFC 9562 */
    if (memcmp(id.data, last.data, 6) == 0)
    {
        id = last;
        count_on(&id);
    }
    last = id;
    return id;
}

bool
si_uuid_equal(const pg_uuid_t *a, const pg_uuid_t *b)
{
    return memcmp(a->data, b->data, UUID_LEN) == 0;
}

char *
si_uuid_text(const pg_uuid_t *id)
{
    return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

Datum
si_text_or_null(const char *text, char *null)
{
    *null = text ? ' ' : 'n';
    return text ? si_text_datum(text) : (Datum) 0;
}

Datum
si_time_or_null(TimestampTz at, char *null)
{
    *null = at == SI_NO_TIME ? 'n' : ' ';
    return TimestampTzGetDatum(at);
}

Datum
si_count_or_null(int64 count, char *null)
{
    *null = count < 0 ? 'n' : ' ';
    return Int64GetDatum(count);
}

Datum
si_uuids_datum(const pg_uuid_t *ids, int n)
{
    Datum *elements = palloc((n + 1) * sizeof(Datum));

    for (int i = 0; i < n; i++)
        elements[i] = UUIDPGetDatum(&ids[i]);
    return PointerGetDatum(construct_array(elements, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR));
}

Datum
si_times_datum(const TimestampTz *times, int n)
{
    Datum *elements = palloc((n + 1) * sizeof(Datum));
    bool *nulls = palloc((n + 1) * sizeof(bool));
    int lower_bound = 1;

    for (int i = 0; i < n; i++)
    {
        elements[i] = TimestampTzGetDatum(times[i]);
        nulls[i] = times[i] == SI_NO_TIME;
    }
    return PointerGetDatum(construct_md_array(elements, nulls, 1, &n, &lower_bound, TIMESTAMPTZOID, sizeof(TimestampTz), true, TYPALIGN_DOUBLE));
}

int
si_sql_ids(SiStatement *statement, Datum *values, pg_uuid_t **out)
{
    MemoryContext context = CurrentMemoryContext;
    uint64 n;

    si_sql_open();
    n = si_sql_run(statement, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(pg_uuid_t));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = si_sql_uuid(i, 1, NULL);
    si_sql_close();
    return (int) n;
}

void
si_sql_return(SiStatement *statement, Datum *values, const char *nulls, Tuplestorestate *result, TupleDesc desc)
{
    uint64 n;

    si_sql_open();
    n = si_sql_run(statement, values, nulls);
    if (SPI_tuptable->tupdesc->natts != desc->natts)
        elog(ERROR, "%d columns are asked for, %d are there", desc->natts, SPI_tuptable->tupdesc->natts);
    for (int i = 0; i < desc->natts; i++)
        if (SPI_gettypeid(SPI_tuptable->tupdesc, i + 1) != TupleDescAttr(desc, i)->atttypid)
            elog(ERROR, "column %d is of another type than asked for", i + 1);
    for (uint64 i = 0; i < n; i++)
        tuplestore_puttuple(result, SPI_tuptable->vals[i]);
    si_sql_close();
}
