/*
 * errors.h: the SQLSTATEs of sparkingest (api.md, "SQLSTATEs").
 */
#ifndef SI_PG_ERRORS_H
#define SI_PG_ERRORS_H

#define ERRCODE_SI_CAPACITY MAKE_SQLSTATE('S', 'I', '0', '0', '1')    /* insufficient capacity */
#define ERRCODE_SI_BALANCE MAKE_SQLSTATE('S', 'I', '0', '0', '2')     /* insufficient balance */
#define ERRCODE_SI_STATE MAKE_SQLSTATE('S', 'I', '0', '0', '3')       /* state does not allow it */
#define ERRCODE_SI_IDEMPOTENCY MAKE_SQLSTATE('S', 'I', '0', '0', '4') /* key reused with another body */
#define ERRCODE_SI_LEDGER MAKE_SQLSTATE('S', 'I', '0', '0', '5')      /* ledger not available, beyond the horizon */
#define ERRCODE_SI_FENCED MAKE_SQLSTATE('S', 'I', '0', '0', '6')      /* fenced */

/*
 * Raises 22023 "invalid <field>: <problem>" with the offending value in the detail. value may be NULL.
 * problem is a phrase such as "must not be negative".
 */
#define si_bad_value(field, value, problem) \
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid %s: %s", (field), (problem)), \
                    (value) ? errdetail("The value is \"%s\".", (value)) : 0))

#endif
