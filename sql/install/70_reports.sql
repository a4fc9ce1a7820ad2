-- What was used, what it costs, and whether the books are right.

CREATE FUNCTION sparkingest.tenant_metrics(tenant_id uuid, during tstzrange DEFAULT NULL)
RETURNS jsonb LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_tenant_metrics';
COMMENT ON FUNCTION sparkingest.tenant_metrics IS
'How a tenant used what it bought, as of the last roll_up(). during (NULL = the last 30 days) is widened to whole hours of the tenant''s clock and cut off at the present. Rates are rounded half up to 4 decimals; a key is null when there is nothing to divide by. Production executions: those that are not drafts, each attempt by itself; they count in the hour in which they ended. Use: requested resources while metered (M7), billable (M6), in the hour in which it was used (usage_load). {
resource_utilization {
dedicated_units_usage_percent: own use of own dedicated units / units supplied, 0 to 100, above only where runs outlasted their reservation;
vcpu_hours_consumption_rate: vCPU-hours taken from the balance per 24 hours, from 0;
peak_usage_times: [{weekday (1 Monday to 7 Sunday), hour (0 to 23), average_cores}] of the tenant''s zone, cores in use on average over all such hours, drafts and borrowed units included; cells in use only, busiest first},
job_performance {
average_runtime: minutes from started_at to finished_at of production executions that succeeded;
sla_compliance_rate: percent of production executions with an SLA verdict (S1) that met it, 0 to 100;
failure_rate: percent of production executions ended, cancelled ones left out, that did not succeed, 0 to 100},
cost_efficiency {
cost_per_gb_processed: {currency: price of the purchased periods, each by the share of it inside during, / GiB written by production executions that succeeded}, from 0, 6 decimals; purchases without a price are left out;
idle_resource_percentage: percent of supplied dedicated units used neither by the tenant nor by borrowers, 0 to 100}}. Raises 22023, 42704, 42501';

CREATE FUNCTION sparkingest.statement(tenant_id uuid, month date,
    OUT line integer, OUT kind text, OUT description text, OUT purchase_id uuid, OUT job_id uuid, OUT namespace text, OUT executions bigint,
    OUT quantity numeric, OUT unit_price numeric, OUT amount numeric, OUT currency text, OUT used numeric, OUT charged numeric)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_statement';
COMMENT ON FUNCTION sparkingest.statement IS
'One calendar month (any day of it) on the tenant''s clock, line by line. used and charged: vCPU-hours, rounded to 6 decimals; amount: money in currency. kind, in this order:
purchase: periods of a purchase that begin in the month: quantity units or vCPU-hours, amount = quantity x unit_price (NULL without a price);
charge, dedicated, draft, platform: executions that ended in the month by job, namespace and who paid (resource_consumption.charge_to): used = billable, charged = taken from the balance, 0 but for charge;
dedicated_idle: dedicated units supplied (quantity, vCPU-hours, up to now) that were used neither by the tenant nor by borrowers (used), as of the last roll_up();
lending_credit: charged, negative, for what borrowers used of lent units;
total: vCPU-hours of the executions and credits, and a line for each currency.
CSV: COPY (SELECT * FROM sparkingest.statement(...)) TO STDOUT WITH (FORMAT csv, HEADER). Raises 22023, 42704, 42501';

CREATE FUNCTION sparkingest.rebuild_usage()
RETURNS bigint LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_rebuild_usage';
COMMENT ON FUNCTION sparkingest.rebuild_usage IS
'Makes usage_hourly and usage_load anew from executions and consumption, as roll_up() would have kept them; sums of dropped months stay. Returns the rows written. Needed after a TRUNCATE, or a change of a tenant''s zone, by hand. Operators only';

CREATE FUNCTION sparkingest.verify_usage(OUT book text, OUT tenant_id uuid, OUT execution_id uuid, OUT hour timestamptz, OUT found numeric, OUT expected numeric)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_verify_usage';
COMMENT ON FUNCTION sparkingest.verify_usage IS
'Holds what was metered against executions, balance entries and hourly sums, and returns what differs: none, when all is well. book: missing or unwanted (rows of resource_consumption per execution that ended), seconds, cpu, memory, billable, payer (found 1 where it should be otherwise), charged (more than the rules allow), entries (charges of an execution), execution (its column charged), credit (of a lender), hourly and load (billable sums of an hour that roll_up() has no reason to look at). Operators only';

CREATE FUNCTION sparkingest.runaway_executions(OUT execution_id uuid, OUT namespace text, OUT object_name text, OUT in_database text, OUT in_cluster text,
    OUT since timestamptz, OUT listed_at timestamptz, OUT remedy text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_runaway_executions';
COMMENT ON FUNCTION sparkingest.runaway_executions IS
'Two-way differences between what the database thinks runs and what the dispatcher''s last list of each namespace showed. in_database: state, or unknown; in_cluster: state of the object, absent, or never listed; since: when that began to be so; listed_at: when the list began; remedy: what to do. Executions submitted after the list began are left out. Operators only';

CREATE FUNCTION sparkingest.usage_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_usage_changed';
COMMENT ON FUNCTION sparkingest.usage_changed IS 'Tells roll_up() of an hour whose sums a changed row is part of; its argument is the column with the time. Rows that a script of pg_dump restores (check_function_bodies = off) are not told: it restores the sums too';
CREATE TRIGGER usage AFTER INSERT OR UPDATE OR DELETE ON sparkingest.resource_consumption FOR EACH ROW EXECUTE FUNCTION sparkingest.usage_changed('ended_at');
CREATE TRIGGER usage AFTER INSERT OR UPDATE OR DELETE ON sparkingest.lending_credits FOR EACH ROW EXECUTE FUNCTION sparkingest.usage_changed('ended_at');
CREATE TRIGGER usage AFTER INSERT OR DELETE OR UPDATE OF tenant_id, namespace, is_draft, state, started_at, finished_at, bytes_out, sla_met
    ON sparkingest.job_executions FOR EACH ROW EXECUTE FUNCTION sparkingest.usage_changed('finished_at');
ALTER TABLE sparkingest.resource_consumption ENABLE ALWAYS TRIGGER usage;
ALTER TABLE sparkingest.lending_credits ENABLE ALWAYS TRIGGER usage;
ALTER TABLE sparkingest.job_executions ENABLE ALWAYS TRIGGER usage;
