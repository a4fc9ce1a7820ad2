CREATE TYPE sparkingest.placement AS (
    reservation_id uuid,
    namespace text,
    starts_at timestamptz,
    ends_at timestamptz,
    borrowed boolean,
    draft_fallback boolean,
    reason text,
    earliest timestamptz
);
COMMENT ON TYPE sparkingest.placement IS 'Answer of reserve and try_reserve. Without a fit reservation_id is NULL, reason says why and earliest is the first start beyond the window that fits, if any within the horizon';
