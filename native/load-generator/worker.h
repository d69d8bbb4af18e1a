// The child process that holds the memory and works on it. The OOM killer is to kill this process; its parent reports that.
#ifndef DMM_WORKER_H
#define DMM_WORKER_H

#include "load.h"

// Follows the orders for ever. `wake`: a pipe with a byte to read when the orders have changed; at end of file the worker ends.
_Noreturn void worker_run(struct load *load, int wake);

#endif
