/*
 * jit.h: statements that are planned without just-in-time compilation. Rows are estimated high where nobody can know, and
 * compiling would take longer than the statement.
 */
#ifndef SI_PG_JIT_H
#define SI_PG_JIT_H

/* Off until si_jit_restore, or the end of the (sub)transaction by an error. Returns what that takes. */
extern int si_jit_off(void);
extern void si_jit_restore(int level);

#endif
