#include "base/slice.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in <linux/sched/types.h>, which cannot stand beside <sched.h>. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

enum { FIRST_NICE = -15 };

/* Linux lowers and raises the thread that asks, not the process. */
void slice_first(void)
{
    setpriority(PRIO_PROCESS, 0, FIRST_NICE);
}

void slice_ask(uint64_t ns)
{
    struct scheduling now = {0};
    if (syscall(SYS_sched_getattr, 0, &now, (unsigned)sizeof now, 0u) == 0) {
        now.runtime_ns = ns;
        syscall(SYS_sched_setattr, 0, &now, 0u);
    }
}
