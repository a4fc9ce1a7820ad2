/*
 * jobspec.h: what create_job and alter_job are given, checked as a whole. Nothing is written here.
 */
#ifndef SI_FLOW_JOBSPEC_H
#define SI_FLOW_JOBSPEC_H

#include "store/jobs.h"

/* Arguments of create_job; those that may be NULL there may be NULL here. */
typedef struct SiJobRequest
{
    pg_uuid_t tenant_id;
    const char *job_name;
    const char *source_type;
    Jsonb *source_config;
    Jsonb *destination_config;
    Jsonb *resource_requirements;
    const char *schedule_cron; /* NULL = none */
    Jsonb *sla_requirements;   /* NULL = {} */
    const char *time_zone;     /* NULL = the tenant's */
    Jsonb *options;            /* NULL = {} */
} SiJobRequest;

/* Fills a new draft job from a request; ids, owner and times are the caller's. Raises 22023 naming the field. */
extern void si_jobspec_new(const SiJobRequest *request, SiJob *out);

/* What a change means. */
typedef struct SiJobEdit
{
    bool definition; /* source, destination or resources: back to draft (S4) */
    bool schedule;   /* cron or zone: runs ahead are planned anew (J2) */
    bool limits;     /* what runs need of limits: the same */
    bool data;       /* another source or place: what was read before says nothing */
} SiJobEdit;

/* Applies the changes of alter_job to a loaded job. Raises 22023 naming the field. */
extern void si_jobspec_apply(SiJob *job, Jsonb *changes, SiJobEdit *edit);

#endif
