/*
 * caller.h: who calls, and acting as the extension's owner on their behalf.
 *
 * Every SQL function that touches tables enters here first: it notes the calling role, switches to the owner of the
 * extension and pins search_path to pg_catalog, so that no object of the caller can be picked up by our SQL. An error
 * in between needs no cleaning up: transaction and subtransaction abort restore both.
 */
#ifndef SI_PG_CALLER_H
#define SI_PG_CALLER_H

typedef struct SiCaller
{
    Oid role;         /* the effective role of the caller */
    const char *name; /* its name, for events; palloc'd */
    int save_context; /* for si_caller_leave */
} SiCaller;

extern void si_caller_enter(SiCaller *caller);
extern void si_caller_leave(const SiCaller *caller);

/* Superuser or member of sparkingest_operator. */
extern bool si_caller_is_operator(const SiCaller *caller);

/* An operator, or a member of sparkingest_reader: sees what operators see. */
extern bool si_caller_sees_all(const SiCaller *caller);

/* Raises 42501 unless the caller is an operator. */
extern void si_caller_require_operator(const SiCaller *caller, const char *function_name);

/* Raises 42501 unless the caller sees all. */
extern void si_caller_require_sight(const SiCaller *caller, const char *function_name);

#endif
