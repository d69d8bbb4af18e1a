#include "area.h"

#include "command.h"

#include <sys/mman.h>

// xorshift64: fast, and good enough to pick pages and to produce noise that does not compress.
static uint64_t next_random(uint64_t *seed) {
    uint64_t x = *seed;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *seed = x;
}

int area_reserve(struct area *area) {
    size_t bytes = (size_t)HOLD_KIB_MAX * 1024;
    void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return -1;
    // A huge page would hold more than was ordered. A kernel without huge pages returns an error, which does no harm.
    (void)madvise(start, bytes, MADV_NOHUGEPAGE);
    area->words = start;
    return 0;
}

void area_fill(struct area *area, int64_t from, int64_t to, uint64_t *seed) {
    for (int64_t page = from; page < to; page++) {
        uint64_t *words = area->words + page * PAGE_WORDS;
        for (int i = 0; i < PAGE_WORDS / 2; i++)
            words[i] = next_random(seed);
    }
}

void area_drop(struct area *area, int64_t from, int64_t to) {
    if (to > from)
        madvise(area->words + from * PAGE_WORDS, (size_t)(to - from) * PAGE_BYTES, MADV_DONTNEED);
}

void area_touch(struct area *area, int64_t pages, uint64_t *seed) {
    uint64_t random = next_random(seed);
    volatile uint64_t *word = area->words + (int64_t)(random % (uint64_t)pages) * PAGE_WORDS + (random >> 55);
    *word = *word + random;
}
