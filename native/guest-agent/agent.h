// The agent's state and its only loop: wait for the port, the kernel's pressure triggers or the clock; look at the memory; report.
#ifndef DMM_AGENT_H
#define DMM_AGENT_H

#include "inbox.h"
#include "outbox.h"
#include "pace.h"
#include "psi.h"
#include "sample.h"

struct agent {
    int port, changes, events; // descriptors; `changes` watches the port's other end, `events` is an epoll
    struct sources sources;
    int triggers[PSI_TRIGGERS];
    int trigger_count;

    struct pace pace;
    struct outbox outbox;
    struct inbox inbox;
    bool connected;    // a reader has the host's end open
    bool heard_known, heard_other; // whether the last reading had lines of the protocol, and other lines
    bool hello_due;
    int64_t hello_ms;  // when the last hello was sent
    int64_t seq;
    enum why owed_why; // the reason of an urgent sample that still waits; a newer sample that replaces it carries this reason
};

// Opens all that the loop needs. Returns false, after one line on standard error, where it can't.
bool agent_begin(struct agent *agent, const char *port_path);

// Runs until the port is removed.
void agent_run(struct agent *agent);

#endif
