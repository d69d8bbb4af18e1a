// The parent: takes orders from the host, reports what the worker does, and starts a new worker when one dies.
#ifndef DMM_REPORTER_H
#define DMM_REPORTER_H

#include "inbox.h"
#include "load.h"
#include "outbox.h"

#include <stdbool.h>
#include <sys/types.h>

struct reporter {
    int port, events, deaths; // descriptors; `deaths` is a signalfd
    int meminfo, vmstat, pressure; // pressure: -1 where the kernel does not have it
    struct load *load;
    pid_t worker; // 0: none
    int wake;     // the write end of the worker's pipe

    struct outbox outbox;
    struct inbox inbox;
    bool connected, report_due;
    bool reported_busy; // the last report showed something in motion, so its end should be reported soon
    bool waiting_matters; // a periodic report must not replace the line that waits in the outbox
    int64_t worker_deaths;
    int64_t seq, reported_ms, reported_operations, operations_per_second;
};

// Returns false, after one line on standard error, where something is missing.
bool reporter_begin(struct reporter *reporter, const char *port_path);

// Runs until the port is removed.
void reporter_run(struct reporter *reporter);

#endif
