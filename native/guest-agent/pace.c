#include "pace.h"

#include "fields.h"

enum {
    RATE_WINDOW_MIN_MS = 20,        // two looks closer than this would measure noise
    RATE_FADE_MS = 500,
    REARM_KIB_MIN = 8 * 1024, // above the threshold before `low` may be reported again
    FREED_KIB_MIN = 16 * 1024,
    RATE_KIB_S_MAX = 1 << 30, // 1 TiB per second: no guest is faster
};

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

void pace_begin(struct pace *pace) {
    *pace = (struct pace){.low_kib = pace->low_kib ? pace->low_kib : LOW_KIB_DEFAULT,
                          .looked_ms = -1, .sampled_ms = -1, .said_low_kib = -1};
}

void pace_set_low(struct pace *pace, int64_t low_kib) {
    pace->low_kib = max(low_kib, LOW_KIB_MIN);
}

void pace_ask(struct pace *pace) {
    pace->asked = true;
}

int64_t pace_threshold(int64_t low_kib, int64_t total_kib, int64_t rate_kib_s) {
    int64_t base = min(low_kib, total_kib / 4);
    return min(base + rate_kib_s * LOOKAHEAD_MS / 1000, total_kib / 2);
}

static void measure_rate(struct pace *pace, int64_t now_ms, struct levels now) {
    int64_t elapsed = now_ms - pace->looked_ms;
    if (pace->looked_ms >= 0 && elapsed < RATE_WINDOW_MIN_MS)
        return;
    if (pace->looked_ms >= 0) {
        // A balloon may show in both figures, so the larger one is what was taken. Memory that was given is not subtracted from a fall:
        // part of it becomes its own page metadata at once, and the next look shows a burst that it hides now.
        int64_t unplugged = pace->seen.total - now.total, inflated = now.ballooned - pace->seen.ballooned;
        int64_t taken = max(max(unplugged, inflated), 0);
        int64_t fall = pace->seen.available - now.available - taken;
        int64_t seen = fall > 0 ? min(min(fall, RATE_KIB_S_MAX) * 1000 / elapsed, RATE_KIB_S_MAX) : 0;
        int64_t faded = pace->rate_kib_s - pace->rate_kib_s * min(elapsed, RATE_FADE_MS) / RATE_FADE_MS;
        pace->rate_kib_s = max(seen, faded);
    }
    pace->looked_ms = now_ms;
    pace->seen = now;
}

// `low` is reported when the threshold is crossed, and at each further step down. The step is a quarter of the base, or half of the
// rest where that is smaller, and at least 1 MiB.
static bool crosses(struct pace *pace, int64_t base, int64_t threshold, int64_t available_kib) {
    if (available_kib >= threshold + max(threshold / 8, REARM_KIB_MIN))
        pace->said_low_kib = -1;
    if (available_kib >= threshold)
        return false;
    int64_t step = max(min(base / 4, pace->said_low_kib / 2), 1024);
    if (pace->said_low_kib >= 0 && available_kib > pace->said_low_kib - step)
        return false;
    pace->said_low_kib = available_kib;
    return true;
}

// Returns true where much more is available than the host knows: peers may be waiting for it.
static bool has_freed(const struct pace *pace, struct levels now) {
    return pace->told.available != UNKNOWN && now.available - pace->told.available >= max(now.total / 16, FREED_KIB_MIN);
}

struct verdict pace_look(struct pace *pace, int64_t now_ms, struct levels levels, bool stalled) {
    struct verdict verdict = {.why = WHY_PERIODIC, .next_look_ms = CALM_LOOK_MS};
    int64_t interval = CALM_SAMPLE_MS;
    bool low = false, resized = levels.total != pace->told.total || levels.ballooned != pace->told.ballooned;
    if (levels.total != UNKNOWN && levels.available != UNKNOWN) {
        measure_rate(pace, now_ms, levels);
        int64_t base = min(pace->low_kib, levels.total / 4);
        int64_t threshold = pace_threshold(pace->low_kib, levels.total, pace->rate_kib_s);
        low = crosses(pace, base, threshold, levels.available);
        bool falling = pace->rate_kib_s > 0 && (levels.available - base) / pace->rate_kib_s < FALLING_HORIZON_MS / 1000;
        if (levels.available < threshold || falling || resized) {
            interval = TENSE_SAMPLE_MS;
            verdict.next_look_ms = TENSE_SAMPLE_MS;
        } else if (has_freed(pace, levels)) {
            interval = TENSE_SAMPLE_MS;
        }
    }
    pace->stalled |= stalled;
    if (pace->stalled) {
        interval = TENSE_SAMPLE_MS;
        verdict.next_look_ms = TENSE_SAMPLE_MS;
    }
    if (pace->asked)
        interval = ASKED_SAMPLE_MS;
    bool due = pace->sampled_ms < 0 || now_ms - pace->sampled_ms >= interval;
    // Triggers may fire together, or just after a sample. The next sample, a tense interval later, reports them then.
    bool stall_due = due && pace->stalled;
    verdict.send = low || due;
    verdict.why = low ? WHY_LOW : stall_due ? WHY_STALL : WHY_PERIODIC;
    if (verdict.send) {
        pace->sampled_ms = now_ms;
        pace->told = levels;
        pace->stalled = pace->asked = false;
    } else if (pace->sampled_ms + interval - now_ms < verdict.next_look_ms) {
        verdict.next_look_ms = (int)(pace->sampled_ms + interval - now_ms);
    }
    return verdict;
}
