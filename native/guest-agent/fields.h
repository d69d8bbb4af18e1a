// Named numbers in the text files of /proc, such as "MemFree:  123 kB" and "pswpin 45".
#ifndef DMM_FIELDS_H
#define DMM_FIELDS_H

#include <stddef.h>
#include <stdint.h>

// A number that the kernel did not show. Known numbers are counts or sizes, so they are never negative.
#define UNKNOWN INT64_C(-1)

struct field {
    const char *name;
    int64_t *value;
};

// Sets each field's value to the number after its name, or to UNKNOWN where the text has no such line, or no number that fits. A last
// line without a line feed is ignored, because it may be cut in the middle of its number.
void fields_parse(const char *text, size_t length, const struct field *fields, size_t count);

// Reads decimal digits at *at, and moves *at behind them. Returns UNKNOWN where there are none or the number is above INT64_MAX.
int64_t fields_number(const char **at, const char *end);

// Returns the sum of the known values; UNKNOWN where all are unknown.
int64_t fields_sum(const int64_t *values, size_t count);

#endif
