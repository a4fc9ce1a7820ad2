/*
 * books.c: entries sealed into a hash chain per tenant.
 *
 * Chaining when an entry is written would let all of a tenant's sessions wait for each other; so it follows, in the order in
 * which entries are found committed. What a grant and its unsealed entries add up to is the same before and after.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "flow/announce.h"
#include "utils/fmgrprotos.h"

#include "flow/books.h"
#include "pg/lock.h"
#include "store/sql.h"

/* So many of one tenant at a time; the others wait for the next call. */
#define MOST 20000

static void
link_to(SiLink *link, const uint8 *before)
{
    char *text = psprintf(INT64_FORMAT "|%s", link->chain_no, link->text);
    int length = strlen(text);
    bytea *input = palloc(VARHDRSZ + SI_HASH_BYTES + length);
    bytea *hash;

    SET_VARSIZE(input, VARHDRSZ + SI_HASH_BYTES + length);
    memcpy(VARDATA(input), before, SI_HASH_BYTES);
    memcpy(VARDATA(input) + SI_HASH_BYTES, text, length);
    hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, PointerGetDatum(input)));
    memcpy(link->hash, VARDATA_ANY(hash), SI_HASH_BYTES);
    pfree(text);
    pfree(input);
    pfree(hash);
}

static int64
seal_tenant(const pg_uuid_t *tenant_id)
{
    SiLink last;
    SiLink *links;
    int n = si_books_unsealed(tenant_id, MOST, &links);

    si_books_last(tenant_id, &last);
    for (int i = 0; i < n; i++)
    {
        CHECK_FOR_INTERRUPTS();
        links[i].chain_no = last.chain_no + 1 + i;
        link_to(&links[i], i == 0 ? last.hash : links[i - 1].hash);
    }
    if (n == 0)
        return 0;
    si_announce_sealing(true);
    si_books_write(tenant_id, links, n);
    si_announce_sealing(false);
    return n;
}

int64
si_books_seal(void)
{
    pg_uuid_t *tenants;
    int64 handled = 0;
    int n;

    if (!si_lock_transaction_try(SI_LOCK_BOOKS, 0, 0))
        return 0;
    n = si_books_tenants(&tenants);
    for (int i = 0; i < n; i++)
        handled += seal_tenant(&tenants[i]);
    return handled;
}
