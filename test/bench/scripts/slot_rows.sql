SELECT slot_rows.reserve('00000000-0000-4000-8000-000000001001', 1000, 2048, '1 hour', 'vcpu-hours-ns');
