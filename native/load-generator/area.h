// The memory that the worker holds: one range of addresses, filled from its start.
#ifndef DMM_AREA_H
#define DMM_AREA_H

#include <stdint.h>

enum { PAGE_KIB = 4, PAGE_BYTES = PAGE_KIB * 1024, PAGE_WORDS = PAGE_BYTES / 8 };

struct area {
    uint64_t *words;
};

// Reserves addresses for HOLD_KIB_MAX; no memory yet. Returns 0, or −1 and errno.
int area_reserve(struct area *area);

// Writes pages [from, to). Half of each is noise, so that neither zram nor KSM can reduce them to nothing.
void area_fill(struct area *area, int64_t from, int64_t to, uint64_t *seed);

// Gives pages [from, to) back to the kernel.
void area_drop(struct area *area, int64_t from, int64_t to);

// One operation: reads and writes a page picked at random among the first `pages`.
void area_touch(struct area *area, int64_t pages, uint64_t *seed);

#endif
