\set tenant random(10001, 11000)
SELECT sparkingest.reserve(('00000000-0000-4000-8000-' || lpad(:tenant::text, 12, '0'))::uuid, 1, 2, '1 hour', namespace => 'vcpu-hours-ns');
