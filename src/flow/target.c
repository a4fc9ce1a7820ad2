/*
 * target.c: where a tenant's production work belongs.
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "flow/target.h"

bool
si_target_owns_units(const SiJob *job, TimestampTz at, SiNamespace *out)
{
    SiNamespace *namespaces;
    int n = si_namespaces_of(SI_NS_DEDICATED, &namespaces);

    for (int i = 0; i < n; i++)
    {
        SiAmount *grants;
        int count = si_dedicated_supply(namespaces[i].name, &job->tenant_id, at, at + 1, &grants);
        int64 cpu = 0;
        int64 memory = 0;

        for (int g = 0; g < count; g++)
        {
            cpu += grants[g].cpu_millicores;
            memory += grants[g].memory_mib;
        }
        if (cpu < job->cpu_millicores || memory < job->memory_mib)
            continue;
        if (out != NULL)
            *out = namespaces[i];
        return true;
    }
    return false;
}

static void
first_of(SiPurpose purpose, SiNamespace *out)
{
    SiNamespace *namespaces;

    /* The extension brings one of each, and none can be removed. */
    if (si_namespaces_of(purpose, &namespaces) == 0)
        elog(ERROR, "no namespace of purpose %d", purpose);
    *out = namespaces[0];
}

void
si_target_choose(const SiJob *job, TimestampTz at, SiNamespace *out)
{
    if (!si_target_owns_units(job, at, out))
        first_of(SI_NS_SHARED, out);
}

void
si_target_draft(SiNamespace *out)
{
    first_of(SI_NS_DRAFT, out);
}
