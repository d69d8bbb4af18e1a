#include "vmstat.h"

#include "fields.h"

void vmstat_parse(const char *text, size_t length, struct vmstat *into) {
    int64_t refaults[2];
    const struct field fields[] = {
        {"workingset_refault_anon", &refaults[0]},
        {"workingset_refault_file", &refaults[1]},
        {"pgmajfault", &into->major_faults},
        {"pswpin", &into->swap_ins},
        {"pswpout", &into->swap_outs},
        {"oom_kill", &into->oom_kills},
        {"balloon_inflate", &into->balloon_inflated},
        {"balloon_deflate", &into->balloon_deflated},
    };
    fields_parse(text, length, fields, sizeof fields / sizeof *fields);
    into->refaults = fields_sum(refaults, sizeof refaults / sizeof *refaults);
}
