#include "hello.h"

#include "directory.h"
#include "fields.h"

#include <sys/utsname.h>

#ifndef AGENT_VERSION
#error "AGENT_VERSION comes from the Makefile"
#endif

#define HOTPLUG "/sys/module/memory_hotplug/parameters/"

int64_t hello_block_kib(const char *hexadecimal) {
    int64_t bytes = 0;
    const char *at = hexadecimal;
    for (; *at; at++) {
        int digit = *at >= '0' && *at <= '9' ? *at - '0' : *at >= 'a' && *at <= 'f' ? *at - 'a' + 10 : -1;
        if (digit < 0 || bytes > INT64_MAX >> 4)
            return UNKNOWN;
        bytes = bytes << 4 | digit;
    }
    return at == hexadecimal ? UNKNOWN : bytes / 1024;
}

// The folder of a bound driver contains its devices: virtio0, virtio1 …
static bool is_device(const char *name, void *context) {
    (void)context;
    return name[0] == 'v' && name[1] == 'i' && name[2] == 'r' && name[3] == 't' && name[4] == 'i' && name[5] == 'o';
}

static void add_text(struct json_line *line, const char *name, const char *path) {
    char text[64];
    directory_read_line(path, text, sizeof text);
    json_string(line, name, text);
}

bool hello_encode(struct json_line *line, const struct meminfo *levels, bool psi, int64_t low_kib) {
    struct utsname system;
    char text[64];
    json_begin(line, "hello");
    json_number(line, "protocol", PROTOCOL_VERSION);
    json_string(line, "agent", AGENT_VERSION);
    if (uname(&system) == 0)
        json_string(line, "kernel", system.release);
    add_text(line, "autoOnline", "/sys/devices/system/memory/auto_online_blocks");
    add_text(line, "onlinePolicy", HOTPLUG "online_policy");
    if (directory_read_line(HOTPLUG "auto_movable_ratio", text, sizeof text)) {
        const char *end = text;
        while (*end)
            end++;
        const char *at = text;
        json_number(line, "autoMovableRatio", fields_number(&at, end));
    }
    add_text(line, "memmapOnMemory", HOTPLUG "memmap_on_memory");
    if (directory_read_line("/sys/devices/system/memory/block_size_bytes", text, sizeof text))
        json_number(line, "blockKib", hello_block_kib(text));
    json_number(line, "memTotalKib", levels->total);
    json_number(line, "swapTotalKib", levels->swap_total);
    json_bool(line, "virtioMem", directory_find("/sys/bus/virtio/drivers/virtio_mem", is_device, NULL));
    json_bool(line, "psi", psi);
    json_number(line, "lowKib", low_kib);
    return json_end(line);
}
