/*
 * jobs.c: rows of ingestion_jobs and sla_tiers.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "domain/quantity.h"
#include "pg/wake.h"
#include "store/jobs.h"
#include "store/sql.h"

static const char *const status_words[] = {
    [SI_JOB_ACTIVE] = "active", [SI_JOB_PAUSED] = "paused", [SI_JOB_DROPPED] = "dropped"};
static const char *const no_capacity_words[] = {
    [SI_NO_CAPACITY_DRAFT] = "draft", [SI_NO_CAPACITY_WAIT] = "wait", [SI_NO_CAPACITY_REJECT] = "reject"};
static const char *const overlap_words[] = {[SI_OVERLAP_FORBID] = "forbid",
                                            [SI_OVERLAP_QUEUE_ONE] = "queue_one",
                                            [SI_OVERLAP_ALLOW] = "allow",
                                            [SI_OVERLAP_REPLACE] = "replace"};
static const char *const misfire_words[] = {
    [SI_MISFIRE_ALL] = "all", [SI_MISFIRE_LATEST] = "latest", [SI_MISFIRE_NONE] = "none"};

/* Position of a stored word; the table's checks leave no other. */
static int
position(const char *const *words, int n, const char *word)
{
    for (int i = 0; i < n; i++)
        if (strcmp(words[i], word) == 0)
            return i;
    elog(ERROR, "unknown word \"%s\" in ingestion_jobs", word);
}

#define POSITION(words, word) position(words, lengthof(words), word)

const char *
si_job_status_name(SiJobStatus status)
{
    return status_words[status];
}

#define SELECT_JOBS \
    "SELECT j.tenant_id, j.job_name, j.stage = 'draft', j.status, j.version, j.source_type, j.source_config, " \
    "j.destination_config, j.cpu_millicores, j.memory_mib, j.executors, " \
    "(j.estimated_runtime_minutes * 60000)::bigint, j.schedule_cron, j.time_zone, j.next_fire_at, " \
    "j.sla_requirements, j.tier, j.priority, (j.sla_window_hours * 1000)::bigint, j.max_runtime_minutes, " \
    "j.on_no_capacity, j.overlap_policy, j.misfire_policy, " \
    "(EXTRACT(epoch FROM j.catchup_window) * 1000000)::bigint, j.options, j.watermark, j.target_namespace, " \
    "j.owner_oid, j.blocked_reason, j.created_at, j.updated_at, t.status, " \
    "(SELECT r.rolname FROM pg_catalog.pg_roles AS r WHERE r.oid = j.owner_oid), j.owner_name, j.job_id, j.plan_at, " \
    "COALESCE(j.raised_memory_mib, 0), EXISTS (SELECT FROM sparkingest.job_dependencies AS d WHERE d.after_job_id = j.job_id) " \
    "FROM sparkingest.ingestion_jobs AS j JOIN sparkingest.tenants AS t USING (tenant_id) "

#define SELECT_JOB SELECT_JOBS "WHERE j.job_id = $1"

#define ORDER_OF_PLAN "ORDER BY j.priority DESC, j.next_fire_at, j.created_at, j.job_id "

static void
job_from_row(uint64 row, MemoryContext context, SiJob *out)
{
    bool isnull;

    memset(out, 0, sizeof(*out));
    out->job_id = si_sql_uuid(row, 35, NULL);
    out->plan_at = si_sql_time(row, 36);
    out->tenant_id = si_sql_uuid(row, 1, NULL);
    out->job_name = si_sql_text_copy(row, 2, context);
    out->draft = si_sql_bool(row, 3);
    out->status = (SiJobStatus) POSITION(status_words, si_sql_text_copy(row, 4, CurrentMemoryContext));
    out->version = si_sql_int4(row, 5);
    out->source_type = si_sql_text_copy(row, 6, context);
    out->source_config = si_sql_jsonb_copy(row, 7, context);
    out->destination_config = si_sql_jsonb_copy(row, 8, context);
    out->cpu_millicores = si_sql_int8(row, 9);
    out->memory_mib = si_sql_int8(row, 10);
    out->executors = si_sql_int4(row, 11);
    out->estimated_millis = si_sql_int8(row, 12);
    out->schedule_cron = si_sql_text_copy(row, 13, context);
    out->time_zone = si_sql_text_copy(row, 14, context);
    out->next_fire_at = si_sql_time(row, 15);
    out->sla_requirements = si_sql_jsonb_copy(row, 16, context);
    out->tier = si_sql_text_copy(row, 17, context);
    out->priority = si_sql_int4(row, 18);
    out->sla_window_millihours = si_sql_int8(row, 19);
    out->max_runtime_minutes = si_sql_int4(row, 20);
    out->on_no_capacity = (SiOnNoCapacity) POSITION(no_capacity_words, si_sql_text_copy(row, 21, CurrentMemoryContext));
    out->overlap_policy = (SiOverlapPolicy) POSITION(overlap_words, si_sql_text_copy(row, 22, CurrentMemoryContext));
    out->misfire_policy = (SiMisfire) POSITION(misfire_words, si_sql_text_copy(row, 23, CurrentMemoryContext));
    out->catchup_usecs = si_sql_int8(row, 24);
    out->options = si_sql_jsonb_copy(row, 25, context);
    out->watermark = si_sql_text_copy(row, 26, context);
    out->target_namespace = si_sql_text_copy(row, 27, context);
    out->owner = DatumGetObjectId(si_sql_get(row, 28, &isnull));
    out->blocked_reason = si_sql_text_copy(row, 29, context);
    out->created_at = si_sql_time(row, 30);
    out->updated_at = si_sql_time(row, 31);
    out->tenant_status = si_sql_text_copy(row, 32, context);
    out->tenant_active = strcmp(out->tenant_status, "active") == 0;
    out->owner_name = si_sql_text_copy(row, 33, context);
    out->owner_exists = out->owner_name != NULL;
    if (!out->owner_exists)
        out->owner_name = si_sql_text_copy(row, 34, context);
    out->raised_memory_mib = si_sql_int8(row, 37);
    out->has_dependants = si_sql_bool(row, 38);
}

static bool
load(SiStatement *statement, const pg_uuid_t *job_id, SiJob *out)
{
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {UUIDPGetDatum(job_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(statement, values, NULL) > 0;
    if (found)
        job_from_row(0, context, out);
    si_sql_close();
    return found;
}

bool
si_job_tenant(const pg_uuid_t *job_id, pg_uuid_t *tenant_id)
{
    static SiStatement find = {"SELECT tenant_id FROM sparkingest.ingestion_jobs WHERE job_id = $1", 1, {UUIDOID}, .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *tenant_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return found;
}

bool
si_job_load(const pg_uuid_t *job_id, bool for_update, SiJob *out)
{
    static SiStatement find = {SELECT_JOB, 1, {UUIDOID}, .by_index = true};
    static SiStatement find_locked = {SELECT_JOB " FOR NO KEY UPDATE OF j", 1, {UUIDOID}, .by_index = true};

    return load(for_update ? &find_locked : &find, job_id, out);
}

bool
si_job_load_if_free(const pg_uuid_t *job_id, SiJob *out)
{
    static SiStatement find_free = {SELECT_JOB " FOR NO KEY UPDATE OF j SKIP LOCKED", 1, {UUIDOID}, .by_index = true};

    return load(&find_free, job_id, out);
}

int
si_jobs_load_due_if_free(const pg_uuid_t *job_ids, int n, TimestampTz now, SiJob **out)
{
    static SiStatement find = {SELECT_JOBS "WHERE j.job_id = ANY ($1) AND j.plan_at <= $2 " ORDER_OF_PLAN
                                           "FOR NO KEY UPDATE OF j SKIP LOCKED",
                               2,
                               {UUIDARRAYOID, TIMESTAMPTZOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    Datum values[] = {si_uuids_datum(job_ids, n), TimestampTzGetDatum(now)};

    si_sql_open();
    n = (int) si_sql_run(&find, values, NULL);
    *out = MemoryContextAlloc(context, (n + 1) * sizeof(SiJob));
    for (int i = 0; i < n; i++)
        job_from_row(i, context, &(*out)[i]);
    si_sql_close();
    return n;
}

/* value / divisor as text that the statement casts to numeric: exact. */
static Datum
numeric_text(int64 value, int64 divisor)
{
    char text[64];

    si_quantity_print(value, divisor, text, sizeof(text));
    return si_text_datum(text);
}

#define JOB_COLUMNS 31

/* What insert and update share: $1 to $31. */
static void
bind(const SiJob *job, Datum values[JOB_COLUMNS], char nulls[JOB_COLUMNS + 1])
{
    memset(nulls, ' ', JOB_COLUMNS);
    nulls[JOB_COLUMNS] = '\0';
    values[0] = UUIDPGetDatum(&job->job_id);
    values[1] = si_text_datum(job->job_name);
    values[2] = si_text_datum(job->draft ? "draft" : "production");
    values[3] = si_text_datum(status_words[job->status]);
    values[4] = Int32GetDatum(job->version);
    values[5] = si_text_datum(job->source_type);
    values[6] = JsonbPGetDatum(job->source_config);
    values[7] = JsonbPGetDatum(job->destination_config);
    values[8] = Int64GetDatum(job->cpu_millicores);
    values[9] = Int64GetDatum(job->memory_mib);
    values[10] = Int32GetDatum(job->executors);
    values[11] = numeric_text(job->estimated_millis / 60, 1000);
    values[12] = si_text_or_null(job->schedule_cron, &nulls[12]);
    values[13] = si_text_datum(job->time_zone);
    values[14] = TimestampTzGetDatum(job->next_fire_at);
    nulls[14] = job->next_fire_at == SI_NO_TIME ? 'n' : ' ';
    values[15] = JsonbPGetDatum(job->sla_requirements);
    values[16] = si_text_datum(job->tier);
    values[17] = Int32GetDatum(job->priority);
    values[18] = numeric_text(job->sla_window_millihours, 1000);
    values[19] = Int32GetDatum(job->max_runtime_minutes);
    nulls[19] = job->max_runtime_minutes == 0 ? 'n' : ' ';
    values[20] = si_text_datum(no_capacity_words[job->on_no_capacity]);
    values[21] = si_text_datum(overlap_words[job->overlap_policy]);
    values[22] = si_text_datum(misfire_words[job->misfire_policy]);
    values[23] = Int64GetDatum(job->catchup_usecs / USECS_PER_SEC);
    values[24] = JsonbPGetDatum(job->options);
    values[25] = si_text_or_null(job->watermark, &nulls[25]);
    values[26] = si_text_or_null(job->target_namespace, &nulls[26]);
    values[27] = ObjectIdGetDatum(job->owner);
    values[28] = TimestampTzGetDatum(job->updated_at);
    values[29] = si_text_datum(job->owner_name);
    values[30] = si_time_or_null(job->plan_at, &nulls[30]);
}

#define JOB_TYPES \
    UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, JSONBOID, JSONBOID, INT8OID, INT8OID, INT4OID, TEXTOID, \
        TEXTOID, TEXTOID, TIMESTAMPTZOID, JSONBOID, TEXTOID, INT4OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, \
        INT8OID, JSONBOID, TEXTOID, TEXTOID, OIDOID, TIMESTAMPTZOID, TEXTOID, TIMESTAMPTZOID

#define NAMED_COLUMNS \
    "job_name, stage, status, version, source_type, source_config, destination_config, cpu_millicores, memory_mib, " \
    "executors, estimated_runtime_minutes, schedule_cron, time_zone, next_fire_at, sla_requirements, tier, priority, " \
    "sla_window_hours, max_runtime_minutes, on_no_capacity, overlap_policy, misfire_policy, catchup_window, options, " \
    "watermark, target_namespace, owner_oid, updated_at, owner_name, plan_at"

#define NAMED_VALUES \
    "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::numeric, $13, $14, $15, $16, $17, $18, $19::numeric, $20, $21, " \
    "$22, $23, $24 * '1 second'::interval, $25, $26, $27, $28, $29, $30, $31"

static void
name_is_taken(const SiJob *job)
{
    ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("job \"%s\" already exists", job->job_name),
                    errhint("Names are unique per tenant among jobs that are not dropped.")));
}

void
si_job_insert(const SiJob *job)
{
    static SiStatement insert = {"INSERT INTO sparkingest.ingestion_jobs (job_id, " NAMED_COLUMNS ", tenant_id, created_at) "
                                 "VALUES ($1, " NAMED_VALUES ", $32, $29) "
                                 "ON CONFLICT (tenant_id, job_name) WHERE status <> 'dropped' DO NOTHING",
                                 JOB_COLUMNS + 1,
                                 {JOB_TYPES, UUIDOID}};
    Datum values[JOB_COLUMNS + 1];
    char nulls[JOB_COLUMNS + 2];

    si_sql_open();
    bind(job, values, nulls);
    values[JOB_COLUMNS] = UUIDPGetDatum(&job->tenant_id);
    nulls[JOB_COLUMNS] = ' ';
    nulls[JOB_COLUMNS + 1] = '\0';
    if (si_sql_run(&insert, values, nulls) == 0)
        name_is_taken(job);
    si_sql_close();
}

void
si_job_update(const SiJob *job)
{
    static SiStatement twin = {"SELECT FROM sparkingest.ingestion_jobs WHERE tenant_id = $1 AND job_name = $2 "
                               "AND job_id <> $3 AND status <> 'dropped'",
                               3,
                               {UUIDOID, TEXTOID, UUIDOID},
                               .by_index = true};
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs SET (" NAMED_COLUMNS ") = ROW(" NAMED_VALUES ") "
                                 "WHERE job_id = $1",
                                 JOB_COLUMNS,
                                 {JOB_TYPES},
                                 .by_index = true};
    Datum twin_values[] = {UUIDPGetDatum(&job->tenant_id), si_text_datum(job->job_name), UUIDPGetDatum(&job->job_id)};
    Datum values[JOB_COLUMNS];
    char nulls[JOB_COLUMNS + 1];

    si_sql_open();
    if (job->status != SI_JOB_DROPPED && si_sql_run_latest(&twin, twin_values, NULL) > 0)
        name_is_taken(job);
    bind(job, values, nulls);
    si_sql_run(&update, values, nulls);
    si_sql_close();
    si_waiting_changed();
}

bool
si_job_set_blocked(const pg_uuid_t *job_id, const char *reason, pg_uuid_t *tenant_id)
{
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs SET blocked_reason = $2 "
                                 "WHERE job_id = $1 AND blocked_reason IS DISTINCT FROM $2 RETURNING tenant_id",
                                 2,
                                 {UUIDOID, TEXTOID},
                                 .by_index = true};
    char nulls[] = "  ";
    Datum values[] = {UUIDPGetDatum(job_id), si_text_or_null(reason, &nulls[1])};
    bool changed;

    si_sql_open();
    changed = si_sql_run(&update, values, nulls) > 0;
    if (changed)
        *tenant_id = si_sql_uuid(0, 1, NULL);
    si_sql_close();
    return changed;
}

void
si_job_set_raised_memory(const pg_uuid_t *job_id, int64 memory_mib)
{
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs SET raised_memory_mib = NULLIF($2, 0) WHERE job_id = $1",
                                 2,
                                 {UUIDOID, INT8OID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(job_id), Int64GetDatum(memory_mib)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

int
si_jobs_orphaned(const char *reason_like, pg_uuid_t **out)
{
    static SiStatement find = {"SELECT j.job_id FROM sparkingest.ingestion_jobs AS j WHERE j.status = 'active' "
                               "AND COALESCE(j.blocked_reason NOT LIKE $1, true) "
                               "AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = j.owner_oid)",
                               1,
                               {TEXTOID}};
    Datum values[] = {si_text_datum(reason_like)};

    return si_sql_ids(&find, values, out);
}

int
si_jobs_due(TimestampTz now, TimestampTz fire_by, SiDueJob **out)
{
    static SiStatement find = {"SELECT j.job_id, j.blocked_reason IS NOT NULL FROM sparkingest.ingestion_jobs AS j "
                               "WHERE j.plan_at <= $1 AND j.next_fire_at <= COALESCE($2, 'infinity') " ORDER_OF_PLAN,
                               2,
                               {TIMESTAMPTZOID, TIMESTAMPTZOID},
                               .by_index = true};
    MemoryContext context = CurrentMemoryContext;
    char nulls[] = "  ";
    Datum values[] = {TimestampTzGetDatum(now), si_time_or_null(fire_by, &nulls[1])};
    uint64 n;

    si_sql_open();
    n = si_sql_run(&find, values, nulls);
    *out = MemoryContextAllocHuge(context, (n + 1) * sizeof(SiDueJob));
    for (uint64 i = 0; i < n; i++)
        (*out)[i] = (SiDueJob){si_sql_uuid(i, 1, NULL), si_sql_bool(i, 2)};
    si_sql_close();
    return (int) n;
}

void
si_jobs_set_plans(const SiJobPlan *plans, int n)
{
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs AS j SET next_fire_at = p.next_fire_at, plan_at = p.plan_at "
                                 "FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) "
                                 "AS p (job_id, next_fire_at, plan_at) WHERE j.job_id = p.job_id",
                                 3,
                                 {UUIDARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID},
                                 .by_index = true};
    pg_uuid_t *ids = palloc((n + 1) * sizeof(pg_uuid_t));
    TimestampTz *next_fires = palloc((n + 1) * sizeof(TimestampTz));
    TimestampTz *plan_ats = palloc((n + 1) * sizeof(TimestampTz));
    Datum values[3];

    for (int i = 0; i < n; i++)
    {
        ids[i] = plans[i].job_id;
        next_fires[i] = plans[i].next_fire_at;
        plan_ats[i] = plans[i].plan_at;
    }
    values[0] = si_uuids_datum(ids, n);
    values[1] = si_times_datum(next_fires, n);
    values[2] = si_times_datum(plan_ats, n);
    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_jobs_leave_plan(const pg_uuid_t *job_ids, int n)
{
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs AS j SET plan_at = NULL WHERE j.job_id = ANY ($1) AND NOT EXISTS "
                                 "(SELECT FROM sparkingest.tenants AS t WHERE t.tenant_id = j.tenant_id AND t.status = 'active')",
                                 1,
                                 {UUIDARRAYOID},
                                 .by_index = true};
    Datum values[] = {si_uuids_datum(job_ids, n)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_jobs_rejoin_plan(const pg_uuid_t *tenant_id, TimestampTz now)
{
    static SiStatement update = {"UPDATE sparkingest.ingestion_jobs SET plan_at = LEAST($2, next_fire_at) "
                                 "WHERE tenant_id = $1 AND status <> 'dropped' AND next_fire_at IS NOT NULL",
                                 2,
                                 {UUIDOID, TIMESTAMPTZOID},
                                 .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id), TimestampTzGetDatum(now)};

    si_sql_open();
    si_sql_run(&update, values, NULL);
    si_sql_close();
}

void
si_jobs_count(const pg_uuid_t *tenant_id, int64 *jobs, int64 *schedules)
{
    static SiStatement find = {"SELECT pg_catalog.count(*), pg_catalog.count(schedule_cron) FROM sparkingest.ingestion_jobs "
                               "WHERE tenant_id = $1 AND status <> 'dropped'",
                               1,
                               {UUIDOID},
                               .by_index = true};
    Datum values[] = {UUIDPGetDatum(tenant_id)};

    si_sql_open();
    si_sql_run_latest(&find, values, NULL);
    *jobs = si_sql_int8(0, 1);
    *schedules = si_sql_int8(0, 2);
    si_sql_close();
}

bool
si_tier_load(const char *tier, SiTier *out)
{
    static SiStatement find = {"SELECT (high_ratio * 1000)::bigint, (medium_ratio * 1000)::bigint, (adjustment * 1000)::bigint, "
                               "required_successes, of_last FROM sparkingest.sla_tiers WHERE tier = $1",
                               1,
                               {TEXTOID}};
    Datum values[] = {si_text_datum(tier)};
    bool found;

    si_sql_open();
    found = si_sql_run(&find, values, NULL) > 0;
    if (found)
        *out = (SiTier){si_sql_int8(0, 1), si_sql_int8(0, 2), si_sql_int8(0, 3), si_sql_int4(0, 4), si_sql_int4(0, 5)};
    si_sql_close();
    return found;
}
