#include "worker.h"

#include "area.h"
#include "clock.h"
#include "say.h"

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

enum {
    SLICE_MS = 10,              // the time step of a growth's rate
    SLICE_PAGES_MAX = 256,      // 1 MiB: while it grows, new orders wait no longer than for this
    BATCH_OPERATIONS = 64,
    TOUCH_SLICE_MS = 20,        // the time step of the work's rate: each wake-up costs an emulated guest CPU time
    THREAD_STACK_BYTES = 16 * 1024,
};

static const int64_t PARKED = INT64_MAX;

struct toucher {
    struct worker *worker;
    int index;
    bool started;
    _Atomic int64_t epoch; // the newest epoch that its batch knows, or PARKED
    int64_t rate, since_ms, done; // its part of the rate of work, since when, and the operations that are done or dropped
};

struct worker {
    struct load *load;
    struct area area;
    uint64_t seed;
    int64_t pages;                // held
    _Atomic int64_t usable_pages; // for the touchers: lowered before pages are dropped
    _Atomic int64_t epoch;        // counts the drops
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct toucher touchers[WORK_THREADS_MAX];
};

static bool has_work(const struct toucher *toucher) {
    struct worker *worker = toucher->worker;
    return toucher->index < worker->load->threads && worker->usable_pages > 0;
}

// Returns true where another batch is due by the rate of work; otherwise sleeps for a moment and returns false. A thread that was
// stalled makes up for at most 100 ms of its rate.
static bool batch_is_due(struct toucher *toucher) {
    const struct timespec moment = {.tv_nsec = TOUCH_SLICE_MS * 1000000};
    struct load *load = toucher->worker->load;
    int threads = load->threads;
    int64_t rate = threads > 0 ? load->operations_per_second / threads : 0;
    if (rate != toucher->rate) {
        toucher->rate = rate;
        toucher->since_ms = clock_ms();
        toucher->done = 0;
    }
    if (rate == 0)
        return true;
    int64_t due = rate * (clock_ms() - toucher->since_ms) / 1000;
    int64_t backlog_max = rate / 10 + BATCH_OPERATIONS;
    if (due - toucher->done > backlog_max)
        toucher->done = due - backlog_max;
    if (due - toucher->done >= BATCH_OPERATIONS) {
        toucher->done += BATCH_OPERATIONS;
        return true;
    }
    toucher->epoch = PARKED;
    nanosleep(&moment, NULL);
    return false;
}

static void *touch_for_good(void *context) {
    struct toucher *toucher = context;
    struct worker *worker = toucher->worker;
    uint64_t seed = UINT64_C(0x9E3779B97F4A7C15) * (uint64_t)(toucher->index + 1);
    for (;;) {
        if (!has_work(toucher)) {
            toucher->epoch = PARKED;
            pthread_mutex_lock(&worker->lock);
            while (!has_work(toucher))
                pthread_cond_wait(&worker->changed, &worker->lock);
            pthread_mutex_unlock(&worker->lock);
        }
        if (!batch_is_due(toucher))
            continue;
        toucher->epoch = worker->epoch;
        int64_t pages = worker->usable_pages;
        if (pages == 0)
            continue;
        for (int i = 0; i < BATCH_OPERATIONS; i++)
            area_touch(&worker->area, pages, &seed);
        atomic_fetch_add_explicit(&worker->load->operations[toucher->index], BATCH_OPERATIONS, memory_order_relaxed);
    }
    return NULL;
}

static void wake_touchers(struct worker *worker) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    for (int i = 0; i < worker->load->threads; i++) {
        struct toucher *toucher = &worker->touchers[i];
        pthread_t thread;
        if (!toucher->started)
            toucher->started = pthread_create(&thread, &attributes, touch_for_good, toucher) == 0;
        if (!toucher->started)
            say("a working thread could not be started");
    }
    pthread_attr_destroy(&attributes);
    pthread_mutex_lock(&worker->lock);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

// Pages that are to be dropped must not be touched any more, because a touch would bring them back. So this waits until each thread has
// begun a batch that knows the lower bound.
static void lower_usable_pages(struct worker *worker, int64_t pages) {
    const struct timespec moment = {.tv_nsec = 1000000};
    worker->usable_pages = pages;
    int64_t epoch = ++worker->epoch;
    for (int i = 0; i < WORK_THREADS_MAX; i++) {
        while (worker->touchers[i].epoch < epoch)
            nanosleep(&moment, NULL);
    }
}

// Moves towards `want` by at most `most` pages.
static void resize_step(struct worker *worker, int64_t want, int64_t most) {
    int64_t before = worker->pages;
    if (want > before) {
        int64_t after = want - before > most ? before + most : want;
        area_fill(&worker->area, before, after, &worker->seed);
        worker->pages = after;
        worker->usable_pages = after;
    } else {
        int64_t after = before - want > most ? before - most : want;
        lower_usable_pages(worker, after);
        area_drop(&worker->area, after, before);
        worker->pages = after;
    }
    worker->load->held_kib = worker->pages * PAGE_KIB;
    if ((before == 0) != (worker->pages == 0))
        wake_touchers(worker);
}

// Waits for a new order, at most this long (−1: for ever). Returns true if one came.
static bool wait_for_order(int wake, int timeout_ms) {
    struct pollfd look = {.fd = wake, .events = POLLIN};
    if (poll(&look, 1, timeout_ms) <= 0)
        return false;
    char bytes[64];
    if (read(wake, bytes, sizeof bytes) == 0)
        _exit(0);
    return true;
}

// Returns the pages that are due by the rate. A worker that was stalled does not make up for it in one burst: all that is more than 100
// ms late counts as moved.
static int64_t pages_due(int64_t kib_per_second, int64_t elapsed_ms, int64_t *moved) {
    int64_t latest = kib_per_second * elapsed_ms / 1000 / PAGE_KIB;
    int64_t backlog_max = kib_per_second / 10 / PAGE_KIB + 1;
    if (latest - *moved > backlog_max)
        *moved = latest - backlog_max;
    return latest - *moved;
}

// Moves towards the present order until it is done or another one comes.
static void follow_order(struct worker *worker, int wake) {
    int64_t want = worker->load->want_kib / PAGE_KIB, rate = worker->load->kib_per_second;
    int64_t start_ms = clock_ms(), moved = 0;
    while (worker->pages != want) {
        int64_t due = rate == 0 ? SLICE_PAGES_MAX : pages_due(rate, clock_ms() - start_ms, &moved);
        int64_t slice = due > SLICE_PAGES_MAX ? SLICE_PAGES_MAX : due;
        if (slice > 0)
            resize_step(worker, want, slice);
        moved += slice;
        if (wait_for_order(wake, rate == 0 || due > slice ? 0 : SLICE_MS))
            return;
    }
    wait_for_order(wake, -1);
}

_Noreturn void worker_run(struct load *load, int wake) {
    static struct worker worker = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    worker.load = load;
    worker.seed = UINT64_C(88172645463325252);
    for (int i = 0; i < WORK_THREADS_MAX; i++)
        worker.touchers[i] = (struct toucher){.worker = &worker, .index = i, .epoch = PARKED};
    if (area_reserve(&worker.area) != 0) {
        say_errno("no address space for the load");
        _exit(1);
    }
    for (;;) {
        wake_touchers(&worker);
        follow_order(&worker, wake);
    }
}
