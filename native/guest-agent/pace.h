// When to look at the guest's memory and when to say what was seen. Pure: time and levels come in, the verdict goes out.
//
// MemAvailable shows a burst 0.2 to 0.7 s before the kernel's pressure counters do, so it is the first line. The faster it falls, the
// earlier the host must hear of it: the host needs about LOOKAHEAD_MS until new memory is usable, so the threshold grows by what will
// be eaten until then.
//
//     threshold = min(base + rate × LOOKAHEAD_MS, MemTotal ÷ 2),    base = min(setting, MemTotal ÷ 4)
//
// `rate` is the fall of MemAvailable by the guest's own use: at once up to the fastest fall seen, then fading within a second or two.
// What the host itself takes is left out. An unplug takes MemTotal along; so does a balloon, but not one with deflate-on-oom, which shows
// only in the kernel's count of ballooned pages. A resize is told at the next look all the same: the host waits to see it confirmed. So
// is memory that was freed, a sixteenth of MemTotal and 16 MiB at least: a neighbour may be waiting for it.
#ifndef DMM_PACE_H
#define DMM_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CALM_SAMPLE_MS = 1000,
    TENSE_SAMPLE_MS = 100, // low or falling
    ASKED_SAMPLE_MS = 50,  // after the last one, when the host asks for one
    CALM_LOOK_MS = 200,    // a look costs one short read, and lets a burst wait no longer than this
    LOOKAHEAD_MS = 700,
    FALLING_HORIZON_MS = 10000, // "falling": low within this time at the present rate
    LOW_KIB_DEFAULT = 64 * 1024,
    LOW_KIB_MIN = 16 * 1024,
};

enum why { WHY_PERIODIC, WHY_LOW, WHY_STALL };

// In KiB, UNKNOWN (fields.h) where the kernel does not show it.
struct levels {
    int64_t total, available, ballooned;
};

struct pace {
    int64_t low_kib;      // the setting
    int64_t looked_ms;    // the last look, −1 before the first
    struct levels seen;   // at that look
    int64_t rate_kib_s;   // of the fall, ≥ 0
    int64_t sampled_ms;   // the last sample, −1 before the first
    struct levels told;   // in that sample
    bool asked;           // the host wants a sample
    bool stalled;         // a trigger has fired and no urgent sample has gone out since
    int64_t said_low_kib; // MemAvailable in the last `low` since it was above the threshold, −1 where there was none
};

struct verdict {
    bool send;
    enum why why;
    int next_look_ms; // from now
};

void pace_begin(struct pace *pace);

// Sets the base of the threshold; the bounds are 16 MiB and (at each look) a quarter of MemTotal.
void pace_set_low(struct pace *pace, int64_t low_kib);

// The host asks for a sample: it comes at the next look, or ASKED_SAMPLE_MS after the last one.
void pace_ask(struct pace *pace);

// The threshold for this look. Sizes in KiB, the rate in KiB a second.
int64_t pace_threshold(int64_t low_kib, int64_t total_kib, int64_t rate_kib_s);

// One look. `stalled`: a PSI trigger has fired since the last one. Without levels only the clock decides.
struct verdict pace_look(struct pace *pace, int64_t now_ms, struct levels levels, bool stalled);

#endif
