/*
 * record.h: what the dispatcher writes, one transaction each, with the error boundary of the row: when a step raises, the
 * row gets the reason in last_error and backs off; the loop lives (J12).
 */
#ifndef SI_WORKER_RECORD_H
#define SI_WORKER_RECORD_H

#include "flow/finish.h"
#include "worker/live.h"

#define SI_DISPATCHER_ACTOR "dispatcher"

/*
 * Claims a due execution: its manifest is fixed and it is dispatching, on disk (J9). False when it was not due any more,
 * was dealt with by the overlap rule (J4), or failed.
 */
extern bool si_record_claim(const pg_uuid_t *execution_id);

/* The manifest to post, palloc'd; NULL when it cannot be read. */
extern char *si_record_manifest(SiLive *live);

/* Kubernetes has the object: submitted. */
extern bool si_record_posted(SiLive *live, const char *uid);

/* The post is to be tried again. quota: a ResourceQuota refused it, which is told by an event (C9). */
extern void si_record_retry(SiLive *live, const char *words, int64 wait_millis, bool quota);

/* Sets last_error, NULL = clears it; writes only when it differs. */
extern void si_record_note(SiLive *live, const char *words);

extern bool si_record_running(SiLive *live, TimestampTz started_at);

/* The soft line is reached: its reservation is extended where that goes (C14). */
extern void si_record_overrun(SiLive *live);

/* The hard line is reached: asks for the stop (C14). */
extern bool si_record_deadline(SiLive *live, const char *words);

/* The end. On true the entry is gone. */
extern bool si_record_finish(SiLive *live, const SiOutcome *outcome, const char *cause);

#endif
