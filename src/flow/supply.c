/*
 * supply.c: capacity as it is shown, and changes of what a namespace has.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/supply.h"
#include "guc.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/lock.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/events.h"
#include "store/sql.h"

void
si_supply_slots(const SiPoolRef *pool, TimestampTz from, TimestampTz until, TimestampTz now, SiSlots *total,
                SiSlots *allocated)
{
    int64 step = pool->namespace.step_usecs;
    int64 first = si_slot_floor(from, step);
    int64 last = si_slot_ceil(until, step);

    si_require_horizon("the end of during", until, now);
    if (until - from > si_guc_horizon_days * USECS_PER_DAY)
        si_bad_value("during", (char *) NULL,
                     psprintf("must be at most %d days long (sparkingest.horizon_days)", si_guc_horizon_days));
    si_occupancy(pool, first, (int32) (last - first), total, allocated);
}

char *
si_slot_id(const SiNamespace *namespace, TimestampTz at)
{
    char *quoted = si_time_json(at);

    return psprintf("%s/%.*s", namespace->name, (int) strlen(quoted) - 2, quoted + 1);
}

/* What the namespace has at an instant, as JSON. */
static char *
total_at(const SiNamespace *namespace, TimestampTz at)
{
    SiAmount *overrides;
    int n = si_overrides(namespace->name, at, at + 1, &overrides);
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "namespace", namespace->name);
    /* The newest counts, and is the last. */
    si_json_put_quantity(&buf, "cpu_cores", n > 0 ? overrides[n - 1].cpu_millicores : namespace->cpu_millicores, 1000);
    si_json_put_quantity(&buf, "memory_gb", n > 0 ? overrides[n - 1].memory_mib : namespace->memory_mib, 1024);
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

int
si_supply_set(const SiCaller *caller, const SiNamespace *namespace, const SiSupplyChange *change, TimestampTz now,
              SiRelieved **out)
{
    SiPoolRef pool = {*namespace, NULL};
    StringInfoData after;
    char *before;

    if (change->until <= now)
        si_bad_value("during", (char *) NULL, "must not be over");
    /* Two that wait for holders would wait for each other: they take turns. */
    si_lock_transaction(SI_LOCK_CHANGE, 0, 0);
    before = total_at(namespace, change->from);
    si_override_insert(namespace->name, change->from, change->until, change->cpu_millicores, change->memory_mib,
                       caller->name, now);
    /*
     * From here on, those that come get no more than there is. What transactions hold that have not ended must be seen too, or
     * it would be found over-committed only after their commit: they are waited for, while others go on (C6).
     */
    si_lock_wait_for_holders(SI_LOCK_LEDGER, 0, 0);
    initStringInfo(&after);
    appendStringInfoChar(&after, '{');
    si_json_put_text(&after, "namespace", namespace->name);
    si_json_put_quantity(&after, "cpu_cores", change->cpu_millicores, 1000);
    si_json_put_quantity(&after, "memory_gb", change->memory_mib, 1024);
    si_json_put_raw(&after, "from", si_time_json(change->from));
    si_json_put_raw(&after, "until", si_time_json(change->until));
    appendStringInfoChar(&after, '}');
    si_event("capacity.set", NULL, NULL, NULL, caller->name, NULL, before, after.data);
    return si_relieve(&pool, Max(change->from, now), change->until, caller->name,
                      psprintf("capacity of namespace \"%s\" was set to %s cores and %s GiB by %s", namespace->name,
                               si_quantity_text(change->cpu_millicores, 1000), si_quantity_text(change->memory_mib, 1024),
                               caller->name),
                      true, now, out);
}
