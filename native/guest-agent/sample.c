#include "sample.h"

#include "fields.h"
#include "text_file.h"

#include <fcntl.h>
#include <unistd.h>

// The balloon counts in pages of 4 KiB on every architecture.
enum { BALLOON_PAGE_KIB = 4 };

bool sources_open(struct sources *sources) {
    sources->vmstat = open("/proc/vmstat", O_RDONLY | O_CLOEXEC);
    sources->pressure = open("/proc/pressure/memory", O_RDONLY | O_CLOEXEC);
    sources->meminfo = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    return sources->meminfo >= 0;
}

bool sources_read(const struct sources *sources, struct sample *into) {
    struct text text = text_file_read(sources->meminfo);
    meminfo_parse(text.start, text.length, &into->meminfo);
    text = text_file_read(sources->vmstat);
    vmstat_parse(text.start, text.length, &into->vmstat);
    text = text_file_read(sources->pressure);
    psi_parse(text.start, text.length, &into->psi);
    return into->meminfo.total != UNKNOWN;
}

int64_t sample_ballooned_kib(const struct sample *sample) {
    int64_t pages = sample->vmstat.balloon_inflated - sample->vmstat.balloon_deflated;
    bool known = sample->vmstat.balloon_inflated != UNKNOWN && sample->vmstat.balloon_deflated != UNKNOWN;
    return known && pages > 0 && pages <= INT64_MAX / BALLOON_PAGE_KIB ? pages * BALLOON_PAGE_KIB : 0;
}

bool sample_encode(struct json_line *line, int64_t seq, enum why why, const struct sample *sample) {
    static const char *const reasons[] = {[WHY_PERIODIC] = "periodic", [WHY_LOW] = "low", [WHY_STALL] = "stall"};
    const struct meminfo *levels = &sample->meminfo;
    json_begin(line, "sample");
    json_number(line, "seq", seq);
    json_string(line, "why", reasons[why]);
    json_number(line, "memTotalKib", levels->total);
    json_number(line, "memFreeKib", levels->free);
    json_number(line, "memAvailableKib", levels->available);
    json_number(line, "anonKib", levels->anon);
    json_number(line, "unreclaimableKib", levels->unreclaimable);
    json_number(line, "activeFileKib", levels->active_file);
    json_number(line, "inactiveFileKib", levels->inactive_file);
    json_number(line, "shmemKib", levels->shmem);
    json_number(line, "swapTotalKib", levels->swap_total);
    json_number(line, "swapFreeKib", levels->swap_free);
    json_number(line, "refaults", sample->vmstat.refaults);
    json_number(line, "majorFaults", sample->vmstat.major_faults);
    json_number(line, "swapIns", sample->vmstat.swap_ins);
    json_number(line, "swapOuts", sample->vmstat.swap_outs);
    json_number(line, "oomKills", sample->vmstat.oom_kills);
    json_number(line, "stallSomeUs", sample->psi.some_us);
    json_number(line, "stallFullUs", sample->psi.full_us);
    return json_end(line);
}
