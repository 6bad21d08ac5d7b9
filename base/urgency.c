/* Less urgent is a nice value. Turns are short for all: the scheduler (EEVDF) runs what has the
 * earliest deadline, and a short slice ends early. */
#include "base/urgency.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#include "base/banned.h"

enum { NICE_BULK = 10, NICE_BACKGROUND = 19, SLICE_NS = 100000, PAUSE_EVERY_NS = 50000 };

/* sched_setattr(2), which glibc has no wrapper for before 2.41. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void lat_urgency_set(enum lat_urgency urgency)
{
    static const int nices[] = {
        [LAT_PROMPT] = 0, [LAT_BULK] = NICE_BULK, [LAT_BACKGROUND] = NICE_BACKGROUND};
    const int nice = getpriority(PRIO_PROCESS, (id_t)gettid());
    struct attributes attributes = {.size = sizeof(attributes),
                                    .policy = SCHED_OTHER,
                                    .nice = nice > nices[urgency] ? nice : nices[urgency],
                                    .runtime_ns = SLICE_NS};
    (void)syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void lat_urgency_pause(void)
{
    static _Thread_local uint64_t last_ns;
    const uint64_t now_ns = lat_clock_ns();
    if (now_ns - last_ns < PAUSE_EVERY_NS)
        return;
    (void)sched_yield();
    last_ns = lat_clock_ns();
}
