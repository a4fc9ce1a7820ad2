\set tenant random(1, 200)
SELECT sparkingest.reserve(('00000000-0000-4000-8000-' || lpad(:tenant::text, 12, '0'))::uuid, 1, 2, '1 hour', namespace => 'dedicated-cpu-ns');
