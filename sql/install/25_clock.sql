CREATE FUNCTION sparkingest.clock()
RETURNS timestamptz LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'si_clock';
COMMENT ON FUNCTION sparkingest.clock IS 'The time that decisions and workers go by: the real time unless sparkingest.clock says otherwise';
