/*
 * patience.c: how long statements wait for a lock.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "pg/patience.h"

int
si_patience_set(int millis)
{
    int level = NewGUCNestLevel();

    (void) set_config_option("lock_timeout", psprintf("%d", millis), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    return level;
}

void
si_patience_restore(int level)
{
    AtEOXact_GUC(true, level);
}
