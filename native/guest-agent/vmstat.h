// /proc/vmstat: event counters since boot that show a lack of memory.
#ifndef DMM_VMSTAT_H
#define DMM_VMSTAT_H

#include <stddef.h>
#include <stdint.h>

struct vmstat {
    int64_t refaults; // pages, anonymous and file together
    int64_t major_faults;
    int64_t swap_ins, swap_outs; // pages
    int64_t oom_kills;
    int64_t balloon_inflated, balloon_deflated; // pages that went into and came out of the balloon
};

// Values that the text does not show are UNKNOWN.
void vmstat_parse(const char *text, size_t length, struct vmstat *into);

#endif
