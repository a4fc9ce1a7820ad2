/*
 * reserve.c: reservations that applications make themselves.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "domain/billing.h"
#include "domain/quantity.h"
#include "flow/dependants.h"
#include "flow/funds.h"
#include "flow/reserve.h"
#include "guc.h"
#include "pg/errors.h"
#include "pg/json.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "pg/wake.h"
#include "store/events.h"
#include "store/executions.h"
#include "store/jobs.h"
#include "store/sql.h"

int64
si_longest_reservation(void)
{
    return si_guc_horizon_days * USECS_PER_DAY;
}

char *
si_reservation_describe(const SiReservation *r)
{
    StringInfoData buf;

    initStringInfo(&buf);
    appendStringInfoChar(&buf, '{');
    si_json_put_text(&buf, "reservation_id", si_uuid_text(&r->reservation_id));
    si_json_put_text(&buf, "namespace", r->namespace_name);
    si_json_put_quantity(&buf, "cpu_cores", r->cpu_millicores, 1000);
    si_json_put_quantity(&buf, "memory_gb", r->memory_mib, 1024);
    si_json_put_raw(&buf, "starts_at", si_time_json(r->starts_at));
    si_json_put_raw(&buf, "ends_at", si_time_json(r->ends_at));
    appendStringInfoChar(&buf, '}');
    return buf.data;
}

void
si_reserve_refuse(const SiNeed *need, const SiPlacement *placement)
{
    if (placement->too_large)
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY), errmsg("%s", placement->reason),
                        errhint("Ask for less, or reserve it in parts.")));
    if (placement->lacks_balance && placement->earliest == SI_NO_TIME && placement->shortage == NULL)
        ereport(ERROR, (errcode(ERRCODE_SI_BALANCE), errmsg("no capacity that the tenant may use: %s", placement->reason),
                        errdetail("%s vCPU-hours are missing.", si_hours_text(placement->lacking)),
                        errhint("A purchase of " INT64_FORMAT " vcpu_hours would cover it, or one of " INT64_FORMAT " dedicated_units.",
                                si_hours_whole(placement->lacking), si_units_for(need->cpu_millicores, need->memory_mib))));
    ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY), errmsg("%s", placement->reason),
                    placement->earliest == SI_NO_TIME ? errdetail("Nothing fits within the horizon.")
                                                      : errdetail("The earliest start is %s, the earliest finish %s.",
                                                                  pstrdup(timestamptz_to_str(placement->earliest)),
                                                                  pstrdup(timestamptz_to_str(placement->earliest +
                                                                                             need->duration_usecs))),
                    errhint("Ask for less or a longer sla_window; try_reserve() answers without an error.")));
}

void
si_reservation_lock_owner(const SiReservation *reservation)
{
    pg_uuid_t execution_id;
    SiExecution e;
    SiJob job;

    if (!si_execution_of_reservation(&reservation->reservation_id, &execution_id))
        return;
    if (!si_execution_load(&execution_id, false, &e) || !si_job_load(&e.job_id, true, &job) ||
        !si_execution_load(&execution_id, true, &e))
        elog(ERROR, "owner of a reservation is missing");
}

/*
 * Ends what is held for an application's reservation: the time that it kept capacity from others is charged, used or not, as
 * runs are (M6, M7); nothing when it is given up before it begins.
 */
static void
settle(const SiReservation *r, TimestampTz now)
{
    SiDebtor payer = {r->tenant_id, NULL, &r->reservation_id};
    SiNamespace namespace;
    int64 cost = 0;

    if (r->held == 0)
        return;
    if (!si_namespace_load(r->namespace_name, &namespace))
        elog(ERROR, "namespace \"%s\" of a reservation is missing", r->namespace_name);
    if (now > r->starts_at &&
        !si_cost(si_billable_millicores(r->cpu_millicores, r->memory_mib, namespace.memory_mib_per_core),
                 si_billed_seconds(r->starts_at, Min(now, r->ends_at)), &cost))
        cost = r->held;
    (void) si_funds_settle(&payer, Min(cost, r->held), now);
}

int64
si_release_over(TimestampTz now)
{
    pg_uuid_t *ids;
    int n = si_reservations_over(now, &ids);

    for (int i = 0; i < n; i++)
    {
        SiReservation reservation;

        if (!si_reservation_load(&ids[i], false, &reservation))
            elog(ERROR, "reservation \"%s\" vanished", si_uuid_text(&ids[i]));
        settle(&reservation, now);
        (void) si_unplace(&ids[i], now);
    }
    return n + si_reservations_expire(now);
}

bool
si_release_now(const SiCaller *caller, const SiReservation *reservation, TimestampTz now)
{
    if (!reservation->active)
        return false;
    if (reservation->has_execution)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("reservation \"%s\" belongs to an execution", si_uuid_text(&reservation->reservation_id)),
                        errhint("sparkingest.cancel_execution() releases it.")));
    settle(reservation, now);
    if (!si_unplace(&reservation->reservation_id, now))
        return false;
    si_event("reservation.released", &reservation->tenant_id, NULL, NULL, caller->name, NULL, si_reservation_describe(reservation), NULL);
    return true;
}

/* The execution that owns a reservation follows it, as long as nobody has acted on its plan. */
static void
move_execution(const SiReservation *reservation, const char *actor, TimestampTz now)
{
    pg_uuid_t execution_id;
    SiExecution e;

    if (!si_execution_of_reservation(&reservation->reservation_id, &execution_id) ||
        !si_execution_load(&execution_id, true, &e))
        return;
    if (e.state != SI_SCHEDULED)
        ereport(ERROR,
                (errcode(ERRCODE_SI_STATE),
                 errmsg("the reservation's execution \"%s\" is %s", si_uuid_text(&execution_id), si_state_name(e.state)),
                 errhint("Only a run that has not been claimed can be moved.")));
    e.planned_start = reservation->starts_at;
    e.planned_end = reservation->ends_at;
    si_execution_set_plan(&e);
    si_dependants_follow(&e, actor, now);
    si_wake_at_commit();
}

/* Grants of the new time pay for it. */
static void
hold_again(SiReservation *r, TimestampTz now)
{
    SiDebtor payer = {r->tenant_id, NULL, &r->reservation_id};
    TimestampTz at = Max(r->starts_at, now);
    SiFunds funds;
    int64 missing;

    (void) si_funds_settle(&payer, 0, now);
    si_funds_find(&r->tenant_id, at, at, &funds);
    missing = si_funds_hold(&funds, &payer, r->held, at, now);
    if (missing > 0)
        ereport(ERROR, (errcode(ERRCODE_SI_BALANCE),
                        errmsg("vCPU-hours do not cover the reservation at %s: %s are missing", timestamptz_to_str(at), si_hours_text(missing)),
                        errhint("A purchase of " INT64_FORMAT " vcpu_hours for that time would cover it.", si_hours_whole(missing))));
}

void
si_move_now(const SiCaller *caller, SiReservation *reservation, TimestampTz starts_at, TimestampTz now)
{
    char *before = si_reservation_describe(reservation);

    if (!reservation->active)
        ereport(ERROR, (errcode(ERRCODE_SI_STATE),
                        errmsg("reservation \"%s\" was released", si_uuid_text(&reservation->reservation_id))));
    si_require_horizon("starts_at", starts_at, now);
    if (starts_at < now - USECS_PER_DAY)
        si_bad_value("starts_at", timestamptz_to_str(starts_at), "must not be in the past");
    if (!si_place_again(reservation, starts_at, now))
        ereport(ERROR, (errcode(ERRCODE_SI_CAPACITY),
                        errmsg("the reservation does not fit at %s", timestamptz_to_str(starts_at)),
                        errhint("sparkingest.find_slot() tells the earliest start that fits.")));
    if (reservation->has_execution)
        move_execution(reservation, caller->name, now);
    else if (reservation->held > 0)
        hold_again(reservation, now);
    si_event("reservation.moved", &reservation->tenant_id, NULL, NULL, caller->name, NULL, before, si_reservation_describe(reservation));
}
