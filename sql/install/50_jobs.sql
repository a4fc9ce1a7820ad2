-- Jobs, runs, draft and promotion.

CREATE FUNCTION sparkingest.create_job(tenant_id uuid, job_name text, source_type text, source_config jsonb, destination_config jsonb,
    resource_requirements jsonb, schedule_cron text DEFAULT NULL, sla_requirements jsonb DEFAULT '{}', time_zone text DEFAULT NULL,
    options jsonb DEFAULT '{}', idempotency_key text DEFAULT NULL)
RETURNS uuid LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_create_job';
COMMENT ON FUNCTION sparkingest.create_job IS
'Creates a draft job (S2).
source_type: postgres, mysql, jdbc, s3, file.
source_config: postgres and mysql {host, port, database, schema (postgres), table | query}, jdbc {url, driver, table | query}, each with {partition {column, num}, fetchsize, incremental {column, overlap}, credentials_secret}; s3 {bucket, path | uri, format, credentials_secret}; file {uri, format}.
destination_config: {type s3 | file, bucket and path | uri, format parquet | orc | csv | json, mode append | overwrite | error, partition_by [columns], credentials_secret}.
resource_requirements: {cpu_cores, memory_gb} summed over all pods, overhead included (C7), {executors, runtime_minutes, data_size_gb} optional; what is missing is estimated.
sla_requirements: {max_runtime_minutes, priority, sla_window_hours, earliest_start, start_by, finish_by, tier}; priority is a number from -1000 to 1000 or a name of it (table priorities: low, normal, high, critical).
options: {on_no_capacity draft | wait | reject, overlap_policy forbid | queue_one | allow | replace, overlap_limit, misfire_policy all | latest | none, catchup_window, spark_conf, image, auto_draft, auto_promote, retry {max_attempts}, limits {name: how much of it each run holds (set_limit)}}.
A NOTICE lists the next five fire times (J1). Raises 22023 naming the field, 42704, 42710 (name taken), SI003 (tenant not active), SI004';

CREATE FUNCTION sparkingest.alter_job(job_id uuid, changes jsonb)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_alter_job';
COMMENT ON FUNCTION sparkingest.alter_job IS
'Changes a job: keys are arguments of create_job (job_name, source_type, source_config, destination_config, resource_requirements, schedule_cron, sla_requirements, time_zone, options), each replaced as a whole; null clears schedule_cron. A change of source, destination or resources returns the job to draft (S4); a change of the schedule or of options.limits re-plans runs of the schedule that have not started (J2). Raises 22023, 42704, 42501, SI003';

CREATE FUNCTION sparkingest.pause_job(job_id uuid)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_pause_job';
COMMENT ON FUNCTION sparkingest.pause_job IS 'Stops the schedule: planned runs that have not started are cancelled, running ones go on. Idempotent. Raises 42704, 42501, SI003 (dropped)';

CREATE FUNCTION sparkingest.resume_job(job_id uuid)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_resume_job';
COMMENT ON FUNCTION sparkingest.resume_job IS 'Starts the schedule again from now; fires during the pause are not made up for. Whoever calls it takes over a job whose owner was dropped (J12). Idempotent. Raises 42704, 42501, SI003 (dropped)';

CREATE FUNCTION sparkingest.drop_job(job_id uuid)
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_drop_job';
COMMENT ON FUNCTION sparkingest.drop_job IS 'Drops a job: runs that have not started are cancelled, running ones are stopped; its history stays. Idempotent. Raises 42704, 42501';

CREATE FUNCTION sparkingest.run_job(job_id uuid, at timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL)
RETURNS uuid LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_run_job';
COMMENT ON FUNCTION sparkingest.run_job IS
'Admits one run at or after an instant (NULL = now) and returns its execution: scheduled with capacity reserved, or waiting with a reason. Draft jobs run in the draft namespace. Raises 22023, 42704, 42501, SI001 (on_no_capacity = reject), SI002, SI003, SI004';

CREATE FUNCTION sparkingest.cancel_execution(execution_id uuid, reason text DEFAULT NULL)
RETURNS boolean LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_cancel_execution';
COMMENT ON FUNCTION sparkingest.cancel_execution IS
'Cancels a run: at once before it was claimed, else a stop is requested and capacity stays held until its pods are gone (J6). true when this call changed something, false when it had ended or was being stopped. Raises 42704, 42501';

CREATE FUNCTION sparkingest.next_fire_times(schedule_cron text, time_zone text DEFAULT 'UTC', after timestamptz DEFAULT sparkingest.clock(), n integer DEFAULT 5)
RETURNS SETOF timestamptz LANGUAGE c VOLATILE PARALLEL UNSAFE ROWS 5 AS 'MODULE_PATHNAME', 'si_next_fire_times';
COMMENT ON FUNCTION sparkingest.next_fire_times IS
'The next n (1 to 1000) instants after a time at which a five-field cron expression fires in an IANA zone (J1): names, lists, ranges, steps, weekday 0 and 7 = Sunday; day of month and weekday, both restricted, are alternatives. In a gap (spring) it fires at the first instant after; in an overlap (autumn) once. Raises 22023';

CREATE FUNCTION sparkingest.evaluate_execution(execution_id uuid)
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_evaluate_execution';
COMMENT ON FUNCTION sparkingest.evaluate_execution IS
'Verdict on a finished draft run (S3): {promotion_eligible, performance_ratio, confidence, recommended_namespace, resource_adjustment, reason, recommended_action}. Raises 42704, 42501, SI003 (not a draft run, or not finished)';

CREATE FUNCTION sparkingest.promote_job(job_id uuid, idempotency_key text DEFAULT NULL)
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_promote_job';
COMMENT ON FUNCTION sparkingest.promote_job IS
'Promotes a draft job in one transaction (S4): {status promoted | not_eligible, job_id, namespace, updated_requirements, first_run {execution_id, starts_at} | null, reason, recommended_action}. Not eligible: the job stays as it was. Raises 42704, 42501, SI001, SI002, SI003, SI004';

CREATE FUNCTION sparkingest.calculate_estimate(request jsonb)
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_calculate_estimate';
COMMENT ON FUNCTION sparkingest.calculate_estimate IS
'Cores, memory and runtime of a job. request: {source_type (required; unknown types use the rule of postgres), data_size_gb (default 10, up to 1,000,000)}. Answer: {cpu_cores, memory_gb, runtime_minutes, runtime_minutes_p90, confidence, recommended_units (M1), model, coverage, similar_runs, reason}. Rules: postgres 2 cores + 0.1 per GB, 4 GiB + 0.2 per GB, 10 min + 2 per GB; s3 and file 1 + 0.05, 2 + 0.1, 5 + 2; runtime_minutes_p90 = 1.2 x runtime (C14). Raises 22023';

CREATE FUNCTION sparkingest.render_manifest(execution_id uuid)
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_render_manifest';
COMMENT ON FUNCTION sparkingest.render_manifest IS 'The SparkApplication that was posted, or would be posted now, for an execution. Raises 42704, 42501';
