/*
 * audit.h: whether the ledger agrees with the tables.
 */
#ifndef SI_FLOW_AUDIT_H
#define SI_FLOW_AUDIT_H

#include "store/pools.h"

typedef struct SiDifference
{
    bool is_limit; /* CPU is what it counts; namespace_name is its name */
    bool is_funds; /* CPU is millicore-seconds of a grant; no namespace and no time */
    pg_uuid_t grant_id;
    char namespace_name[64];
    bool has_tenant;
    pg_uuid_t tenant_id; /* whose units or share; none = the namespace */
    TimestampTz time_slot;
    bool broken;      /* the chunk that begins here does not agree with itself */
    int64 ledger_cpu; /* reserved, as the ledger and as the tables have it */
    int64 table_cpu;
    int64 ledger_mem;
    int64 table_mem;
    int64 ledger_total_cpu; /* supply */
    int64 table_total_cpu;
    int64 ledger_total_mem;
    int64 table_total_mem;
} SiDifference;

/*
 * Compares every slot in memory with what committed transactions left in the tables, while others go on writing: nothing is
 * locked, and both are looked at as of the same instant. What is held up between its commit and the ledger for seconds is not
 * told. Returns how many, palloc'd.
 */
extern int si_audit(SiDifference **out);

#endif
