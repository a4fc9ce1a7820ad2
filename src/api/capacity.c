/*
 * capacity.c: SQL functions about capacity on the time axis.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "api/arguments.h"
#include "api/relieved.h"
#include "domain/types.h"
#include "flow/access.h"
#include "flow/named_limits.h"
#include "flow/reserve.h"
#include "flow/supply.h"
#include "pg/clock.h"
#include "pg/errors.h"
#include "pg/quantities.h"
#include "pg/times.h"
#include "store/sql.h"

PG_FUNCTION_INFO_V1(si_find_slot);
PG_FUNCTION_INFO_V1(si_reserve);
PG_FUNCTION_INFO_V1(si_try_reserve);
PG_FUNCTION_INFO_V1(si_release);
PG_FUNCTION_INFO_V1(si_move_reservation);
PG_FUNCTION_INFO_V1(si_capacity);
PG_FUNCTION_INFO_V1(si_set_capacity);

static void
load_namespace(const char *name, SiNamespace *out)
{
    if (!si_namespace_load(name, out))
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("namespace \"%s\" does not exist", name)));
}

/* cpu_cores, memory_gb, duration, not_before and sla_window stand one after the other, from argument n. */
static void
read_need(FunctionCallInfo fcinfo, int n, SiNeed *need)
{
    need->cpu_millicores = si_arg_quantity(fcinfo, n, "cpu_cores", 1000, false, SI_MAX_CPU_MILLICORES);
    need->memory_mib = si_arg_quantity(fcinfo, n + 1, "memory_gb", 1024, false, SI_MAX_MEMORY_MIB);
    need->duration_usecs = si_arg_duration(fcinfo, n + 2, "duration", false, si_longest_reservation());
    need->not_before = si_arg_time(fcinfo, n + 3, "not_before");
    need->window_usecs = si_arg_duration(fcinfo, n + 4, "sla_window", true, si_longest_reservation());
}

Datum
si_find_slot(PG_FUNCTION_ARGS)
{
    TimestampTz now = si_now();
    SiNeed need = {.last_step = SI_NO_CAPACITY_REJECT};
    SiPoolRef pool = {{{0}}};
    SiCaller caller;
    TimestampTz start;

    si_caller_enter(&caller);
    load_namespace(si_arg_text(fcinfo, 0, "namespace"), &pool.namespace);
    read_need(fcinfo, 1, &need);
    pool.tenant_id = si_arg_uuid_or_null(fcinfo, 6);
    if (pool.tenant_id != NULL)
        si_access_tenant(&caller, pool.tenant_id);
    else if (pool.namespace.purpose == SI_NS_DEDICATED)
        si_bad_value("tenant_id", (char *) NULL, "is required in a dedicated namespace: whose units");
    si_needs_check(si_arg_jsonb_or_null(fcinfo, 7), "limits", pool.tenant_id, &need);
    si_require_horizon("not_before", need.not_before, now);
    start = si_earliest_start(&pool, &need, now);
    si_caller_leave(&caller);
    if (start == SI_NO_TIME)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(start);
}

/* A row of the type placement. */
static Datum
placement_datum(FunctionCallInfo fcinfo, const SiPlacement *p)
{
    Datum values[8] = {0};
    bool nulls[8] = {false};
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "a placement is a row");
    values[0] = UUIDPGetDatum(&p->reservation_id);
    values[1] = CStringGetTextDatum(p->namespace_name);
    values[2] = TimestampTzGetDatum(p->starts_at);
    values[3] = TimestampTzGetDatum(p->ends_at);
    nulls[0] = nulls[1] = nulls[2] = nulls[3] = !p->placed;
    values[4] = BoolGetDatum(p->borrowed);
    values[5] = BoolGetDatum(p->draft_fallback);
    values[6] = p->reason ? CStringGetTextDatum(p->reason) : (Datum) 0;
    nulls[6] = p->reason == NULL;
    values[7] = TimestampTzGetDatum(p->earliest);
    nulls[7] = p->placed || p->earliest == SI_NO_TIME;
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static Datum
reserve(FunctionCallInfo fcinfo, bool must)
{
    /* What applications reserve is production capacity: the draft namespace is not its last resort. */
    SiNeed need = {.last_step = SI_NO_CAPACITY_WAIT, .pays = true};
    SiPlacement placement;
    SiCaller caller;
    Datum answer;

    si_caller_enter(&caller);
    need.tenant_id = *si_arg_uuid(fcinfo, 0, "tenant_id");
    si_access_active_tenant(&caller, &need.tenant_id);
    read_need(fcinfo, 1, &need);
    need.namespace_name = si_arg_text_or_null(fcinfo, 6);
    need.actor = caller.name;
    si_needs_check(si_arg_jsonb_or_null(fcinfo, 7), "limits", &need.tenant_id, &need);
    si_place(&need, si_now(), &placement);
    if (must && !placement.placed)
        si_reserve_refuse(&need, &placement);
    answer = placement_datum(fcinfo, &placement);
    si_caller_leave(&caller);
    return answer;
}

Datum
si_reserve(PG_FUNCTION_ARGS)
{
    return reserve(fcinfo, true);
}

Datum
si_try_reserve(PG_FUNCTION_ARGS)
{
    return reserve(fcinfo, false);
}

/* Enters, and locks the reservation of argument 0, which the caller may touch. */
static void
enter_reservation(FunctionCallInfo fcinfo, SiCaller *caller, SiReservation *reservation)
{
    pg_uuid_t *id;
    pg_uuid_t tenant_id;
    bool found;

    si_caller_enter(caller);
    id = si_arg_uuid(fcinfo, 0, "reservation_id");
    found = si_reservation_tenant(id, &tenant_id);
    si_access_row(caller, "reservation", id, found, &tenant_id);
    reservation->reservation_id = *id;
    si_reservation_lock_owner(reservation);
    /* A superuser may have deleted it meanwhile. */
    found = si_reservation_load(id, true, reservation);
    si_access_row(caller, "reservation", id, found, &reservation->tenant_id);
}

Datum
si_release(PG_FUNCTION_ARGS)
{
    SiReservation reservation;
    SiCaller caller;
    bool released;

    enter_reservation(fcinfo, &caller, &reservation);
    released = si_release_now(&caller, &reservation, si_now());
    si_caller_leave(&caller);
    PG_RETURN_BOOL(released);
}

Datum
si_move_reservation(PG_FUNCTION_ARGS)
{
    SiReservation reservation;
    SiPlacement placement = {.placed = true, .earliest = SI_NO_TIME};
    SiCaller caller;
    Datum answer;

    enter_reservation(fcinfo, &caller, &reservation);
    si_move_now(&caller, &reservation, si_arg_time(fcinfo, 1, "starts_at"), si_now());
    placement.reservation_id = reservation.reservation_id;
    strlcpy(placement.namespace_name, reservation.namespace_name, sizeof(placement.namespace_name));
    placement.starts_at = reservation.starts_at;
    placement.ends_at = reservation.ends_at;
    placement.borrowed = reservation.borrowed;
    placement.draft_fallback = reservation.draft_fallback;
    answer = placement_datum(fcinfo, &placement);
    si_caller_leave(&caller);
    return answer;
}

Datum
si_capacity(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiPoolRef pool = {{{0}}};
    SiSlots total;
    SiSlots allocated;
    SiCaller caller;
    TimestampTz from;
    TimestampTz until;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    load_namespace(si_arg_text(fcinfo, 0, "namespace"), &pool.namespace);
    si_arg_range(fcinfo, 1, "during", &from, &until);
    pool.tenant_id = si_arg_uuid_or_null(fcinfo, 2);
    if (pool.tenant_id != NULL)
        si_access_tenant(&caller, pool.tenant_id);
    si_supply_slots(&pool, from, until, si_now(), &total, &allocated);
    for (int i = 0; i < total.n; i++)
    {
        TimestampTz at = si_slot_time(total.first + i, pool.namespace.step_usecs);
        Datum values[8];
        bool nulls[8] = {false};

        values[0] = CStringGetTextDatum(si_slot_id(&pool.namespace, at));
        values[1] = CStringGetTextDatum(pool.namespace.name);
        values[2] = TimestampTzGetDatum(at);
        values[3] = Int32GetDatum((int32) (pool.namespace.step_usecs / USECS_PER_MINUTE));
        values[4] = si_quantity_numeric(total.cpu[i], 1000);
        values[5] = si_quantity_numeric(total.mem[i], 1024);
        values[6] = si_quantity_numeric(allocated.cpu[i], 1000);
        values[7] = si_quantity_numeric(allocated.mem[i], 1024);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    si_caller_leave(&caller);
    return (Datum) 0;
}

Datum
si_set_capacity(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SiNamespace namespace;
    SiSupplyChange change;
    SiRelieved *relieved;
    SiCaller caller;
    int n;

    InitMaterializedSRF(fcinfo, 0);
    si_caller_enter(&caller);
    si_caller_require_operator(&caller, "set_capacity");
    load_namespace(si_arg_text(fcinfo, 0, "namespace"), &namespace);
    change.cpu_millicores = si_arg_quantity(fcinfo, 1, "cpu_cores", 1000, true, SI_MAX_CPU_MILLICORES);
    change.memory_mib = si_arg_quantity(fcinfo, 2, "memory_gb", 1024, true, SI_MAX_MEMORY_MIB);
    si_arg_range(fcinfo, 3, "during", &change.from, &change.until);
    n = si_supply_set(&caller, &namespace, &change, si_now(), &relieved);
    si_put_relieved(result, relieved, n);
    si_caller_leave(&caller);
    return (Datum) 0;
}
