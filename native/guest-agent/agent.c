#include "agent.h"

#include "clock.h"
#include "hello.h"
#include "host_line.h"
#include "port.h"
#include "say.h"
#include "settings.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { HELLO_EVERY_MS = 60000 };

static bool watch(struct agent *agent, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(agent->events, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool agent_begin(struct agent *agent, const char *port_path) {
    if (!sources_open(&agent->sources)) {
        say_errno("/proc/meminfo can't be opened");
        return false;
    }
    agent->port = port_open(port_path);
    if (agent->port < 0) {
        say_errno(port_path);
        return false;
    }
    agent->changes = port_watch_changes(agent->port);
    if (agent->changes < 0)
        say_errno("a quick change of readers may be missed");
    // Edge-triggered: a port without a reader reports its hang-up all the time, and would wake the loop without end.
    agent->events = epoll_create1(EPOLL_CLOEXEC);
    if (agent->events < 0 || !watch(agent, agent->port, EPOLLIN | EPOLLOUT | EPOLLET)) {
        say_errno("the port can't be waited on");
        return false;
    }
    if (agent->changes >= 0 && !watch(agent, agent->changes, EPOLLIN))
        say_errno("changes of the port can't be waited on");
    agent->trigger_count = psi_open_triggers(agent->triggers);
    for (int i = 0; i < agent->trigger_count; i++) {
        if (!watch(agent, agent->triggers[i], EPOLLPRI))
            say_errno("a pressure trigger can't be waited on");
    }
    if (agent->trigger_count == 0)
        say("no pressure triggers here (PSI is off, or not allowed); MemAvailable alone decides");
    pace_begin(&agent->pace);
    return true;
}

static void take_line(const char *line, size_t length, void *context) {
    struct agent *agent = context;
    enum host_line kind = host_line_kind(line, length);
    agent->heard_known |= kind != HOST_LINE_OTHER;
    agent->heard_other |= kind == HOST_LINE_OTHER;
    if (kind == HOST_LINE_ASK_SAMPLE)
        pace_ask(&agent->pace);
    if (kind == HOST_LINE_SETTINGS)
        settings_apply(line, length, &agent->pace);
    // The hello repeats the settings, so that the host sees that they were applied.
    if (kind == HOST_LINE_SETTINGS || kind == HOST_LINE_ASK_HELLO)
        agent->hello_due = true;
}

// Returns false when the port is gone. Without a reader at the host's end, there is only nothing to read.
static bool read_host(struct agent *agent, bool *heard) {
    char bytes[512];
    ssize_t got;
    *heard = false;
    agent->heard_known = agent->heard_other = false;
    while ((got = read(agent->port, bytes, sizeof bytes)) > 0) {
        *heard = true;
        inbox_feed(&agent->inbox, bytes, (size_t)got, take_line, agent);
    }
    return got == 0 || errno == EAGAIN || errno == EINTR;
}

// A new reader gets only whole lines, a hello first, and a sample at once. The port reports a change of readers in the same way as
// bytes that came. Therefore a reader that has just written anything other than a line of the protocol counts as new, too. Returns
// false when the port is gone.
static bool notice_host(struct agent *agent) {
    struct signalfd_siginfo news;
    bool changed = agent->changes >= 0 && read(agent->changes, &news, sizeof news) > 0;
    bool connected = port_connected(agent->port), returned = connected && !agent->connected, heard;
    if (returned)
        inbox_clear(&agent->inbox);
    if (!read_host(agent, &heard))
        return false;
    bool spoke_well = agent->heard_known && !agent->heard_other;
    if (returned || (connected && changed && !spoke_well)) {
        outbox_clear(&agent->outbox);
        if (!heard)
            inbox_clear(&agent->inbox);
        pace_begin(&agent->pace);
        agent->owed_why = WHY_PERIODIC;
        agent->hello_due = true;
    }
    agent->connected = connected;
    return true;
}

// Returns false when the port is gone.
static bool send_line(struct agent *agent, const struct json_line *line, bool *sent) {
    enum outbox_result result = outbox_send(&agent->outbox, agent->port, line);
    *sent = result == OUTBOX_SENT;
    return result != OUTBOX_GONE;
}

static bool send_hello(struct agent *agent, const struct meminfo *levels, int64_t now) {
    static struct json_line line;
    bool sent = false;
    if (hello_encode(&line, levels, agent->sources.pressure >= 0, agent->pace.low_kib) && !send_line(agent, &line, &sent))
        return false;
    agent->hello_due = !sent;
    if (sent)
        agent->hello_ms = now;
    return true;
}

static bool send_sample(struct agent *agent, enum why why, const struct sample *sample) {
    static struct json_line line;
    bool sent = false;
    if (agent->outbox.waiting_length == 0)
        agent->owed_why = WHY_PERIODIC;
    if (why == WHY_PERIODIC)
        why = agent->owed_why;
    if (sample_encode(&line, ++agent->seq, why, sample) && !send_line(agent, &line, &sent))
        return false;
    agent->owed_why = sent ? WHY_PERIODIC : why;
    return true;
}

// Looks once, and sends what follows from it. Returns false when the port is gone.
static bool look(struct agent *agent, bool stalled, int *next_look_ms) {
    static struct sample sample;
    int64_t now = clock_ms();
    *next_look_ms = CALM_SAMPLE_MS;
    if (!agent->connected || !sources_read(&agent->sources, &sample))
        return true;
    if (now - agent->hello_ms >= HELLO_EVERY_MS)
        agent->hello_due = true;
    if (agent->hello_due && !send_hello(agent, &sample.meminfo, now))
        return false;
    const struct levels levels = {sample.meminfo.total, sample.meminfo.available, sample_ballooned_kib(&sample)};
    struct verdict verdict = pace_look(&agent->pace, now, levels, stalled);
    *next_look_ms = verdict.next_look_ms;
    return agent->hello_due || !verdict.send || send_sample(agent, verdict.why, &sample);
}

void agent_run(struct agent *agent) {
    int wait_ms = 0;
    for (;;) {
        struct epoll_event events[PSI_TRIGGERS + 2];
        int count = epoll_wait(agent->events, events, PSI_TRIGGERS + 2, wait_ms);
        bool stalled = false;
        for (int i = 0; i < count; i++)
            stalled |= (events[i].events & EPOLLPRI) != 0;
        if (!notice_host(agent))
            break;
        if (agent->connected && outbox_flush(&agent->outbox, agent->port) == OUTBOX_GONE)
            break;
        if (!look(agent, stalled, &wait_ms))
            break;
    }
    say_errno("the port is gone");
}
