#include "meminfo.h"

#include "fields.h"

void meminfo_parse(const char *text, size_t length, struct meminfo *into) {
    int64_t kernel[4];
    const struct field fields[] = {
        {"MemTotal", &into->total},
        {"MemFree", &into->free},
        {"MemAvailable", &into->available},
        {"AnonPages", &into->anon},
        {"SUnreclaim", &kernel[0]},
        {"KernelStack", &kernel[1]},
        {"PageTables", &kernel[2]},
        {"Percpu", &kernel[3]},
        {"Active(file)", &into->active_file},
        {"Inactive(file)", &into->inactive_file},
        {"Shmem", &into->shmem},
        {"SwapTotal", &into->swap_total},
        {"SwapFree", &into->swap_free},
    };
    fields_parse(text, length, fields, sizeof fields / sizeof *fields);
    into->unreclaimable = fields_sum(kernel, sizeof kernel / sizeof *kernel);
}
