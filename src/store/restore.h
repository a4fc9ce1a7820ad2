/*
 * restore.h: rows that a script of pg_dump brings to where CREATE EXTENSION has put rows already.
 */
#ifndef SI_STORE_RESTORE_H
#define SI_STORE_RESTORE_H

#include "access/htup.h"
#include "utils/relcache.h"

/* Makes the row with the same first column like this one; false when there is none. */
extern bool si_restore_over(Relation relation, HeapTuple row);

/*
 * A row of clusters to which nothing is posted until somebody says so: the server that it was dumped from may still post, and
 * would post the same (J10). Other rows stay as they are.
 */
extern HeapTuple si_restore_fenced(Relation relation, HeapTuple row);

/* A row of ingestion_jobs with the owner_oid that belongs to its owner_name here; 0 when there is no such role. */
extern HeapTuple si_restore_owner(Relation relation, HeapTuple row);

/* A row of events as if this transaction had written it. */
extern HeapTuple si_restore_event(Relation relation, HeapTuple row);

#endif
