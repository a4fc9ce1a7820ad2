/*
 * cache.h: small tables that every call reads and hardly anybody changes, kept in the memory of a backend. A trigger on each
 * of them (sql/install/80_ledger.sql) sends the server's own relation invalidation when it changes, so that every backend
 * forgets what it kept before its next statement, and the one that changed it at once, also when it rolls back.
 */
#ifndef SI_STORE_CACHE_H
#define SI_STORE_CACHE_H

#include "utils/palloc.h"

typedef struct SiCache
{
    const char *table; /* in schema sparkingest */
    bool valid;
    Oid relation;
    MemoryContext context; /* of what is kept; reset when it is to be read again */
    struct SiCache *next;
} SiCache;

/* Whether what is kept still holds. When not, context is empty and the caller fills it. */
extern bool si_cache_holds(SiCache *cache);

#endif
