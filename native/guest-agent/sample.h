// One look at this guest's memory, and how it is told to the host (docs/develop/guest-protocol.md).
#ifndef DMM_SAMPLE_H
#define DMM_SAMPLE_H

#include "json.h"
#include "meminfo.h"
#include "pace.h"
#include "psi.h"
#include "vmstat.h"

// Files of /proc, kept open: opening takes memory just when there is none.
struct sources {
    int meminfo, vmstat, pressure; // −1 where this kernel has none
};

struct sample {
    struct meminfo meminfo;
    struct vmstat vmstat;
    struct psi psi;
};

// False (and errno) where even /proc/meminfo can't be opened.
bool sources_open(struct sources *sources);

// False where the kernel shows no MemTotal.
bool sources_read(const struct sources *sources, struct sample *into);

// What the balloon holds now; 0 where the kernel does not count it.
int64_t sample_ballooned_kib(const struct sample *sample);

bool sample_encode(struct json_line *line, int64_t seq, enum why why, const struct sample *sample);

#endif
