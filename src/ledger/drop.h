/*
 * drop.h: what was dropped leaves memory. Private to src/ledger.
 */
#ifndef SI_LEDGER_DROP_H
#define SI_LEDGER_DROP_H

/* _PG_init. */
extern void si_ledger_drop_init(void);

#endif
