-- What happened.

CREATE FUNCTION sparkingest.events_after("position" text DEFAULT NULL, n integer DEFAULT 1000, OUT cursor text, OUT at timestamptz, OUT event_type text,
    OUT tenant_id uuid, OUT job_id uuid, OUT execution_id uuid, OUT actor text, OUT cause text, OUT before jsonb, OUT after jsonb)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_events_after';
COMMENT ON FUNCTION sparkingest.events_after IS
'The next n (1 to 10000) events that the caller may see, in the order in which readers may rely on: position is the cursor of the last event that was read (NULL = from the beginning), and no event ever turns up before one that was told. Events of a transaction come when it and all older transactions that write have ended. Raises 22023';

CREATE FUNCTION sparkingest.event_restored() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_event_restored';
COMMENT ON FUNCTION sparkingest.event_restored IS 'Events of a dump belong to the transaction that restores them: numbers of transactions differ from server to server';
CREATE FUNCTION sparkingest.setting_changed() RETURNS trigger LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_setting_changed';
COMMENT ON FUNCTION sparkingest.setting_changed IS 'An event for a row of a table of settings that was changed without the functions, before and after';
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.sla_tiers FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.priorities FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.discounts FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.namespaces FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.tenants FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.limits FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON sparkingest.tenant_roles FOR EACH ROW EXECUTE FUNCTION sparkingest.setting_changed();
CREATE TRIGGER restored BEFORE INSERT ON sparkingest.events FOR EACH ROW EXECUTE FUNCTION sparkingest.event_restored();
