// Reads members of one JSON object, received as a line from the host. No tree is built: each query scans the line again.
#ifndef DMM_JSON_READ_H
#define DMM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Returns true where the line is one whole JSON object. Nested values are skipped, to a depth of 16.
bool json_is_object(const char *line, size_t length);

bool json_has_member(const char *line, size_t length, const char *name);

// Returns the integer of this top-level member; UNKNOWN (fields.h) where it is missing, negative, not an integer or too large.
int64_t json_read_number(const char *line, size_t length, const char *name);

// Returns true where this top-level member is a string equal to `value`. Escapes are not decoded: no word of these protocols needs one.
bool json_string_is(const char *line, size_t length, const char *name, const char *value);

#endif
