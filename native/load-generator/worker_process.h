// The start and the end of the worker's process, seen from its parent.
#ifndef DMM_WORKER_PROCESS_H
#define DMM_WORKER_PROCESS_H

#include "load.h"

#include <stdbool.h>
#include <sys/types.h>

struct worker_death {
    int signal, exit_code; // −1: not applicable
};

// Starts a worker; *wake becomes the write end of its pipe. Returns 0 where there is no memory for it now; *wake is −1 then.
pid_t worker_process_start(struct load *load, int *wake);

// Tells the worker that its orders have changed. Does nothing where there is no worker.
void worker_process_wake(int wake);

// Returns true once, after it has died.
bool worker_process_died(pid_t worker, struct worker_death *death);

#endif
