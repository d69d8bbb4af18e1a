// One page that the reporter (parent) and the worker (child) share: orders go one way, progress goes the other.
#ifndef DMM_LOAD_H
#define DMM_LOAD_H

#include "command.h"

#include <stdatomic.h>
#include <stdint.h>

struct load {
    _Atomic int64_t want_kib, kib_per_second; // orders
    _Atomic int threads;
    _Atomic int64_t operations_per_second;    // of all threads; 0: as fast as possible
    _Atomic int64_t held_kib;                 // progress
    _Atomic int64_t operations[WORK_THREADS_MAX];
};

// Returns the pages touched since the load generator started.
int64_t load_operations(const struct load *load);

#endif
