-- races.sql: what test/specs/ledger_*.spec share, loaded into the database of the isolation tests.
\set ON_ERROR_STOP on
SET allow_system_table_mods = on;

-- A session that stands (stops.c) is blocked for isolationtester, too. One of the server's own cannot be replaced: it is called by number.
ALTER FUNCTION pg_catalog.pg_isolation_test_session_is_blocked(integer, integer[]) RENAME TO pg_isolation_test_session_is_blocked_by_lock;
CREATE FUNCTION pg_catalog.pg_isolation_test_session_is_blocked(integer, integer[]) RETURNS boolean
LANGUAGE c STRICT AS '$libdir/sparkingest', 'fixture_is_blocked';
CREATE FUNCTION fixture.go() RETURNS integer LANGUAGE c AS '$libdir/sparkingest', 'fixture_go';

-- Two hours on both sides of midnight, where a chunk of the ledger ends, and later.
CREATE FUNCTION fixture.hour() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2026-03-02 23:30+00'::timestamptz $$;
CREATE FUNCTION fixture.later() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$ SELECT '2026-03-03 02:30+00'::timestamptz $$;

-- Everything is counted in pieces of a unit (4 cores, 8 GiB). In the first hour the namespace has 4 pieces, 1 of them is held by
-- tenant "one", which has 2 units, 1 by tenant "two", which has 5: one may have 1 more, two may have 2 more.
CREATE FUNCTION fixture.piece(tenant text, at timestamptz) RETURNS uuid LANGUAGE sql AS
$$ SELECT reservation_id FROM sparkingest.try_reserve(fixture.tenant(tenant), 4, 8, '1 hour', at, '0', 'dedicated-cpu-ns') $$;
CREATE FUNCTION fixture.capacity(pieces integer) RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM sparkingest.set_capacity('dedicated-cpu-ns', 4 * pieces, 8 * pieces,
    tstzrange(fixture.hour(), fixture.hour() + '1 hour'::interval)) $$;
CREATE FUNCTION fixture.buy(tenant text, units integer) RETURNS boolean LANGUAGE sql AS
$$ SELECT sparkingest.purchase(fixture.tenant(tenant), 'dedicated_units', units, 'daily') IS NOT NULL $$;
CREATE TABLE fixture.emptied (oid oid); -- the extension as it was created here; to empty it is quicker than to create it
CREATE PROCEDURE fixture.pieces() LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension JOIN fixture.emptied USING (oid)) THEN
        DROP EXTENSION IF EXISTS sparkingest CASCADE;
        CREATE EXTENSION sparkingest;
        INSERT INTO fixture.emptied SELECT oid FROM pg_extension WHERE extname = 'sparkingest';
    END IF;
    COMMIT;
    DELETE FROM sparkingest.reservations;
    DELETE FROM sparkingest.capacity_overrides;
    DELETE FROM sparkingest.balance_entries;
    DELETE FROM sparkingest.grants;
    DELETE FROM sparkingest.resource_purchases;
    DELETE FROM sparkingest.pools WHERE tenant_id IS NOT NULL;
    DELETE FROM sparkingest.tenants;
    COMMIT;
    PERFORM sparkingest.rebuild_ledger();
    COMMIT;
    PERFORM sparkingest.create_tenant('one'), sparkingest.create_tenant('two');
    PERFORM fixture.buy('one', 2), fixture.buy('two', 5);
    PERFORM fixture.capacity(4);
    PERFORM fixture.piece('one', fixture.hour()), fixture.piece('two', fixture.hour());
END
$$;
CREATE FUNCTION fixture.held(tenant text) RETURNS SETOF uuid LANGUAGE sql AS
$$ SELECT reservation_id FROM sparkingest.reservations WHERE tenant_id = fixture.tenant(tenant) AND status = 'active' ORDER BY starts_at, created_at $$;

-- How many more pieces a tenant gets: as many as it can take, which is undone.
CREATE FUNCTION fixture.fits(tenant text, at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n integer := 0;
BEGIN
    WHILE fixture.piece(tenant, at) IS NOT NULL LOOP
        n := n + 1;
    END LOOP;
    RAISE EXCEPTION 'undo' USING ERRCODE = 'ZZZZZ';
EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
    RETURN n;
END
$$;
-- Takes them.
CREATE FUNCTION fixture.fill(tenant text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    n integer := 0;
BEGIN
    WHILE fixture.piece(tenant, fixture.hour()) IS NOT NULL LOOP
        n := n + 1;
    END LOOP;
    RETURN n;
END
$$;
CREATE FUNCTION fixture.room() RETURNS text LANGUAGE sql AS
$$ SELECT format('one %s, two %s; later %s', fixture.fits('one', fixture.hour()), fixture.fits('two', fixture.hour()), fixture.fits('one', fixture.later())) $$;

-- Tenant two does what need not wait for anybody, each in a transaction of its own; told is what it saw.
CREATE PROCEDURE fixture.work(verify boolean DEFAULT true, INOUT told text DEFAULT NULL) LANGUAGE plpgsql AS $$
DECLARE
    piece uuid;
    other uuid := (SELECT min(h::text) FROM fixture.held('two') AS h);
    before text := fixture.room();
BEGIN
    COMMIT;
    piece := fixture.piece('two', fixture.hour());
    COMMIT;
    PERFORM sparkingest.move_reservation(piece, fixture.later());
    COMMIT;
    PERFORM sparkingest.release(other);
    ROLLBACK;
    PERFORM sparkingest.release(other);
    COMMIT;
    PERFORM sparkingest.move_reservation(piece, fixture.hour());
    COMMIT;
    UPDATE sparkingest.reservations SET starts_at = fixture.later(), ends_at = fixture.later() + '1 hour' WHERE reservation_id = piece;
    ROLLBACK;
    UPDATE sparkingest.reservations SET starts_at = fixture.later(), ends_at = fixture.later() + '1 hour' WHERE reservation_id = piece;
    COMMIT;
    UPDATE sparkingest.reservations SET starts_at = fixture.hour(), ends_at = fixture.hour() + '1 hour' WHERE reservation_id = piece;
    COMMIT;
    DELETE FROM sparkingest.reservations WHERE reservation_id = other OR reservation_id = piece;
    ROLLBACK;
    DELETE FROM sparkingest.reservations WHERE reservation_id = piece;
    COMMIT;
    PERFORM fixture.piece('two', fixture.hour());
    COMMIT;
    told := format('%s; then %s', before, fixture.room());
    COMMIT;
    IF verify AND EXISTS (SELECT FROM sparkingest.verify_ledger()) THEN
        told := told || '; the ledger is wrong';
    END IF;
END
$$;
