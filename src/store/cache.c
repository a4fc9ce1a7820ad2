/*
 * cache.c: small tables kept in the memory of a backend.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "store/cache.h"

static SiCache *caches = NULL;
static bool callback_registered = false;

/* Runs wherever the server takes in invalidations: flags only. */
static void
forget(Datum argument, Oid relation)
{
    for (SiCache *cache = caches; cache; cache = cache->next)
        if (relation == InvalidOid || relation == cache->relation)
            cache->valid = false;
}

bool
si_cache_holds(SiCache *cache)
{
    Oid relation = get_relname_relid(cache->table, get_namespace_oid("sparkingest", false));

    if (cache->valid && cache->filled && cache->relation == relation)
        return true;
    if (cache->context == NULL)
    {
        cache->context = AllocSetContextCreate(TopMemoryContext, "sparkingest cache", ALLOCSET_SMALL_SIZES);
        cache->next = caches;
        caches = cache;
    }
    if (!callback_registered)
    {
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
        callback_registered = true;
    }
    cache->filled = false;
    MemoryContextReset(cache->context);
    cache->relation = relation;
    /* Before it is read: what changes meanwhile makes it invalid again. */
    cache->valid = true;
    return false;
}

void
si_cache_filled(SiCache *cache, bool keep)
{
    cache->filled = true;
    if (!keep)
        cache->valid = false;
}

bool
si_cache_may_differ(void)
{
    return TransactionIdIsValid(GetTopTransactionIdIfAny());
}
