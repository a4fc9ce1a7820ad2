/*
 * source.h: source_type and source_config of a job.
 */
#ifndef SI_FLOW_SOURCE_H
#define SI_FLOW_SOURCE_H

#include "utils/jsonb.h"

/* Raises 22023 unless source_type is one of those that ingest.py reads. */
extern void si_source_type_check(const char *source_type);

/*
 * Checks source_config strictly against its type and returns what is kept: nulls removed, the format of files filled in.
 * Raises 22023 naming the field.
 */
extern Jsonb *si_source_check(const char *source_type, Jsonb *config);

/*
 * Whether a watermark taken from one configuration still holds for another: the same relation or query, in the same
 * database, by the same incremental column. Host, credentials and reading habits may differ.
 */
extern bool si_source_keeps_watermark(const char *old_type, Jsonb *old_config, const char *new_type, Jsonb *new_config);

#endif
