#include "reporter.h"

#include "area.h"
#include "clock.h"
#include "fields.h"
#include "meminfo.h"
#include "port.h"
#include "psi.h"
#include "say.h"
#include "text_file.h"
#include "vmstat.h"
#include "worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { BUSY_REPORT_MS = 250, CALM_REPORT_MS = 1000 };

static bool watch(struct reporter *reporter, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    return fd >= 0 && epoll_ctl(reporter->events, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool reporter_begin(struct reporter *reporter, const char *port_path) {
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    reporter->deaths = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    reporter->events = epoll_create1(EPOLL_CLOEXEC);
    reporter->meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    reporter->vmstat = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    reporter->pressure = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
    reporter->load = mmap(NULL, sizeof *reporter->load, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reporter->meminfo < 0 || reporter->load == MAP_FAILED) {
        say_errno("no /proc/meminfo or no memory");
        return false;
    }
    reporter->port = port_open(port_path);
    // Edge-triggered: a port without a reader reports its hang-up all the time.
    if (!watch(reporter, reporter->port, EPOLLIN | EPOLLOUT | EPOLLET) || !watch(reporter, reporter->deaths, EPOLLIN)) {
        say_errno(port_path);
        return false;
    }
    return true;
}

static bool is_busy(const struct load *load) {
    return load->held_kib / PAGE_KIB != load->want_kib / PAGE_KIB || load->threads > 0;
}

// Returns false when the port is gone. A report that finds the channel full is replaced by the next one; a line that is sent only once
// is not.
static bool send_line(struct reporter *reporter, struct json_line *line, bool matters) {
    if (!json_end(line) || !reporter->connected)
        return true;
    if (!matters && reporter->waiting_matters && reporter->outbox.waiting_length > 0)
        return true;
    enum outbox_result result = outbox_send(&reporter->outbox, reporter->port, line);
    reporter->waiting_matters = matters && result == OUTBOX_KEPT;
    return result != OUTBOX_GONE;
}

static void measure_operations(struct reporter *reporter, int64_t now) {
    int64_t operations = load_operations(reporter->load), elapsed = now - reporter->reported_ms;
    if (elapsed > 0)
        reporter->operations_per_second = (operations - reporter->reported_operations) * 1000 / elapsed;
    reporter->reported_operations = operations;
    reporter->reported_ms = now;
}

static bool report(struct reporter *reporter) {
    static struct json_line line;
    struct meminfo levels;
    struct vmstat counters;
    struct psi stall = {.some_us = UNKNOWN, .full_us = UNKNOWN};
    struct text text = text_file_read(reporter->meminfo);
    meminfo_parse(text.start, text.length, &levels);
    text = text_file_read(reporter->vmstat);
    vmstat_parse(text.start, text.length, &counters);
    if (reporter->pressure >= 0) {
        text = text_file_read(reporter->pressure);
        psi_parse(text.start, text.length, &stall);
    }
    measure_operations(reporter, clock_ms());
    reporter->report_due = false;
    reporter->reported_busy = is_busy(reporter->load);
    json_begin(&line, "load");
    json_number(&line, "seq", ++reporter->seq);
    json_number(&line, "uptimeMs", clock_ms());
    json_number(&line, "heldKib", reporter->load->held_kib);
    json_number(&line, "wantKib", reporter->load->want_kib);
    json_number(&line, "threads", reporter->load->threads);
    json_number(&line, "operations", reporter->reported_operations);
    json_number(&line, "operationsPerSecond", reporter->operations_per_second);
    json_number(&line, "memTotalKib", levels.total);
    json_number(&line, "memAvailableKib", levels.available);
    json_number(&line, "memFreeKib", levels.free);
    json_number(&line, "swapUsedKib",
                levels.swap_total == UNKNOWN || levels.swap_free == UNKNOWN ? UNKNOWN : levels.swap_total - levels.swap_free);
    json_number(&line, "swapIns", counters.swap_ins);
    json_number(&line, "swapOuts", counters.swap_outs);
    json_number(&line, "stallSomeUs", stall.some_us);
    json_number(&line, "stallFullUs", stall.full_us);
    json_number(&line, "oomKills", counters.oom_kills);
    json_number(&line, "deaths", reporter->worker_deaths);
    return send_line(reporter, &line, false);
}

static bool tell_error(struct reporter *reporter, const char *what) {
    static struct json_line line;
    json_begin(&line, "error");
    json_string(&line, "text", what);
    return send_line(reporter, &line, true);
}

static bool tell_death(struct reporter *reporter, struct worker_death death) {
    static struct json_line line;
    json_begin(&line, "died");
    json_number(&line, "signal", death.signal);
    json_number(&line, "exitCode", death.exit_code);
    json_number(&line, "uptimeMs", clock_ms());
    json_number(&line, "heldKib", reporter->load->held_kib);
    json_number(&line, "wantKib", reporter->load->want_kib);
    return send_line(reporter, &line, true);
}

static void obey(const char *line, size_t length, void *context) {
    struct reporter *reporter = context;
    struct load *load = reporter->load;
    struct command command;
    const char *wrong = command_parse(line, length, &command);
    if (wrong) {
        tell_error(reporter, wrong);
        return;
    }
    reporter->report_due = true;
    switch (command.kind) {
    case COMMAND_HOLD:
        load->kib_per_second = command.kib_per_second;
        load->want_kib = command.kib;
        break;
    case COMMAND_FREE:
        load->kib_per_second = 0;
        load->want_kib = 0;
        break;
    case COMMAND_WORK:
        load->operations_per_second = command.operations_per_second;
        load->threads = command.threads;
        break;
    case COMMAND_REST:
        load->threads = 0;
        break;
    case COMMAND_REPORT:
        return;
    }
    worker_process_wake(reporter->wake);
}

// Returns false when the port is gone.
static bool read_host(struct reporter *reporter) {
    char bytes[512];
    ssize_t got;
    while ((got = read(reporter->port, bytes, sizeof bytes)) > 0)
        inbox_feed(&reporter->inbox, bytes, (size_t)got, obey, reporter);
    return got == 0 || errno == EAGAIN || errno == EINTR;
}

static void notice_reader(struct reporter *reporter) {
    bool connected = port_connected(reporter->port);
    if (connected && !reporter->connected) {
        outbox_clear(&reporter->outbox);
        inbox_clear(&reporter->inbox);
        reporter->report_due = true;
    }
    reporter->connected = connected;
}

// Reports a dead worker, whose orders end with it, and starts a new one, which waits for new orders.
static bool mind_worker(struct reporter *reporter) {
    struct worker_death death;
    struct signalfd_siginfo news;
    bool told = true;
    while (read(reporter->deaths, &news, sizeof news) > 0)
        continue;
    if (reporter->worker && worker_process_died(reporter->worker, &death)) {
        reporter->worker_deaths++;
        told = tell_death(reporter, death);
        reporter->worker = 0;
        close(reporter->wake);
        reporter->load->want_kib = reporter->load->held_kib = 0;
        reporter->load->threads = 0;
        reporter->report_due = true;
    }
    if (!reporter->worker)
        reporter->worker = worker_process_start(reporter->load, &reporter->wake);
    return told;
}

void reporter_run(struct reporter *reporter) {
    for (;;) {
        if (!mind_worker(reporter))
            break;
        bool busy = reporter->reported_busy || is_busy(reporter->load);
        int64_t due_ms = reporter->reported_ms + (busy ? BUSY_REPORT_MS : CALM_REPORT_MS) - clock_ms();
        if ((due_ms <= 0 || reporter->report_due) && !report(reporter))
            break;
        struct epoll_event events[2];
        epoll_wait(reporter->events, events, 2, due_ms > 0 && due_ms < BUSY_REPORT_MS ? (int)due_ms : BUSY_REPORT_MS);
        notice_reader(reporter);
        if (!read_host(reporter))
            break;
        if (reporter->connected && outbox_flush(&reporter->outbox, reporter->port) == OUTBOX_GONE)
            break;
    }
    say_errno("the port is gone");
}
