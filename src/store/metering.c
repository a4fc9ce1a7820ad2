/*
 * metering.c: what finished executions used.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "domain/quantity.h"
#include "store/metering.h"
#include "store/sql.h"

void
si_consumption_insert(const SiExecution *e, const SiConsumption *consumption)
{
    static SiStatement insert = {"INSERT INTO sparkingest.resource_consumption (execution_id, tenant_id, job_id, namespace, started_at, "
                                 "ended_at, billed_seconds, cpu_millicore_seconds, memory_mib_seconds, charge_to, charged) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8 * $7, $9 * $7, $10, $11)",
                                 11,
                                 {UUIDOID, UUIDOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, INT8OID, INT8OID, TEXTOID,
                                  INT8OID}};
    Datum values[] = {UUIDPGetDatum(&e->execution_id),
                      UUIDPGetDatum(&e->tenant_id),
                      UUIDPGetDatum(&e->job_id),
                      si_text_datum(e->namespace_name),
                      TimestampTzGetDatum(consumption->started_at),
                      TimestampTzGetDatum(consumption->ended_at),
                      Int64GetDatum(consumption->billed_seconds),
                      Int64GetDatum(e->cpu_millicores),
                      Int64GetDatum(e->memory_mib),
                      si_text_datum(consumption->charge_to),
                      Int64GetDatum(consumption->charged)};

    si_sql_open();
    si_sql_run(&insert, values, NULL);
    si_sql_close();
}

void
si_observation_insert(const SiExecution *e, const SiObservation *observation)
{
    static SiStatement insert = {"INSERT INTO sparkingest.estimation_observations (execution_id, tenant_id, source_type, cpu_millicores, "
                                 "memory_mib, rows_read, bytes_out, estimated_runtime_minutes, actual_runtime_seconds, peak_memory_mib, "
                                 "cpu_seconds, observed_at) "
                                 "VALUES ($1, $2, $3, $4, $5, $6, $7, $8::numeric, $9 / 1000.0, $10, $11 / 1000.0, $12)",
                                 12,
                                 {UUIDOID, UUIDOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID,
                                  TIMESTAMPTZOID}};
    char nulls[] = "            ";
    char minutes[64];
    Datum values[12];

    si_quantity_print(e->estimated_millis / 60, 1000, minutes, sizeof(minutes));
    si_sql_open();
    values[0] = UUIDPGetDatum(&e->execution_id);
    values[1] = UUIDPGetDatum(&e->tenant_id);
    values[2] = si_text_datum(observation->source_type);
    values[3] = Int64GetDatum(e->cpu_millicores);
    values[4] = Int64GetDatum(e->memory_mib);
    values[5] = si_count_or_null(observation->rows_read, &nulls[5]);
    values[6] = si_count_or_null(observation->bytes_out, &nulls[6]);
    values[7] = si_text_datum(minutes);
    values[8] = Int64GetDatum(observation->runtime_millis);
    values[9] = si_count_or_null(observation->peak_memory_mib, &nulls[9]);
    values[10] = si_count_or_null(observation->cpu_millis, &nulls[10]);
    values[11] = TimestampTzGetDatum(observation->observed_at);
    si_sql_run(&insert, values, nulls);
    si_sql_close();
}

int64
si_usage_roll_up(void)
{
    /* A run may be recorded long after it ended, so every hour whose sums differ is written anew; the same call twice
     * writes nothing. */
    static SiStatement roll_up = {
        "WITH metered AS (SELECT tenant_id, pg_catalog.date_trunc('hour', ended_at, 'UTC') AS hour, namespace, "
        "pg_catalog.count(*) AS executions, pg_catalog.sum(cpu_millicore_seconds)::bigint AS cpu, "
        "pg_catalog.sum(memory_mib_seconds)::bigint AS memory, pg_catalog.sum(charged)::bigint AS charged "
        "FROM sparkingest.resource_consumption GROUP BY 1, 2, 3), "
        "changed AS (SELECT * FROM metered EXCEPT SELECT * FROM sparkingest.usage_hourly), "
        "gone AS (DELETE FROM sparkingest.usage_hourly AS u WHERE NOT EXISTS (SELECT FROM metered AS m "
        "WHERE m.tenant_id = u.tenant_id AND m.hour = u.hour AND m.namespace = u.namespace) RETURNING 1), "
        "written AS (INSERT INTO sparkingest.usage_hourly SELECT * FROM changed ON CONFLICT (tenant_id, hour, namespace) "
        "DO UPDATE SET executions = excluded.executions, cpu_millicore_seconds = excluded.cpu_millicore_seconds, "
        "memory_mib_seconds = excluded.memory_mib_seconds, charged = excluded.charged RETURNING 1) "
        "SELECT (SELECT pg_catalog.count(*) FROM gone) + (SELECT pg_catalog.count(*) FROM written)",
        0};
    int64 n;

    si_sql_open();
    si_sql_run(&roll_up, NULL, NULL);
    n = si_sql_int8(0, 1);
    si_sql_close();
    return n;
}
