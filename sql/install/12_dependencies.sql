-- Jobs that start after others, and their runs.

CREATE TABLE sparkingest.job_dependencies (
    job_id uuid NOT NULL REFERENCES sparkingest.ingestion_jobs,
    after_job_id uuid NOT NULL REFERENCES sparkingest.ingestion_jobs,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    PRIMARY KEY (job_id, after_job_id),
    CHECK (job_id <> after_job_id)
);
CREATE INDEX ON sparkingest.job_dependencies (after_job_id);
CREATE INDEX ON sparkingest.job_dependencies (tenant_id);
COMMENT ON TABLE sparkingest.job_dependencies IS 'Which jobs start after the success of which (options.after, resolved when it was given); never a cycle';
COMMENT ON COLUMN sparkingest.job_dependencies.job_id IS 'Job that is started';
COMMENT ON COLUMN sparkingest.job_dependencies.after_job_id IS 'Job whose success starts it; with several all must have succeeded';
COMMENT ON COLUMN sparkingest.job_dependencies.tenant_id IS 'Owner of both';

CREATE TABLE sparkingest.execution_dependencies (
    job_id uuid NOT NULL REFERENCES sparkingest.ingestion_jobs,
    after_execution_id uuid NOT NULL REFERENCES sparkingest.job_executions,
    after_job_id uuid NOT NULL REFERENCES sparkingest.ingestion_jobs,
    tenant_id uuid NOT NULL REFERENCES sparkingest.tenants,
    execution_id uuid REFERENCES sparkingest.job_executions,
    spare boolean NOT NULL DEFAULT false,
    closed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (job_id, after_execution_id)
);
CREATE INDEX ON sparkingest.execution_dependencies (after_execution_id);
CREATE INDEX ON sparkingest.execution_dependencies (job_id) WHERE NOT closed;
CREATE INDEX ON sparkingest.execution_dependencies (execution_id);
CREATE INDEX ON sparkingest.execution_dependencies (tenant_id);
COMMENT ON TABLE sparkingest.execution_dependencies IS 'Which runs start after which: one row per run of a job that others start after, and job that does';
COMMENT ON COLUMN sparkingest.execution_dependencies.job_id IS 'Job that starts after it';
COMMENT ON COLUMN sparkingest.execution_dependencies.after_execution_id IS 'Run of the other job, its latest attempt';
COMMENT ON COLUMN sparkingest.execution_dependencies.after_job_id IS 'The other job';
COMMENT ON COLUMN sparkingest.execution_dependencies.tenant_id IS 'Owner';
COMMENT ON COLUMN sparkingest.execution_dependencies.execution_id IS 'Run that starts after it; NULL = none yet, or none any more';
COMMENT ON COLUMN sparkingest.execution_dependencies.spare IS 'That run waits for an earlier run of the same job, and would take this one if that failed';
COMMENT ON COLUMN sparkingest.execution_dependencies.closed IS 'Nothing depends on it any more: the run was let go or cancelled';

SELECT pg_catalog.pg_extension_config_dump('sparkingest.job_dependencies', '');
SELECT pg_catalog.pg_extension_config_dump('sparkingest.execution_dependencies', '');
