// The host's orders (docs/develop/load-generator.md).
#ifndef DMM_COMMAND_H
#define DMM_COMMAND_H

#include <stddef.h>
#include <stdint.h>

enum {
    WORK_THREADS_MAX = 8,
};
#define HOLD_KIB_MAX (INT64_C(1) << 30) // 1 TiB
#define WORK_RATE_MAX INT64_C(1000000000)

enum command_kind { COMMAND_HOLD, COMMAND_FREE, COMMAND_WORK, COMMAND_REST, COMMAND_REPORT };

struct command {
    enum command_kind kind;
    int64_t kib, kib_per_second; // hold; 0 KiB/s: as fast as possible
    int threads;                 // work
    int64_t operations_per_second; // work, all threads together; 0: as fast as possible
};

// Returns NULL, or what is wrong with the line.
const char *command_parse(const char *line, size_t length, struct command *into);

#endif
