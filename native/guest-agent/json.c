#include "json.h"

static void put(struct json_line *line, char c) {
    if (line->length == sizeof line->text) {
        line->overflow = true;
        return;
    }
    line->text[line->length++] = c;
}

static void put_quoted(struct json_line *line, const char *text) {
    put(line, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(line, '\\');
        put(line, *text < ' ' || *text > '~' ? '?' : *text);
    }
    put(line, '"');
}

static void put_name(struct json_line *line, const char *name) {
    if (line->length > 1)
        put(line, ',');
    put_quoted(line, name);
    put(line, ':');
}

void json_begin(struct json_line *line, const char *type) {
    line->length = 0;
    line->overflow = false;
    put(line, '{');
    json_string(line, "t", type);
}

void json_number(struct json_line *line, const char *name, int64_t value) {
    if (value < 0)
        return;
    put_name(line, name);
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        put(line, digits[--count]);
}

void json_string(struct json_line *line, const char *name, const char *value) {
    if (!value || !*value)
        return;
    put_name(line, name);
    put_quoted(line, value);
}

void json_bool(struct json_line *line, const char *name, bool value) {
    put_name(line, name);
    for (const char *text = value ? "true" : "false"; *text; text++)
        put(line, *text);
}

bool json_end(struct json_line *line) {
    put(line, '}');
    put(line, '\n');
    return !line->overflow;
}
