/* How soon a thread gets a CPU when others want it too. */
#ifndef LAT_BASE_URGENCY_H
#define LAT_BASE_URGENCY_H

enum lat_urgency {
    LAT_PROMPT,    /* answers somebody who waits: short turns, soon (Linux 6.12 and later) */
    LAT_BULK,      /* throughput counts, a moment's delay does not */
    LAT_BACKGROUND /* nobody waits: what the others leave, and 1.5 % where they leave nothing */
};

/* Of the calling thread, and of those it starts from then on. Best effort: what the kernel
 * refuses stays as it is. A thread never gets a higher priority, for that needs privileges. */
void lat_urgency_set(enum lat_urgency urgency);

/* Lets others run whose turn it is, every 50 microseconds at most. To be called between small
 * pieces of bulk work: without it they wait for the kernel's next tick, up to 4 ms. */
void lat_urgency_pause(void);

#endif
