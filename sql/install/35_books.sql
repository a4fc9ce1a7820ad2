-- The books of vCPU-hours: what entries add up to, and whether anybody changed them.

CREATE VIEW sparkingest.grant_balances WITH (security_invoker = true) AS
SELECT g.grant_id, g.purchase_id, g.tenant_id, g.starts_at, g.ends_at, g.priority, g.account_no, g.granted,
       g.held + e.held AS held, g.spent + e.spent AS spent, g.granted - g.held - e.held - g.spent - e.spent AS available
  FROM sparkingest.grants AS g,
       LATERAL (SELECT COALESCE(pg_catalog.sum(CASE b.entry_type WHEN 'hold' THEN b.amount WHEN 'release' THEN -b.amount WHEN 'charge' THEN -b.amount END), 0)::bigint AS held,
                       COALESCE(pg_catalog.sum(b.amount) FILTER (WHERE b.entry_type = 'charge'), 0)::bigint AS spent
                  FROM sparkingest.balance_entries AS b WHERE b.grant_id = g.grant_id AND b.chain_no IS NULL) AS e
 WHERE g.resource_type = 'vcpu_hours';
COMMENT ON VIEW sparkingest.grant_balances IS 'Grants of vCPU-hours with what is held, spent and available of each, in millicore-seconds: available + held + spent = granted (M4)';
COMMENT ON COLUMN sparkingest.grant_balances.grant_id IS 'Grant';
COMMENT ON COLUMN sparkingest.grant_balances.purchase_id IS 'Purchase that it comes from';
COMMENT ON COLUMN sparkingest.grant_balances.tenant_id IS 'Owner';
COMMENT ON COLUMN sparkingest.grant_balances.starts_at IS 'Start of the period, inclusive';
COMMENT ON COLUMN sparkingest.grant_balances.ends_at IS 'End of the period, exclusive';
COMMENT ON COLUMN sparkingest.grant_balances.priority IS 'Order of draw-down, lower first (M5)';
COMMENT ON COLUMN sparkingest.grant_balances.account_no IS 'Account in the ledger; older purchases have lower ones';
COMMENT ON COLUMN sparkingest.grant_balances.granted IS 'Millicore-seconds granted';
COMMENT ON COLUMN sparkingest.grant_balances.held IS 'Millicore-seconds set aside';
COMMENT ON COLUMN sparkingest.grant_balances.spent IS 'Millicore-seconds charged';
COMMENT ON COLUMN sparkingest.grant_balances.available IS 'Millicore-seconds left';

CREATE FUNCTION sparkingest.verify_books(OUT tenant_id uuid, OUT problem text, OUT detail text)
RETURNS SETOF record LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_verify_books';
COMMENT ON FUNCTION sparkingest.verify_books IS
'Whether the books of vCPU-hours are whole; no row = they are. Looks at every tenant''s hash chain (an entry that was changed, added, removed or put elsewhere after it was sealed), at entries that were changed before, at grants with all their terms, executions and reservations against the entries, and at entries of nothing. Reads all entries. Operators only';
