/*
 * sizing.c: a job's total split over its pods.
 */
#include "domain/sizing.h"

#define OVERHEAD_MIN_MIB 384

static SiPod
make_pod(int64_t cpu_millicores, int64_t memory_mib)
{
    SiPod pod;
    int64_t cores = cpu_millicores / 1000;
    int64_t heap = memory_mib * 10 / 14;

    if (memory_mib - heap < OVERHEAD_MIN_MIB)
        heap = memory_mib - OVERHEAD_MIN_MIB;
    pod.cpu_millicores = cpu_millicores;
    pod.cores = cores < 1 ? 1 : (int32_t) cores;
    pod.heap_mib = heap;
    pod.overhead_mib = memory_mib - heap;
    return pod;
}

SiSizingResult
si_sizing_split(int64_t cpu_millicores, int64_t memory_mib, int32_t executors, SiSizing *out)
{
    int64_t cpu;
    int64_t memory;

    if (executors < 1 || executors > SI_MAX_EXECUTORS)
        return SI_SIZING_BAD_EXECUTORS;
    cpu = cpu_millicores / (executors + 1);
    memory = memory_mib / (executors + 1);
    if (cpu < SI_POD_MIN_MILLICORES)
        return SI_SIZING_TOO_LITTLE_CPU;
    if (memory < SI_POD_MIN_MIB)
        return SI_SIZING_TOO_LITTLE_MEMORY;
    out->executors = executors;
    out->executor = make_pod(cpu, memory);
    out->driver = make_pod(cpu_millicores - cpu * executors, memory_mib - memory * executors);
    return SI_SIZING_OK;
}

void
si_sizing_minimum(int32_t executors, int64_t *cpu_millicores, int64_t *memory_mib)
{
    *cpu_millicores = (int64_t) SI_POD_MIN_MILLICORES * (executors + 1);
    *memory_mib = (int64_t) SI_POD_MIN_MIB * (executors + 1);
}

static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int32_t
si_sizing_default_executors(int64_t cpu_millicores, int64_t memory_mib)
{
    int64_t by_cpu = (cpu_millicores + SI_UNIT_CPU_MILLICORES - 1) / SI_UNIT_CPU_MILLICORES;
    int64_t by_memory = (memory_mib + SI_UNIT_MEMORY_MIB - 1) / SI_UNIT_MEMORY_MIB;
    int64_t pods = by_cpu > by_memory ? by_cpu : by_memory;

    pods = least(pods, least(cpu_millicores / SI_POD_MIN_MILLICORES, memory_mib / SI_POD_MIN_MIB));
    pods = least(pods, SI_MAX_EXECUTORS + 1);
    return pods < 2 ? 1 : (int32_t) (pods - 1);
}
