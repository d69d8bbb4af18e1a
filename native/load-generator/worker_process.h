// The life of the worker as a process, seen from its parent.
#ifndef DMM_WORKER_PROCESS_H
#define DMM_WORKER_PROCESS_H

#include "load.h"

#include <stdbool.h>
#include <sys/types.h>

struct worker_death {
    int signal, exit_code; // −1: not so
};

// Starts a worker; *wake becomes the write end of its pipe. 0 where there is no memory for it now; then *wake is −1.
pid_t worker_process_start(struct load *load, int *wake);

// Tells the worker that its orders have changed. Harmless where there is none.
void worker_process_wake(int wake);

// True once, when it has died.
bool worker_process_died(pid_t worker, struct worker_death *death);

#endif
