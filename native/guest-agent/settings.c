#include "settings.h"

#include "fields.h"
#include "json_read.h"

void settings_apply(const char *line, size_t length, struct pace *pace) {
    if (!json_string_is(line, length, "t", "settings"))
        return;
    int64_t low_kib = json_read_number(line, length, "lowKib");
    if (low_kib != UNKNOWN)
        pace_set_low(pace, low_kib);
}
