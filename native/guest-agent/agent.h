// The agent's state and its one loop: wait for the port, the kernel's pressure triggers or the clock; look; say what was seen.
#ifndef DMM_AGENT_H
#define DMM_AGENT_H

#include "inbox.h"
#include "outbox.h"
#include "pace.h"
#include "psi.h"
#include "sample.h"

struct agent {
    int port, changes, events; // descriptors; `changes` of the port's other end, `events` is an epoll
    struct sources sources;
    int triggers[PSI_TRIGGERS];
    int trigger_count;

    struct pace pace;
    struct outbox outbox;
    struct inbox inbox;
    bool connected;    // a reader sits at the host's end
    bool heard_known, heard_other; // lines of the protocol, and others, at the last reading
    bool hello_due;
    int64_t hello_ms;  // when the last hello went out
    int64_t seq;
    enum why owed_why; // of an urgent sample that is still kept back: a newer one that takes its place says it instead
};

// Takes hold of all that the loop needs. False, with one line said, where it can't.
bool agent_begin(struct agent *agent, const char *port_path);

// Runs until the port is taken away.
void agent_run(struct agent *agent);

#endif
