-- Tenants: creating, status, and the roles that act for them.
\getenv here PG_ABS_SRCDIR
\set begin :here '/sql/include/begin.psql'
\set end :here '/sql/include/end.psql'
\i :begin

SELECT sparkingest.create_tenant('Acme') IS NOT NULL AS created;
SELECT sparkingest.create_tenant(tenant_name => 'Globex', time_zone => 'europe/berlin') IS NOT NULL AS created;
-- The zone is kept as the tz database spells it.
SELECT tenant_name, time_zone, status, created_at FROM sparkingest.tenants ORDER BY tenant_name;

-- Names are unique and fit to be shown.
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Acme')$$);
SELECT left(name, 12) AS name, r.code, r.message FROM (VALUES (''), (' Acme'), ('Acme '), (E'A\tB'), (E'A\nB'), (E'A\x7f'),
    (repeat('x', 201)), (repeat('ü', 201))) AS v (name),
    LATERAL fixture.refusal(format('SELECT sparkingest.create_tenant(%L)', name)) AS r;
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant(NULL)$$);
SELECT sparkingest.create_tenant(name) IS NOT NULL AS created FROM (VALUES (repeat('ü', 200)), ('Robert''); DROP TABLE tenants; --')) AS v (name);
SELECT length(tenant_name) FROM sparkingest.tenants WHERE tenant_name ~ '^(ü|Robert)' ORDER BY 1;

-- Zones are IANA names: no offsets, no POSIX rules, no paths.
SELECT zone, r.code, r.message FROM (VALUES (''), ('Mars/Olympus'), ('+02'), ('UTC+2'), ('EST5EDT4,M3.2.0,M11.1.0'), ('CET'), ('<+03>-3'),
    ('posix/Europe/Berlin'),
    ('right/UTC'), ('../../etc/passwd'), ('localtime'), ('Europe/Berlin '), ('Factory'), ('EST5EDT')) AS v (zone),
    LATERAL fixture.refusal(format('SELECT sparkingest.create_tenant(''zone'', %L)', zone)) AS r;

-- J8: the same key and body give the first answer, another body is an error.
SELECT sparkingest.create_tenant('Initech', idempotency_key => 'k1') AS first \gset
SELECT sparkingest.create_tenant('Initech', idempotency_key => 'k1') = :'first' AS same;
SELECT sparkingest.create_tenant('Initech', 'utc', idempotency_key => 'k1') = :'first' AS same_by_another_spelling;
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Initrode', idempotency_key => 'k1')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Initech', 'Asia/Tokyo', 'k1')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Other', idempotency_key => '')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Other', idempotency_key => repeat('k', 201))$$);
-- A call that was undone leaves no key behind.
BEGIN;
SELECT sparkingest.create_tenant('Hooli', idempotency_key => 'k2') IS NOT NULL AS created;
ROLLBACK;
SELECT sparkingest.create_tenant('Hooli (new)', idempotency_key => 'k2') IS NOT NULL AS created;

-- Status: suspended and back; closed for good. Nothing new starts meanwhile.
SELECT fixture.draft_job('Acme', 'before') IS NOT NULL AS created;
SELECT sparkingest.run_job(fixture.job('before')) AS run \gset
SELECT fixture.run(:'run', '5 minutes');
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'suspended');
SELECT * FROM fixture.refusal($$SELECT sparkingest.purchase(fixture.tenant('Acme'), 'vcpu_hours', 1)$$);
SELECT * FROM fixture.refusal($$SELECT fixture.draft_job('Acme', 'j')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.reserve(fixture.tenant('Acme'), 1, 1, '5 min')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.run_job(fixture.job('before'))$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.promote_job(fixture.job('before'))$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.resume_job(fixture.job('before'))$$);
-- What is there can be looked at and put away.
SELECT sparkingest.pause_job(fixture.job('before')), sparkingest.render_manifest(:'run') IS NOT NULL AS rendered;
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'suspended'); -- no event the second time
SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'active');
SELECT sparkingest.set_tenant_status(fixture.tenant('Globex'), 'closed');
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_tenant_status(fixture.tenant('Globex'), 'active')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_tenant_status(fixture.tenant('Acme'), 'asleep')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_tenant_status(gen_random_uuid(), 'active')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.set_tenant_status(NULL, 'active')$$);

-- Roles that act for a tenant: members of them do, too; without the group role nothing can be called.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_acme, regress_clerk, regress_stranger, regress_operator;
SET client_min_messages = notice;
CREATE ROLE regress_acme;
CREATE ROLE regress_clerk IN ROLE regress_acme;
CREATE ROLE regress_stranger IN ROLE sparkingest_tenant;
CREATE ROLE regress_operator IN ROLE sparkingest_operator;
SELECT sparkingest.grant_tenant(fixture.tenant('Acme'), 'regress_acme');
GRANT sparkingest_tenant TO regress_acme;
SELECT sparkingest.grant_tenant(fixture.tenant('Acme'), 'regress_acme'); -- again: no matter
SELECT fixture.tenant('Acme') AS acme \gset
GRANT USAGE ON SCHEMA fixture TO PUBLIC;
SET ROLE regress_acme;
SELECT tenant_name FROM sparkingest.tenants;
SELECT * FROM fixture.refusal($$SELECT sparkingest.create_tenant('Mine')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.grant_tenant(gen_random_uuid(), 'regress_stranger')$$);
SET ROLE regress_clerk;
SELECT tenant_name FROM sparkingest.tenants;
SELECT sparkingest.usage(:'acme') ->> 'tenant_id' = :'acme' AS may_ask;
-- A stranger learns nothing, not even that the tenant is there.
SET ROLE regress_stranger;
SELECT tenant_name FROM sparkingest.tenants;
SELECT * FROM fixture.refusal(format('SELECT sparkingest.usage(%L)', :'acme'));
SELECT * FROM fixture.refusal($$SELECT sparkingest.usage(gen_random_uuid())$$);
SET ROLE regress_operator;
SELECT tenant_name FROM sparkingest.tenants WHERE tenant_id = :'acme';
SELECT * FROM fixture.refusal($$SELECT sparkingest.usage(gen_random_uuid())$$);
SELECT sparkingest.revoke_tenant(:'acme', 'regress_acme');
SET ROLE regress_acme;
SELECT tenant_name FROM sparkingest.tenants;
RESET ROLE;
SELECT * FROM fixture.refusal($$SELECT sparkingest.grant_tenant(fixture.tenant('Acme'), 'regress_nobody')$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.grant_tenant(fixture.tenant('Acme'), 4294967295)$$);
SELECT * FROM fixture.refusal($$SELECT sparkingest.grant_tenant(fixture.tenant('Acme'), NULL)$$);

-- A role that is dropped gives nobody anything, and does not get in the way of dropping it.
SELECT sparkingest.grant_tenant(:'acme', 'regress_acme');
DROP ROLE regress_acme;
SET ROLE regress_clerk;
SELECT * FROM fixture.refusal(format('SELECT sparkingest.usage(%L)', :'acme'));
RESET ROLE;

SELECT event_type, t.tenant_name, before, after FROM sparkingest.events JOIN sparkingest.tenants AS t USING (tenant_id)
 WHERE t.tenant_name IN ('Acme', 'Globex') ORDER BY event_id;
DROP ROLE regress_clerk, regress_stranger, regress_operator;
REVOKE USAGE ON SCHEMA fixture FROM PUBLIC;
\i :end
