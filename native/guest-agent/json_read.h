// Reads members of one JSON object that came as a line from the other end. No tree is built: each question walks the line again.
#ifndef DMM_JSON_READ_H
#define DMM_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether the line is one whole JSON object (nested values are walked over, to a depth of 16).
bool json_is_object(const char *line, size_t length);

bool json_has_member(const char *line, size_t length, const char *name);

// The integer of this top-level member; UNKNOWN (fields.h) where it is missing, negative, no integer or too large.
int64_t json_read_number(const char *line, size_t length, const char *name);

// Whether this top-level member is a string and equal to `value`. Escapes are not undone: no word of these protocols needs one.
bool json_string_is(const char *line, size_t length, const char *name, const char *value);

#endif
