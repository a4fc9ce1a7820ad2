/*
 * books.h: the books of vCPU-hours: entries sealed into a hash chain per tenant, and whether they are whole.
 */
#ifndef SI_FLOW_BOOKS_H
#define SI_FLOW_BOOKS_H

#include "store/books.h"

/*
 * Gives entries that have none their place in their tenant's chain, and counts them in their grants. Grants that somebody
 * else's transaction is at are left for later. Returns how many entries.
 */
extern int64 si_books_seal(void);

#endif
