-- Every change of what the ledger rests on, by whomever, is carried into it.

CREATE FUNCTION sparkingest.reservation_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_reservation_changed';
COMMENT ON FUNCTION sparkingest.reservation_changed IS 'Carries a changed row of reservations into the ledger; raises SI001 when it does not fit, SI005 without a ledger. Rows that a script of pg_dump restores (check_function_bodies = off) are not judged';
CREATE FUNCTION sparkingest.held_limit_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_held_limit_changed';
COMMENT ON FUNCTION sparkingest.held_limit_changed IS 'Carries a changed row of reservation_limits into the ledger; raises SI001 when it does not fit, SI005 without a ledger';
CREATE FUNCTION sparkingest.limit_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_limit_changed';
COMMENT ON FUNCTION sparkingest.limit_changed IS 'Carries a changed row of limits into the ledger: less at once, more when it commits; raises SI005 without a ledger';
CREATE FUNCTION sparkingest.grant_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_grant_changed';
COMMENT ON FUNCTION sparkingest.grant_changed IS 'Carries a changed row of grants into the ledger: less supply at once, more when it commits; raises SI005 without a ledger';
CREATE FUNCTION sparkingest.entry_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_entry_changed';
COMMENT ON FUNCTION sparkingest.entry_changed IS 'Carries a changed row of balance_entries into the ledger; raises SI002 when its grant has not so much left, SI005 without a ledger';
CREATE FUNCTION sparkingest.override_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_override_changed';
COMMENT ON FUNCTION sparkingest.override_changed IS 'Carries a changed row of capacity_overrides into the ledger; raises SI005 without a ledger';
CREATE FUNCTION sparkingest.ledger_outdated() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_ledger_outdated';
COMMENT ON FUNCTION sparkingest.ledger_outdated IS 'Waits for all transactions that hold capacity, and has the ledger made anew when this one commits';

CREATE FUNCTION sparkingest.cache_outdated() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_cache_outdated';
COMMENT ON FUNCTION sparkingest.cache_outdated IS 'Has every session read a small table again, of which it keeps a copy';
CREATE TRIGGER cache AFTER INSERT OR UPDATE OR DELETE ON sparkingest.namespaces FOR EACH ROW EXECUTE FUNCTION sparkingest.cache_outdated();
CREATE TRIGGER cache_truncated AFTER TRUNCATE ON sparkingest.namespaces FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.cache_outdated();
CREATE TRIGGER cache AFTER INSERT OR UPDATE OR DELETE ON sparkingest.tenants FOR EACH ROW EXECUTE FUNCTION sparkingest.cache_outdated();
CREATE TRIGGER cache_truncated AFTER TRUNCATE ON sparkingest.tenants FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.cache_outdated();
CREATE TRIGGER cache AFTER UPDATE OR DELETE ON sparkingest.pools FOR EACH ROW EXECUTE FUNCTION sparkingest.cache_outdated();
CREATE TRIGGER cache_truncated AFTER TRUNCATE ON sparkingest.pools FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.cache_outdated();

CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON sparkingest.reservations FOR EACH ROW EXECUTE FUNCTION sparkingest.reservation_changed();
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON sparkingest.reservation_limits FOR EACH ROW EXECUTE FUNCTION sparkingest.held_limit_changed();
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON sparkingest.limits FOR EACH ROW EXECUTE FUNCTION sparkingest.limit_changed();
CREATE TRIGGER ledger AFTER INSERT OR DELETE OR UPDATE OF tenant_id, namespace, starts_at, ends_at, cpu_millicores, memory_mib, lending_limit, account_no, granted, held, spent ON sparkingest.grants
    FOR EACH ROW EXECUTE FUNCTION sparkingest.grant_changed();
CREATE TRIGGER ledger AFTER INSERT OR DELETE OR UPDATE OF grant_id, entry_type, amount, chain_no ON sparkingest.balance_entries
    FOR EACH ROW EXECUTE FUNCTION sparkingest.entry_changed();
CREATE TRIGGER ledger AFTER INSERT OR UPDATE OR DELETE ON sparkingest.capacity_overrides FOR EACH ROW EXECUTE FUNCTION sparkingest.override_changed();
CREATE TRIGGER ledger AFTER UPDATE OF purpose, cpu_millicores, memory_mib, tenant_cpu_millicores, tenant_memory_mib, slot_minutes OR DELETE ON sparkingest.namespaces
    FOR EACH ROW EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.reservations FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.reservation_limits FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.limits FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.grants FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.balance_entries FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();
CREATE TRIGGER ledger_truncated AFTER TRUNCATE ON sparkingest.capacity_overrides FOR EACH STATEMENT EXECUTE FUNCTION sparkingest.ledger_outdated();

CREATE FUNCTION sparkingest.default_restored() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_default_restored';
COMMENT ON FUNCTION sparkingest.default_restored IS 'A row of a dump takes the place of the one that CREATE EXTENSION brought, so that operators'' changes of it are restored';
CREATE FUNCTION sparkingest.owner_restored() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_owner_restored';
COMMENT ON FUNCTION sparkingest.owner_restored IS 'The owner of a job of a dump is looked up by name: numbers of roles differ from server to server';
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.clusters FOR EACH ROW EXECUTE FUNCTION sparkingest.default_restored();
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.namespaces FOR EACH ROW EXECUTE FUNCTION sparkingest.default_restored();
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.sla_tiers FOR EACH ROW EXECUTE FUNCTION sparkingest.default_restored();
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.priorities FOR EACH ROW EXECUTE FUNCTION sparkingest.default_restored();
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.ingestion_jobs FOR EACH ROW EXECUTE FUNCTION sparkingest.owner_restored();

-- Also for logical replication, which fires row triggers only, and whatever session_replication_role says.
ALTER TABLE sparkingest.reservations ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.reservation_limits ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.limits ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.grants ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.balance_entries ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.capacity_overrides ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.namespaces ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER cache, ENABLE ALWAYS TRIGGER cache_truncated;
ALTER TABLE sparkingest.tenants ENABLE ALWAYS TRIGGER cache, ENABLE ALWAYS TRIGGER cache_truncated;
ALTER TABLE sparkingest.pools ENABLE ALWAYS TRIGGER cache, ENABLE ALWAYS TRIGGER cache_truncated;

CREATE FUNCTION sparkingest.verify_ledger(OUT namespace text, OUT tenant_id uuid, OUT time_slot timestamptz, OUT resource text,
    OUT in_ledger numeric, OUT in_tables numeric, OUT grant_id uuid)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_verify_ledger';
COMMENT ON FUNCTION sparkingest.verify_ledger IS
'Compares the ledger in shared memory with the tables while others write, and returns what differs: none, when all is well. tenant_id: whose units or share; NULL = the namespace. resource: reserved_cpu, reserved_memory, total_cpu, total_memory (cores, GiB); of a grant of vCPU-hours, without namespace and time, used_core_seconds, granted_core_seconds; of a named limit, whose name stands for the namespace, reserved_limit, total_limit; or broken = 1 for a day that does not agree with itself. Only what is in memory is looked at. Operators only';

CREATE FUNCTION sparkingest.rebuild_ledger()
RETURNS void LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_rebuild_ledger';
COMMENT ON FUNCTION sparkingest.rebuild_ledger IS
'Makes the ledger anew from the tables: waits for the transactions that hold capacity, then empties it; it fills itself as slots are asked for. Others wait until this transaction ends. Operators only. Raises SI003 in a transaction that reserved or released something';

CREATE FUNCTION sparkingest.uncommitted_holders(OUT pid integer, OUT tenant_id uuid, OUT since timestamptz, OUT reservations integer,
    OUT cpu_cores numeric, OUT memory_gb numeric)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_uncommitted_holders';
COMMENT ON FUNCTION sparkingest.uncommitted_holders IS
'Backends of this server that hold capacity in a transaction that has not ended: pid (as in pg_stat_activity), tenant of its first reservation, since when, how many reservations, cores and GiB summed over them. Operators only';
