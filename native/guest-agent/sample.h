// A sample: one look at this guest's memory, and its encoding for the host (docs/develop/guest-protocol.md).
#ifndef DMM_SAMPLE_H
#define DMM_SAMPLE_H

#include "json.h"
#include "meminfo.h"
#include "pace.h"
#include "psi.h"
#include "vmstat.h"

// Files of /proc, kept open, because opening needs memory just when there is none.
struct sources {
    int meminfo, vmstat, pressure; // −1 where this kernel does not have the file
};

struct sample {
    struct meminfo meminfo;
    struct vmstat vmstat;
    struct psi psi;
};

// Returns false (and errno) where /proc/meminfo can't be opened.
bool sources_open(struct sources *sources);

// Returns false where the kernel shows no MemTotal.
bool sources_read(const struct sources *sources, struct sample *into);

// Returns what the balloon holds now; 0 where the kernel does not count it.
int64_t sample_ballooned_kib(const struct sample *sample);

bool sample_encode(struct json_line *line, int64_t seq, enum why why, const struct sample *sample);

#endif
