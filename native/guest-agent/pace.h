// Decides when to look at the guest's memory and when to report. It is pure: time and levels are the input, the verdict is the output.
//
// MemAvailable shows a burst 0.2 to 0.7 s before the kernel's pressure counters do, so it is the first signal. The faster it falls, the
// earlier the host must know: the host needs about LOOKAHEAD_MS until new memory is usable, so the threshold grows by the memory that
// will be used until then.
//
//     threshold = min(base + rate × LOOKAHEAD_MS, MemTotal ÷ 2),    base = min(setting, MemTotal ÷ 4)
//
// `rate` is the fall of MemAvailable by the guest's own use. It rises at once to the fastest fall seen, and fades within a second or
// two. Memory that the host takes is not counted: an unplug reduces MemTotal, and so does a balloon, except one with deflate-on-oom,
// which shows only in the kernel's count of ballooned pages. A resize is nevertheless reported at the next look, because the host waits
// for its confirmation. So is memory that was freed (at least a sixteenth of MemTotal and 16 MiB), because a neighbour may be waiting
// for it.
#ifndef DMM_PACE_H
#define DMM_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CALM_SAMPLE_MS = 1000,
    TENSE_SAMPLE_MS = 100, // while memory is low or falling
    ASKED_SAMPLE_MS = 50,  // after the last sample, when the host asks for one
    CALM_LOOK_MS = 200,    // a look costs one short read; a burst waits no longer than this
    LOOKAHEAD_MS = 700,
    FALLING_HORIZON_MS = 10000, // "falling": low within this time at the present rate
    LOW_KIB_DEFAULT = 64 * 1024,
    LOW_KIB_MIN = 16 * 1024,
};

enum why { WHY_PERIODIC, WHY_LOW, WHY_STALL };

// In KiB; UNKNOWN (fields.h) where the kernel does not show it.
struct levels {
    int64_t total, available, ballooned;
};

struct pace {
    int64_t low_kib;      // the setting
    int64_t looked_ms;    // time of the last look, −1 before the first
    struct levels seen;   // the levels at that look
    int64_t rate_kib_s;   // of the fall of MemAvailable, ≥ 0
    int64_t sampled_ms;   // time of the last sample, −1 before the first
    struct levels told;   // the levels in that sample
    bool asked;           // the host wants a sample
    bool stalled;         // a trigger has fired and no urgent sample was sent since
    int64_t said_low_kib; // MemAvailable at the last `low` since it was above the threshold, −1 where there was none
};

struct verdict {
    bool send;
    enum why why;
    int next_look_ms; // from now
};

void pace_begin(struct pace *pace);

// Sets the base of the threshold. It is at least 16 MiB and, at each look, at most a quarter of MemTotal.
void pace_set_low(struct pace *pace, int64_t low_kib);

// The host asks for a sample: it is sent at the next look, or ASKED_SAMPLE_MS after the last one.
void pace_ask(struct pace *pace);

// Returns the threshold for this look. Sizes are in KiB, the rate is in KiB per second.
int64_t pace_threshold(int64_t low_kib, int64_t total_kib, int64_t rate_kib_s);

// Looks once. `stalled`: a PSI trigger has fired since the last look. Without levels, only the clock decides.
struct verdict pace_look(struct pace *pace, int64_t now_ms, struct levels levels, bool stalled);

#endif
