/*
 * sightings.c: what lists show.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "pg/clock.h"
#include "store/reconcile.h"
#include "worker/sightings.h"
#include "worker/skeleton.h"

struct SiSightings
{
    int64 list_began; /* of the list that they are from */
    int count;
    int space;
    SiSighting *seen; /* as the struct, in TopMemoryContext */
};

static const char *
state_name(SiAppState state)
{
    switch (state)
    {
        case SI_APP_STARTING:
            return "starting";
        case SI_APP_RUNNING:
            return "running";
        case SI_APP_COMPLETED:
            return "completed";
        case SI_APP_FAILED:
            return "failed";
        case SI_APP_UNSEEN:
        case SI_APP_NEW:
            break;
    }
    return "new";
}

/* Those of the list under way; what a list that broke off had shown is forgotten. */
static SiSightings *
current(SiStream *stream)
{
    SiSightings *sightings = stream->sightings;

    if (sightings == NULL)
    {
        sightings = MemoryContextAllocZero(TopMemoryContext, sizeof(SiSightings));
        stream->sightings = sightings;
    }
    if (sightings->list_began != stream->list_began)
    {
        sightings->list_began = stream->list_began;
        sightings->count = 0;
    }
    return sightings;
}

void
si_sightings_add(SiStream *stream, const SiApplication *application)
{
    SiSightings *sightings = current(stream);
    SiSighting *seen;

    if (application->name == NULL)
        return;
    if (sightings->count == sightings->space)
    {
        int space = Max(64, sightings->space * 2);

        sightings->seen = sightings->seen == NULL
                              ? MemoryContextAllocHuge(TopMemoryContext, space * sizeof(SiSighting))
                              : repalloc_huge(sightings->seen, space * sizeof(SiSighting));
        sightings->space = space;
    }
    seen = &sightings->seen[sightings->count++];
    memset(seen, 0, sizeof(*seen));
    strlcpy(seen->object_name, application->name, sizeof(seen->object_name));
    if (application->uid)
        strlcpy(seen->object_uid, application->uid, sizeof(seen->object_uid));
    seen->has_execution = application->execution_id != NULL;
    if (seen->has_execution)
        seen->execution_id = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(application->execution_id)));
    seen->object_state = state_name(application->state);
}

typedef struct Writing
{
    const SiStream *stream;
    TimestampTz began_at;
} Writing;

static void
write_sightings(void *argument)
{
    Writing *writing = argument;
    const SiSightings *sightings = writing->stream->sightings;

    si_sightings_replace(writing->stream->namespace_name, writing->began_at, sightings->seen, sightings->count);
}

void
si_sightings_complete(SiStream *stream, int64 now_millis)
{
    Writing writing = {stream, si_now() - (now_millis - stream->list_began) * 1000};
    SiSightings *sightings = current(stream);

    (void) si_skeleton_try("noting what Kubernetes has", false, write_sightings, &writing);
    sightings->count = 0;
}

void
si_sightings_free(SiStream *stream)
{
    if (stream->sightings == NULL)
        return;
    if (stream->sightings->seen)
        pfree(stream->sightings->seen);
    pfree(stream->sightings);
    stream->sightings = NULL;
}
