#include "host_line.h"

#include "json_read.h"

enum host_line host_line_kind(const char *line, size_t length) {
    if (json_string_is(line, length, "t", "settings"))
        return HOST_LINE_SETTINGS;
    if (!json_string_is(line, length, "t", "ask"))
        return HOST_LINE_OTHER;
    return json_string_is(line, length, "what", "sample")  ? HOST_LINE_ASK_SAMPLE
           : json_string_is(line, length, "what", "hello") ? HOST_LINE_ASK_HELLO
                                                           : HOST_LINE_OTHER;
}
