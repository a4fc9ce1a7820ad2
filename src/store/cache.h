/*
 * cache.h: small tables that every call reads and hardly anybody changes, kept in the memory of a backend. A trigger on each
 * of them (sql/install/80_ledger.sql) sends the server's own relation invalidation when it changes, so that every backend
 * forgets what it kept before its next statement, and the one that changed it at once, also when it rolls back.
 *
 * Only what is committed is kept for longer than one call: the trigger fires after the statement, and a statement that
 * fails in the middle has none. So whoever fills a cache in a transaction that may have changed the table reads it twice,
 * with and without own changes, and keeps what is the same.
 */
#ifndef SI_STORE_CACHE_H
#define SI_STORE_CACHE_H

#include "utils/palloc.h"

typedef struct SiCache
{
    const char *table; /* in schema sparkingest */
    bool valid;
    bool filled; /* no error came before the end of it */
    Oid relation;
    MemoryContext context; /* of what is kept; reset when it is to be read again */
    struct SiCache *next;
} SiCache;

/* Whether what is kept still holds. When not, context is empty and the caller fills it, and says so. */
extern bool si_cache_holds(SiCache *cache);

/* It is filled, or something was added; keep = with what is committed: it may be used by other transactions too. */
extern void si_cache_filled(SiCache *cache, bool keep);

/* Whether this transaction may see rows that are not committed. */
extern bool si_cache_may_differ(void);

#endif
