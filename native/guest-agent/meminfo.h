// /proc/meminfo: the guest's memory levels, in KiB. Source: Linux, Documentation/filesystems/proc.rst.
#ifndef DMM_MEMINFO_H
#define DMM_MEMINFO_H

#include <stddef.h>
#include <stdint.h>

struct meminfo {
    int64_t total, free, available;
    int64_t anon, unreclaimable, active_file, inactive_file, shmem;
    int64_t swap_total, swap_free;
};

// Values that the text does not show are UNKNOWN. `unreclaimable` is SUnreclaim + KernelStack + PageTables + Percpu, as far as shown.
void meminfo_parse(const char *text, size_t length, struct meminfo *into);

#endif
