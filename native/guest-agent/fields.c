#include "fields.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

int64_t fields_number(const char **at, const char *end) {
    if (*at == end || !is_digit(**at))
        return UNKNOWN;
    int64_t number = 0;
    for (; *at < end && is_digit(**at); ++*at) {
        int digit = **at - '0';
        if (number == UNKNOWN)
            continue;
        number = number > (INT64_MAX - digit) / 10 ? UNKNOWN : number * 10 + digit;
    }
    return number;
}

static void parse_line(const char *line, const char *end, const struct field *fields, size_t count) {
    const char *at = line;
    while (at < end && *at != ' ' && *at != ':')
        ++at;
    size_t name_length = (size_t)(at - line);
    for (size_t i = 0; i < count; i++) {
        if (strlen(fields[i].name) != name_length || memcmp(fields[i].name, line, name_length) != 0)
            continue;
        while (at < end && (*at == ' ' || *at == ':'))
            ++at;
        *fields[i].value = fields_number(&at, end);
        return;
    }
}

void fields_parse(const char *text, size_t length, const struct field *fields, size_t count) {
    for (size_t i = 0; i < count; i++)
        *fields[i].value = UNKNOWN;
    const char *end = text + length;
    for (const char *line = text; line < end;) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            return;
        parse_line(line, line_end, fields, count);
        line = line_end + 1;
    }
}

int64_t fields_sum(const int64_t *values, size_t count) {
    int64_t sum = UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (values[i] == UNKNOWN)
            continue;
        int64_t before = sum == UNKNOWN ? 0 : sum;
        sum = values[i] > INT64_MAX - before ? INT64_MAX : before + values[i];
    }
    return sum;
}
