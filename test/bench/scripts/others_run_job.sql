\set tenant random(10001, 11000)
SELECT sparkingest.run_job(('00000000-0000-4000-9000-' || lpad(:tenant::text, 12, '0'))::uuid);
