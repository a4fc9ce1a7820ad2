/*
 * books.h: the hash chains of balance_entries.
 */
#ifndef SI_STORE_BOOKS_H
#define SI_STORE_BOOKS_H

#include "utils/uuid.h"

#define SI_HASH_BYTES 32 /* SHA-256 */

/* The column terms of balance_entries for a grant: an SQL expression for statements of the store. */
#define SI_GRANT_TERMS(g) \
    "pg_catalog.format('%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s', " g ".purchase_id, " g ".resource_type, " g ".namespace, " \
    "(EXTRACT(epoch FROM " g ".starts_at) * 1000000)::bigint, (EXTRACT(epoch FROM " g ".ends_at) * 1000000)::bigint, " g \
    ".cpu_millicores, " g ".memory_mib, " g ".priority, " g ".price, " g ".rollover_left, " g ".rolled_from, " g ".account_no, " g ".lending_limit)"

typedef struct SiLink
{
    int64 entry_id;
    char *text; /* what is hashed of it, after its place and a |: see the column chain_hash */
    int64 chain_no;
    uint8 hash[SI_HASH_BYTES];
} SiLink;

/* Tenants that have entries which are not sealed, palloc'd. Returns how many. */
extern int si_books_tenants(pg_uuid_t **out);

/* Entries to be sealed next, at most so many, by entry_id, palloc'd. Locks their grants; entries of locked ones are left out. */
extern int si_books_unsealed(const pg_uuid_t *tenant_id, int most, SiLink **out);

/* Place and hash of the last that is sealed; 0 and zeros when there is none. */
extern void si_books_last(const pg_uuid_t *tenant_id, SiLink *out);

/* Writes places and hashes, adds the entries to held and spent of their grants, and the last to balance_chains. */
extern void si_books_write(const pg_uuid_t *tenant_id, const SiLink *links, int n);

typedef struct SiBookProblem
{
    bool has_tenant;
    pg_uuid_t tenant_id;
    const char *problem;
    char *detail;
} SiBookProblem;

/* Everything that does not fit together, palloc'd; see sparkingest.verify_books. Returns how many. */
extern int si_books_verify(SiBookProblem **out);

#endif
