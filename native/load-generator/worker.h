// The child process that holds the memory and works on it. It is the one that the OOM killer is to take: its parent tells of it.
#ifndef DMM_WORKER_H
#define DMM_WORKER_H

#include "load.h"

// Follows the orders for good. `wake`: a pipe from which a byte can be read when the orders have changed; at its end the worker ends.
_Noreturn void worker_run(struct load *load, int wake);

#endif
