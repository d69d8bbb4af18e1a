// Writes one JSON object as one line into a fixed buffer. A line that does not fit is not sent at all, because half an object is
// useless.
#ifndef DMM_JSON_H
#define DMM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The protocol's limit on a line, line feed included.
enum { LINE_MAX_BYTES = 4096 };

struct json_line {
    char text[LINE_MAX_BYTES];
    size_t length;
    bool overflow;
};

void json_begin(struct json_line *line, const char *type);
// A negative number (UNKNOWN) is left out: a missing member is unknown.
void json_number(struct json_line *line, const char *name, int64_t value);
// A null or empty text is left out. Bytes that are not printable ASCII become '?'; the kernel's texts here are ASCII.
void json_string(struct json_line *line, const char *name, const char *value);
void json_bool(struct json_line *line, const char *name, bool value);
// Closes the object and adds the line feed. Returns false if the line did not fit.
bool json_end(struct json_line *line);

#endif
