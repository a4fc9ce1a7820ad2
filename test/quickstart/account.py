"""What a quickstart did, as tables that a person reads; the rows in the lake are counted by DuckDB, not by us."""
import duckdb

from steps import Failed

RUNS = """
SELECT j.job_name, CASE WHEN e.is_draft THEN 'draft' ELSE e.started_by END AS started, e.state, e.namespace,
       to_char(e.planned_start, 'HH24:MI:SS') AS planned, to_char(e.started_at, 'HH24:MI:SS') AS actual,
       to_char(e.finished_at - e.started_at, 'MI:SS') AS ran,
       trim_scale(e.cpu_millicores / 1000.0) || ' / ' || trim_scale(e.memory_mib / 1024.0) AS reserved,
       trim_scale(e.posted_cpu_millicores / 1000.0) || ' / ' || trim_scale(e.posted_memory_mib / 1024.0) AS posted,
       e.rows_read, e.run_id, e.is_draft, e.sla_met
  FROM sparkingest.job_executions AS e JOIN sparkingest.ingestion_jobs AS j USING (job_id)
 WHERE e.tenant_id = %s ORDER BY e.created_at"""

USED = """
SELECT c.namespace, c.charge_to, count(*), sum(c.billed_seconds)::text,
       round(sum(c.cpu_millicore_seconds) / 3600000.0, 4)::text, round(sum(c.charged) / 3600000.0, 4)::text
  FROM sparkingest.resource_consumption AS c WHERE c.tenant_id = %s GROUP BY 1, 2 ORDER BY 1"""


def table(header, rows):
    """Prints rows under a header, columns as wide as they need; numbers to the right."""
    texts = [["" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in row] for row in rows]
    widths = [max(len(line[i]) for line in [header, *texts]) for i in range(len(header))]
    right = [bool(rows) and all(isinstance(row[i], int) or row[i] is None for row in rows) for i in range(len(header))]
    for line in [header, ["-" * width for width in widths], *texts]:
        print("  " + "  ".join(text.rjust(width) if on_right else text.ljust(width)
                               for text, width, on_right in zip(line, widths, right)).rstrip())


def rows_in_lake(lake, run_id, is_draft):
    """Rows of one run's Parquet files."""
    place = f"{lake}_draft/{run_id}/ingest_run={run_id}" if is_draft else f"{lake}/ingest_run={run_id}"
    files = f"{place}/**/*.parquet"
    if not duckdb.sql(f"SELECT * FROM glob('{files}') LIMIT 1").fetchall():
        return 0
    return duckdb.sql(f"SELECT count(*) FROM read_parquet('{files}', hive_partitioning = false)").fetchall()[0][0]


def print_account(db, tenant, lake):
    """Prints runs, use and balance. Raises Failed when rows or resources differ from what was promised."""
    runs = db.execute(RUNS, (tenant,)).fetchall()
    shown = []
    for run in runs:
        counted = rows_in_lake(lake, run[10], run[11])
        if run[9] != counted:
            raise Failed(f"a run read {run[9]} rows, but its files hold {counted}")
        if run[7] != run[8]:
            raise Failed(f"reserved {run[7]} cores / GiB, but posted {run[8]}")
        shown.append((*run[:10], counted, {True: "yes", False: "no", None: "-"}[run[12]]))
    print("Runs (reserved and posted: cores / GiB over all pods)")
    table(["job", "started by", "state", "namespace", "planned", "started", "ran", "reserved", "posted", "rows read",
           "rows in Parquet", "SLA met"], shown)
    print("\nUsed")
    table(["namespace", "charged to", "runs", "billed s", "vCPU-hours", "charged"], db.execute(USED, (tenant,)).fetchall())
    print("\nBalance (vCPU-hours)")
    table(["period", "granted", "available", "held", "spent"], db.execute(
        "SELECT to_char(lower(period), 'YYYY-MM-DD') || ' to ' || to_char(upper(period), 'YYYY-MM-DD'), granted::text, "
        "available::text, held::text, spent::text FROM sparkingest.balance(%s)", (tenant,)).fetchall())
    usage = db.execute("SELECT sparkingest.usage(%s)", (tenant,)).fetchone()[0]["dedicated_units"]
    print(f"\nDedicated: {usage['units']} unit = {usage['cpu_cores']} cores and {usage['memory_gb']} GiB, of which "
          f"{usage['reserved_cpu_cores']} and {usage['reserved_memory_gb']} are reserved now")
