#include "command.h"

#include "fields.h"
#include "json_read.h"

#include <stdbool.h>

static bool is(const char *line, size_t length, const char *word) {
    return json_string_is(line, length, "do", word);
}

// Reads a member that may be missing; it is `otherwise` then. Returns false where it is present but out of bounds.
static bool read_optional(const char *line, size_t length, const char *name, int64_t otherwise,
                          int64_t lowest, int64_t highest, int64_t *into) {
    if (!json_has_member(line, length, name)) {
        *into = otherwise;
        return true;
    }
    *into = json_read_number(line, length, name);
    return *into >= lowest && *into <= highest;
}

static const char *parse_hold(const char *line, size_t length, struct command *into) {
    into->kind = COMMAND_HOLD;
    into->kib = json_read_number(line, length, "kib");
    if (into->kib == UNKNOWN || into->kib > HOLD_KIB_MAX)
        return "hold needs \"kib\", an integer from 0 to 1073741824";
    if (!read_optional(line, length, "kibPerSecond", 0, 0, HOLD_KIB_MAX, &into->kib_per_second))
        return "\"kibPerSecond\" must be an integer from 0 (as fast as it can) to 1073741824";
    return NULL;
}

static const char *parse_work(const char *line, size_t length, struct command *into) {
    int64_t threads;
    into->kind = COMMAND_WORK;
    if (!read_optional(line, length, "threads", 1, 1, WORK_THREADS_MAX, &threads))
        return "\"threads\" must be an integer from 1 to 8";
    into->threads = (int)threads;
    if (!read_optional(line, length, "operationsPerSecond", 0, 0, WORK_RATE_MAX, &into->operations_per_second))
        return "\"operationsPerSecond\" must be an integer from 0 (as fast as they can) to 1000000000";
    return NULL;
}

const char *command_parse(const char *line, size_t length, struct command *into) {
    *into = (struct command){0};
    if (!json_is_object(line, length))
        return "not a JSON object on one line";
    if (is(line, length, "hold"))
        return parse_hold(line, length, into);
    if (is(line, length, "work"))
        return parse_work(line, length, into);
    if (is(line, length, "free"))
        into->kind = COMMAND_FREE;
    else if (is(line, length, "rest"))
        into->kind = COMMAND_REST;
    else if (is(line, length, "report"))
        into->kind = COMMAND_REPORT;
    else
        return "\"do\" must be hold, free, work, rest or report";
    return NULL;
}
