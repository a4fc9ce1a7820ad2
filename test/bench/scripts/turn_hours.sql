SELECT sparkingest.release((sparkingest.reserve('00000000-0000-4000-8000-000000001001', 1, 2, '1 hour', namespace => 'vcpu-hours-ns')).reservation_id);
