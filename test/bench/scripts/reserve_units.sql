SELECT sparkingest.reserve('00000000-0000-4000-8000-000000000001', 1, 2, '1 hour', namespace => 'dedicated-cpu-ns');
