/*
 * upkeep.h: rows that maintain() removes.
 */
#ifndef SI_STORE_UPKEEP_H
#define SI_STORE_UPKEEP_H

#include "datatype/timestamp.h"

/* Removes keys made before an instant; returns how many. */
extern int64 si_idempotency_expire(TimestampTz before);

#endif
