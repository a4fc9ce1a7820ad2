/*
 * jit.c: statements that are planned without just-in-time compilation.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "pg/jit.h"

int
si_jit_off(void)
{
    int level = NewGUCNestLevel();

    (void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    return level;
}

void
si_jit_restore(int level)
{
    AtEOXact_GUC(true, level);
}
