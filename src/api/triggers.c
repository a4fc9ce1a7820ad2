/*
 * triggers.c: triggers that carry changes of tables into the ledger, and to who sums them. They fire for everybody: COPY, superusers, and logical
 * replication (ENABLE ALWAYS).
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "flow/announce.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "flow/book.h"
#include "ledger/ledger.h"
#include "pg/caller.h"
#include "store/events.h"
#include "store/restore.h"
#include "store/rollup.h"
#include "store/rows.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(si_reservation_changed);
PG_FUNCTION_INFO_V1(si_held_limit_changed);
PG_FUNCTION_INFO_V1(si_limit_changed);
PG_FUNCTION_INFO_V1(si_grant_changed);
PG_FUNCTION_INFO_V1(si_entry_changed);
PG_FUNCTION_INFO_V1(si_override_changed);
PG_FUNCTION_INFO_V1(si_ledger_outdated);
PG_FUNCTION_INFO_V1(si_cache_outdated);
PG_FUNCTION_INFO_V1(si_default_restored);
PG_FUNCTION_INFO_V1(si_owner_restored);
PG_FUNCTION_INFO_V1(si_event_restored);
PG_FUNCTION_INFO_V1(si_setting_changed);
PG_FUNCTION_INFO_V1(si_usage_changed);

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED), errmsg("this function is called by triggers only")));
    return (TriggerData *) fcinfo->context;
}

/* The row before and after; NULL = none. */
static HeapTuple
old_row(const TriggerData *data)
{
    return TRIGGER_FIRED_BY_INSERT(data->tg_event) ? NULL : data->tg_trigtuple;
}

static HeapTuple
new_row(const TriggerData *data)
{
    if (TRIGGER_FIRED_BY_DELETE(data->tg_event))
        return NULL;
    return TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
}

/*
 * A script of pg_dump restores rows: they come in its order, reservations before the pools and the supply that they count in,
 * and must all come in. It is known by check_function_bodies, which such scripts turn off. Then the ledger is made anew when
 * the transaction commits.
 */
static bool
comes_from_dump(const TriggerData *data)
{
    /* Our own functions restore nothing, whatever their caller has set. */
    return !check_function_bodies && !InLocalUserIdChange() && TRIGGER_FIRED_BY_INSERT(data->tg_event);
}

static bool
is_restored(const TriggerData *data)
{
    if (!comes_from_dump(data))
        return false;
    si_ledger_require();
    si_ledger_seize(SI_OUTDATED_SUPPLY);
    return true;
}

Datum
si_reservation_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiReservation before;
    SiReservation after;
    SiCaller caller;

    if (new_row(data) && si_is_reservation_announced(si_reservation_id_of_row(new_row(data), desc)))
        return PointerGetDatum(NULL);
    if (is_restored(data))
        return PointerGetDatum(NULL);
    if (new_row(data))
        si_reservation_from_row(new_row(data), desc, &after);
    if (old_row(data))
        si_reservation_from_row(old_row(data), desc, &before);
    si_ledger_require();
    si_caller_enter(&caller);
    si_book_reservation(old_row(data) ? &before : NULL, new_row(data) ? &after : NULL,
                        SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

Datum
si_held_limit_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiHeldLimit before;
    SiHeldLimit after;
    SiCaller caller;

    if (new_row(data) && si_is_reservation_announced(si_reservation_id_of_row(new_row(data), desc)))
        return PointerGetDatum(NULL);
    if (is_restored(data))
        return PointerGetDatum(NULL);
    if (old_row(data))
        si_held_limit_from_row(old_row(data), desc, &before);
    if (new_row(data))
        si_held_limit_from_row(new_row(data), desc, &after);
    si_ledger_require();
    si_caller_enter(&caller);
    si_book_held_limit(old_row(data) ? &before : NULL, new_row(data) ? &after : NULL,
                       SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

Datum
si_limit_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiLimit before;
    SiLimit after;
    SiCaller caller;

    if (is_restored(data))
        return PointerGetDatum(NULL);
    if (old_row(data))
        si_limit_from_row(old_row(data), desc, &before);
    if (new_row(data))
        si_limit_from_row(new_row(data), desc, &after);
    si_ledger_require();
    si_caller_enter(&caller);
    si_book_limit(old_row(data) ? &before : NULL, new_row(data) ? &after : NULL,
                  SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

Datum
si_grant_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiGrantRow before;
    SiGrantRow after;
    SiCaller caller;

    if (si_is_sealing_announced() || is_restored(data))
        return PointerGetDatum(NULL);
    if (old_row(data))
        si_grant_from_row(old_row(data), desc, &before);
    if (new_row(data))
        si_grant_from_row(new_row(data), desc, &after);
    si_ledger_require();
    si_caller_enter(&caller);
    si_book_grant(old_row(data) ? &before : NULL, new_row(data) ? &after : NULL,
                  SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

Datum
si_entry_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiEntryRow before;
    SiEntryRow after;
    SiCaller caller;

    if (si_is_sealing_announced())
        return PointerGetDatum(NULL);
    if (old_row(data))
        si_entry_from_row(old_row(data), desc, &before);
    if (new_row(data))
        si_entry_from_row(new_row(data), desc, &after);
    if ((new_row(data) && si_is_entry_announced(after.entry_id)) || is_restored(data))
        return PointerGetDatum(NULL);
    si_ledger_require();
    si_caller_enter(&caller);
    si_book_entry(old_row(data) ? &before : NULL, new_row(data) ? &after : NULL,
                  SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

static void
book_override(HeapTuple row, TupleDesc desc)
{
    TimestampTz from;
    TimestampTz until;
    char *namespace_name;

    if (row == NULL)
        return;
    namespace_name = si_override_from_row(row, desc, &from, &until);
    si_book_override(namespace_name, from, until);
}

Datum
si_override_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    SiCaller caller;

    if (is_restored(data))
        return PointerGetDatum(NULL);
    si_ledger_require();
    si_caller_enter(&caller);
    book_override(old_row(data), desc);
    book_override(new_row(data), desc);
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

/* What backends keep of a small table is to be read again (store/cache.h). */
Datum
si_cache_outdated(PG_FUNCTION_ARGS)
{
    CacheInvalidateRelcache(trigger_data(fcinfo)->tg_relation);
    return PointerGetDatum(NULL);
}

/* What a dump has of a row that CREATE EXTENSION brings takes its place: so operators' changes travel. */
Datum
si_default_restored(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    HeapTuple row = data->tg_trigtuple;
    SiCaller caller;
    bool was_there;

    if (!comes_from_dump(data))
        return PointerGetDatum(row);
    row = si_restore_fenced(data->tg_relation, row);
    si_caller_enter(&caller);
    was_there = si_restore_over(data->tg_relation, row);
    si_caller_leave(&caller);
    return PointerGetDatum(was_there ? NULL : row);
}

/* Numbers of roles mean nothing in another server: owner_name says who it was. */
Datum
si_owner_restored(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);

    if (!comes_from_dump(data))
        return PointerGetDatum(data->tg_trigtuple);
    return PointerGetDatum(si_restore_owner(data->tg_relation, data->tg_trigtuple));
}

Datum
si_event_restored(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);

    if (!comes_from_dump(data))
        return PointerGetDatum(data->tg_trigtuple);
    return PointerGetDatum(si_restore_event(data->tg_relation, data->tg_trigtuple));
}

/* Our functions write an event of what they do; who changes a table without them leaves one too. */
Datum
si_setting_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);
    HeapTuple row = new_row(data) ? new_row(data) : old_row(data);
    pg_uuid_t tenant_id;
    bool of_tenant;
    SiCaller caller;

    if (InLocalUserIdChange() || comes_from_dump(data))
        return PointerGetDatum(NULL);
    si_caller_enter(&caller);
    of_tenant = si_row_tenant(row, desc, &tenant_id);
    si_event("setting.changed", of_tenant ? &tenant_id : NULL, NULL, NULL, caller.name, RelationGetRelationName(data->tg_relation),
             si_row_json(old_row(data), desc), si_row_json(new_row(data), desc));
    si_caller_leave(&caller);
    return PointerGetDatum(NULL);
}

/* Too much changed at once, or what everything rests on: the ledger is made anew when this commits. */
Datum
si_ledger_outdated(PG_FUNCTION_ARGS)
{
    (void) trigger_data(fcinfo);
    si_ledger_require();
    si_ledger_seize(SI_OUTDATED_SUPPLY);
    return PointerGetDatum(NULL);
}

static void
note_usage(HeapTuple row, TupleDesc desc, const char *time_column)
{
    pg_uuid_t tenant_id;
    TimestampTz at;
    SiCaller caller;

    if (row == NULL || !si_ending_from_row(row, desc, time_column, &tenant_id, &at))
        return;
    si_caller_enter(&caller);
    si_usage_note(&tenant_id, at);
    si_caller_leave(&caller);
}

Datum
si_usage_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = trigger_data(fcinfo);
    TupleDesc desc = RelationGetDescr(data->tg_relation);

    if (!check_function_bodies && TRIGGER_FIRED_BY_INSERT(data->tg_event))
        return PointerGetDatum(NULL); /* a script of pg_dump restores what it is summed to as well */
    if (data->tg_trigger->tgnargs != 1)
        elog(ERROR, "the trigger does not say when a row ended");
    note_usage(old_row(data), desc, data->tg_trigger->tgargs[0]);
    note_usage(new_row(data), desc, data->tg_trigger->tgargs[0]);
    return PointerGetDatum(NULL);
}
