#include "json_read.h"

#include "fields.h"

#include <string.h>

enum { DEPTH_MAX = 16 };

struct cursor {
    const char *at, *end;
};

struct span {
    const char *start;
    size_t length;
};

static void skip_blanks(struct cursor *c) {
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
        c->at++;
}

static bool take(struct cursor *c, char expected) {
    skip_blanks(c);
    if (c->at == c->end || *c->at != expected)
        return false;
    c->at++;
    return true;
}

// Reads a string; *inside is the text between its quotes.
static bool take_string(struct cursor *c, struct span *inside) {
    if (!take(c, '"'))
        return false;
    inside->start = c->at;
    for (; c->at < c->end && *c->at != '"'; c->at++) {
        if ((unsigned char)*c->at < ' ')
            return false;
        if (*c->at == '\\' && ++c->at == c->end)
            return false;
    }
    inside->length = (size_t)(c->at - inside->start);
    return take(c, '"');
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.';
}

static bool skip_value(struct cursor *c, int depth);

static bool skip_members(struct cursor *c, char close, int depth) {
    struct span name;
    if (depth > DEPTH_MAX)
        return false;
    c->at++;
    if (take(c, close))
        return true;
    do {
        if (close == '}' && (!take_string(c, &name) || !take(c, ':')))
            return false;
        if (!skip_value(c, depth))
            return false;
    } while (take(c, ','));
    return take(c, close);
}

static bool skip_value(struct cursor *c, int depth) {
    struct span ignored;
    skip_blanks(c);
    if (c->at == c->end)
        return false;
    if (*c->at == '{')
        return skip_members(c, '}', depth + 1);
    if (*c->at == '[')
        return skip_members(c, ']', depth + 1);
    if (*c->at == '"')
        return take_string(c, &ignored);
    const char *word = c->at;
    while (c->at < c->end && is_word_char(*c->at))
        c->at++;
    return c->at > word;
}

bool json_is_object(const char *line, size_t length) {
    struct cursor c = {line, line + length};
    skip_blanks(&c);
    if (c.at == c.end || *c.at != '{' || !skip_value(&c, 0))
        return false;
    skip_blanks(&c);
    return c.at == c.end;
}

static bool find_member(const char *line, size_t length, const char *wanted, struct span *value) {
    struct cursor c = {line, line + length};
    struct span name;
    if (!json_is_object(line, length) || !take(&c, '{'))
        return false;
    while (take_string(&c, &name) && take(&c, ':')) {
        skip_blanks(&c);
        value->start = c.at;
        if (!skip_value(&c, 0))
            return false;
        value->length = (size_t)(c.at - value->start);
        if (name.length == strlen(wanted) && memcmp(name.start, wanted, name.length) == 0)
            return true;
        if (!take(&c, ','))
            return false;
    }
    return false;
}

bool json_has_member(const char *line, size_t length, const char *name) {
    struct span value;
    return find_member(line, length, name, &value);
}

int64_t json_read_number(const char *line, size_t length, const char *name) {
    struct span value;
    if (!find_member(line, length, name, &value))
        return UNKNOWN;
    const char *at = value.start, *end = value.start + value.length;
    int64_t number = fields_number(&at, end);
    return at == end ? number : UNKNOWN;
}

bool json_string_is(const char *line, size_t length, const char *name, const char *value) {
    struct span found;
    if (!find_member(line, length, name, &found))
        return false;
    size_t expected = strlen(value);
    return found.length == expected + 2 && found.start[0] == '"' && memcmp(found.start + 1, value, expected) == 0;
}
