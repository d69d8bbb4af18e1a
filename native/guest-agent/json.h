// Writes one JSON object as one line into a fixed buffer. A line that does not fit is not sent at all: half an object helps nobody.
#ifndef DMM_JSON_H
#define DMM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The protocol's bound on a line, with its line feed.
enum { LINE_MAX_BYTES = 4096 };

struct json_line {
    char text[LINE_MAX_BYTES];
    size_t length;
    bool overflow;
};

void json_begin(struct json_line *line, const char *type);
// A negative number (UNKNOWN) is left out: a missing member is unknown.
void json_number(struct json_line *line, const char *name, int64_t value);
// A null or empty text is left out. Bytes that are no printable ASCII become '?': all that the kernel shows here is ASCII.
void json_string(struct json_line *line, const char *name, const char *value);
void json_bool(struct json_line *line, const char *name, bool value);
// Closes the object and adds the line feed. False if the line did not fit.
bool json_end(struct json_line *line);

#endif
