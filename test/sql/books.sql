-- Applications' reservations pay by the hour (M4 to M7), and the books show whoever changed them.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') AS acme \gset
CREATE FUNCTION pg_temp.books_of(tenant text, at timestamptz DEFAULT sparkingest.clock()) RETURNS TABLE (granted numeric, available numeric, held numeric, spent numeric) LANGUAGE sql AS
$$ SELECT granted, available, held, spent FROM sparkingest.balance(fixture.tenant(tenant), at) $$;
CREATE FUNCTION pg_temp.entries_of(reservation uuid) RETURNS TABLE (entry_type text, hours numeric) LANGUAGE sql AS
$$ SELECT entry_type, trim_scale(amount / 3600000.0) FROM sparkingest.balance_entries WHERE reservation_id = reservation ORDER BY entry_id $$;
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 20, 'monthly', '2026-03-01 00:00+00') AS march, sparkingest.purchase(:'acme', 'vcpu_hours', 6, 'monthly', '2026-04-01 00:00+00') AS april \gset

-- Held when it is made, given back when it is given up before it begins.
SELECT reservation_id AS r, namespace, starts_at FROM sparkingest.reserve(:'acme', 4, 8, '1 hour', '2026-03-02 10:00+00') \gset
SELECT held / 3600000 AS held FROM sparkingest.reservations WHERE reservation_id = :'r';
SELECT * FROM pg_temp.books_of('Acme');
SELECT sparkingest.release(:'r');
SELECT * FROM pg_temp.entries_of(:'r');
SELECT * FROM pg_temp.books_of('Acme');

-- Memory counts as the cores that come with it (M6). What it kept from others is charged, used or not.
SELECT reservation_id AS r FROM sparkingest.reserve(:'acme', 1, 16, '1 hour', '2026-03-02 10:00+00') \gset
SET sparkingest.clock = '2026-03-02 10:30:00+00';
SELECT sparkingest.release(:'r');
SELECT * FROM pg_temp.entries_of(:'r');
SELECT * FROM pg_temp.books_of('Acme');

-- To its end: maintain() settles it.
SELECT reservation_id AS r FROM sparkingest.reserve(:'acme', 2, 4, '1 hour', '2026-03-02 11:00+00') \gset
SET sparkingest.clock = '2026-03-02 12:00:00+00';
SELECT sparkingest.maintain() > 0 AS handled;
SELECT * FROM pg_temp.entries_of(:'r');
SELECT status, held FROM sparkingest.reservations WHERE reservation_id = :'r';
SELECT * FROM pg_temp.books_of('Acme');

-- What is there can be held once.
SELECT starts_at FROM sparkingest.reserve(:'acme', 4, 8, '2 hours', '2026-03-02 13:00+00');
SELECT code, message, detail, hint FROM fixture.refusal(format('SELECT sparkingest.reserve(%L, 1, 2, ''8 hours'', ''2026-03-02 13:00+00'')', :'acme'));
SELECT reservation_id IS NOT NULL AS placed FROM sparkingest.try_reserve(:'acme', 1, 2, '8 hours', '2026-03-02 13:00+00');
SELECT reservation_id AS r FROM sparkingest.reserve(:'acme', 2, 4, '1 hour', '2026-03-02 13:00+00') \gset
SELECT * FROM pg_temp.books_of('Acme');

-- A move to another month is paid by that month's grant; too little there refuses it, and nothing has changed.
SELECT starts_at FROM sparkingest.move_reservation(:'r', '2026-04-01 06:00+00');
SELECT * FROM pg_temp.books_of('Acme');
SELECT * FROM pg_temp.books_of('Acme', '2026-04-01');
SELECT starts_at FROM sparkingest.reserve(:'acme', 2, 4, '3 hours', '2026-03-03 00:00+00', '0');
SELECT code, message, hint FROM fixture.refusal(format('SELECT sparkingest.move_reservation(%L, ''2026-03-04 06:00+00'')', :'r'));
SELECT * FROM pg_temp.books_of('Acme', '2026-04-01');

-- The transaction's end decides.
BEGIN;
SELECT sparkingest.release(:'r');
SELECT * FROM pg_temp.books_of('Acme', '2026-04-01');
SELECT starts_at FROM sparkingest.reserve(:'acme', 2, 4, '1 hour', '2026-04-01 06:00+00');
ROLLBACK;
SELECT * FROM pg_temp.books_of('Acme', '2026-04-01');

-- Rows that somebody else writes reach the ledger too.
BEGIN;
INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, reservation_id, entry_type, amount)
    SELECT now(), tenant_id, grant_id, grant_id, 'hold', 1800000 FROM sparkingest.grants WHERE purchase_id = :'april';
SELECT code, message FROM fixture.refusal(format('SELECT sparkingest.reserve(%L, 2, 4, ''2 hours'', ''2026-04-01 12:00+00'')', :'acme'));
SELECT * FROM sparkingest.verify_ledger();
SELECT problem FROM sparkingest.verify_books();
SELECT code, message FROM fixture.refusal($$INSERT INTO sparkingest.balance_entries (at, tenant_id, grant_id, reservation_id, entry_type, amount)
    SELECT now(), tenant_id, grant_id, grant_id, 'hold', granted FROM sparkingest.grants$$);
DELETE FROM sparkingest.balance_entries WHERE reservation_id = grant_id;
UPDATE sparkingest.grants SET granted = granted + 3600000 WHERE purchase_id = :'april';
SELECT starts_at FROM sparkingest.reserve(:'acme', 2, 4, '1 hour', '2026-04-01 12:00+00');
SELECT * FROM sparkingest.verify_ledger();
ROLLBACK;

-- Sealing changes no amount; the chain is what the column's comment says.
SELECT count(*) AS unsealed FROM sparkingest.balance_entries WHERE chain_no IS NULL;
SELECT sparkingest.maintain();
SELECT count(*) AS unsealed FROM sparkingest.balance_entries WHERE chain_no IS NULL;
SELECT * FROM pg_temp.books_of('Acme');
WITH RECURSIVE chain AS (
    SELECT b.chain_no, chain_hash, sha256(decode(repeat('00', 32), 'hex') || convert_to(concat_ws('|', b.chain_no, tenant_id, (extract(epoch FROM at) * 1000000)::bigint,
        grant_id, '', '', entry_type, amount, terms), 'UTF8')) AS hash FROM sparkingest.balance_entries AS b WHERE chain_no = 1
    UNION ALL
    SELECT b.chain_no, b.chain_hash, sha256(c.hash || convert_to(concat_ws('|', b.chain_no, tenant_id, (extract(epoch FROM at) * 1000000)::bigint, grant_id,
        COALESCE(execution_id::text, ''), COALESCE(reservation_id::text, ''), entry_type, amount, terms), 'UTF8'))
      FROM chain AS c JOIN sparkingest.balance_entries AS b ON b.chain_no = c.chain_no + 1)
SELECT count(*) = (SELECT count(*) FROM sparkingest.balance_entries) AS all_of_them, bool_and(hash = chain_hash) AS whole FROM chain;
SELECT * FROM sparkingest.verify_books();

-- 200 edits that a superuser makes behind the triggers' back, one at a time: of any column of any entry, sealed or not, of the amounts that it is held
-- against, or of the terms of a grant.
CREATE FUNCTION pg_temp.edit() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id bigint := (SELECT entry_id FROM sparkingest.balance_entries ORDER BY random() LIMIT 1);
    edit text;
    edits text[] := ARRAY['DELETE FROM sparkingest.balance_entries WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET amount = amount + 1 WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET amount = amount * 2 WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET at = at - interval ''1 microsecond'' WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET tenant_id = gen_random_uuid() WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET grant_id = (SELECT g.grant_id FROM sparkingest.grants AS g WHERE g.grant_id <> balance_entries.grant_id LIMIT 1) WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET execution_id = NULL, reservation_id = gen_random_uuid() WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET entry_type = CASE entry_type WHEN ''hold'' THEN ''release'' ELSE ''hold'' END WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET chain_hash = sha256(chain_hash) WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET chain_no = NULL, chain_hash = NULL WHERE entry_id = $1',
        'UPDATE sparkingest.balance_entries SET chain_no = chain_no + 1000 WHERE entry_id = $1',
        'UPDATE sparkingest.balance_chains SET chain_no = chain_no - 1 WHERE $1 > 0',
        'UPDATE sparkingest.balance_chains SET chain_hash = sha256(chain_hash) WHERE $1 > 0',
        'DELETE FROM sparkingest.balance_chains WHERE $1 > 0',
        'UPDATE sparkingest.grants SET granted = granted + 1 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET granted = granted + 1, held = held + 1 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET granted = granted + 1, spent = spent + 1 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.balance_entries SET terms = COALESCE(terms, '''') || ''0'' WHERE entry_id = $1',
        'DELETE FROM sparkingest.grants WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET starts_at = starts_at - ''1 hour''::interval WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET ends_at = ends_at + ''1 microsecond''::interval WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET priority = priority - 1 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET price = COALESCE(price, 1) * 0.5 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET cpu_millicores = cpu_millicores + 4000 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.grants SET rollover_left = granted + 1 WHERE grant_id = (SELECT b.grant_id FROM sparkingest.balance_entries AS b WHERE b.entry_id = $1)',
        'UPDATE sparkingest.reservations SET held = held + 1 WHERE $1 > 0',
        'UPDATE sparkingest.job_executions SET held = held + 1 WHERE $1 > 0'];
BEGIN
    edit := edits[1 + floor(random() * array_length(edits, 1))::integer];
    EXECUTE edit USING id;
    RETURN edit;
END
$$;
SELECT fixture.production_job('Acme', 'nightly') AS job \gset
SELECT sparkingest.run_job(fixture.job('nightly'), '2026-04-01 13:00+00') AS run \gset
SELECT sparkingest.purchase(:'acme', 'dedicated_units', 3, 'monthly', '2026-04-01 00:00+00', '2026-07-01 00:00+00', '{"unit_price": 7, "currency": "EUR"}') AS units \gset
SELECT count(*) AS affected FROM sparkingest.cancel_purchase(:'units', '2026-06-10 00:00+00');
SELECT sparkingest.maintain() > 0 AS sealed;
SELECT sparkingest.purchase(:'acme', 'vcpu_hours', 3, 'monthly', '2026-04-01 00:00+00', '2026-06-01 00:00+00', '{"unit_price": 7, "currency": "EUR", "rollover_share": 0.5}') IS NOT NULL AS bought;
SELECT sparkingest.run_job(fixture.job('nightly'), '2026-04-02 13:00+00') IS NOT NULL AS run_more;
SELECT entry_type, chain_no IS NOT NULL AS sealed, count(*) FROM sparkingest.balance_entries GROUP BY 1, 2 ORDER BY 1, 2;
SELECT entry_type, count(*) FROM sparkingest.balance_entries AS b JOIN sparkingest.grants AS g USING (grant_id) WHERE g.purchase_id = :'units' GROUP BY 1;
SELECT * FROM sparkingest.verify_books();
ALTER TABLE sparkingest.balance_entries DISABLE TRIGGER USER;
ALTER TABLE sparkingest.grants DISABLE TRIGGER USER;
ALTER TABLE sparkingest.reservations DISABLE TRIGGER USER;
SELECT setseed(0.5) \g /dev/null
DO $$
DECLARE
    edit text;
    found integer := 0;
    refused integer := 0;
    problems bigint;
BEGIN
    FOR i IN 1..200 LOOP
        BEGIN
            edit := pg_temp.edit();
            SELECT count(*) INTO problems FROM sparkingest.verify_books();
            RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = problems::text;
        EXCEPTION WHEN raise_exception THEN
            IF SQLERRM::integer > 0 THEN
                found := found + 1;
            ELSE
                RAISE NOTICE 'not found: %', edit;
            END IF;
        WHEN check_violation THEN
            refused := refused + 1;
        END;
    END LOOP;
    RAISE NOTICE '% of 200 refused, % found', refused, found;
END
$$;
-- And by the catalogue, so that a new column cannot be forgotten: every column, of three rows each.
DO $$
DECLARE
    edit text;
    problems bigint;
    done integer := 0;
BEGIN
    FOR edit IN SELECT format('UPDATE sparkingest.%1$I SET %2$I = %3$s WHERE ctid = (SELECT t.ctid FROM sparkingest.%1$I AS t ORDER BY md5(t::text) OFFSET %4$s LIMIT 1)', c.relname, a.attname,
        format(CASE a.atttypid::regtype::text WHEN 'uuid' THEN 'gen_random_uuid()' WHEN 'timestamp with time zone' THEN '%I + ''1 microsecond''::interval' WHEN 'numeric' THEN 'COALESCE(%I, 0) + 0.000001'
            WHEN 'text' THEN 'COALESCE(%I, '''') || ''x''' WHEN 'bytea' THEN 'sha256(COALESCE(%I, ''''))' ELSE 'COALESCE(%I, 0) + 1' END, a.attname), k)
        FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid, generate_series(0, 2) AS k
        WHERE c.oid IN ('sparkingest.grants'::regclass, 'sparkingest.balance_entries'::regclass, 'sparkingest.balance_chains'::regclass) AND a.attnum > 0 AND (k = 0 OR c.relname <> 'balance_chains')
    LOOP
        BEGIN
            EXECUTE edit;
            SELECT count(*) INTO problems FROM sparkingest.verify_books();
            RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = problems::text;
        EXCEPTION WHEN raise_exception THEN
            done := done + 1;
            IF SQLERRM::integer = 0 THEN
                RAISE NOTICE 'not found: %', edit;
            END IF;
        WHEN check_violation OR foreign_key_violation OR unique_violation OR generated_always THEN
            NULL;
        END;
    END LOOP;
    RAISE NOTICE 'more than 50 of them: %', done > 50;
END
$$;
ALTER TABLE sparkingest.balance_entries ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.grants ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
ALTER TABLE sparkingest.reservations ENABLE ALWAYS TRIGGER ledger, ENABLE ALWAYS TRIGGER ledger_truncated;
\i :end
