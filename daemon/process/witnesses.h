/* The witnesses of the feeds that this daemon keeps: one thread brings each new checkpoint to each
 * of them, once in `witness_s` and when a month was closed, and hands their cosignatures to the
 * writer. What to ask and what an answer means is in service/sync/witnessed.h. A witness that does
 * not answer is asked again later and later; it holds up nothing but the other witnesses' turn, for
 * the time of one call. */
#ifndef PROCESS_WITNESSES_H
#define PROCESS_WITNESSES_H

#include "core/merkle/policy.h"
#include "process/daemon.h"

struct witnesses;

/* Reads the policy file that the settings name. NULL with E_OK when they name none. */
must_check int witnesses_new(struct witnesses **out, struct daemon *daemon,
                             const struct state *state, const struct settings *settings,
                             struct fault *fault);
/* Behind daemon_start_writer(). NULL is fine. */
must_check int witnesses_start(struct witnesses *witnesses, struct fault *fault);
/* From now on so often. Any thread; NULL is fine. */
void witnesses_tune(struct witnesses *witnesses, int64_t interval_s);
/* Before daemon_stop(): breaks off what is on its way and joins the thread. NULL is fine. */
void witnesses_stop(struct witnesses *witnesses);
void witnesses_free(struct witnesses *witnesses);

/* For /metrics; any thread. False past the last. */
struct witness_counts {
    const char *name;
    uint64_t cosigned;
    uint64_t failures;
};
bool witnesses_counts(const struct witnesses *witnesses, size_t index, struct witness_counts *out);

#endif
