// Tests of lines that are sent and lines that are received.
#include "fields.h"
#include "hello.h"
#include "host_line.h"
#include "json.h"
#include "json_read.h"
#include "sample.h"
#include "settings.h"
#include "tap.h"

#include <stdlib.h>

static bool line_is(const struct json_line *line, const char *expected) {
    bool equal = line->length == strlen(expected) && memcmp(line->text, expected, line->length) == 0;
    if (!equal)
        printf("# the line is %.*s", (int)line->length, line->text);
    return equal;
}

TEST(an_object_is_one_line) {
    static struct json_line line;
    json_begin(&line, "x");
    json_number(&line, "zero", 0);
    json_number(&line, "most", INT64_MAX);
    json_bool(&line, "yes", true);
    json_string(&line, "word", "a b");
    EXPECT(json_end(&line));
    EXPECT(line_is(&line, "{\"t\":\"x\",\"zero\":0,\"most\":9223372036854775807,\"yes\":true,\"word\":\"a b\"}\n"));
}

TEST(what_is_unknown_is_left_out) {
    static struct json_line line;
    json_begin(&line, "x");
    json_number(&line, "n", UNKNOWN);
    json_string(&line, "s", "");
    json_string(&line, "p", NULL);
    EXPECT(json_end(&line));
    EXPECT(line_is(&line, "{\"t\":\"x\"}\n"));
}

TEST(quotes_are_escaped_and_strange_bytes_replaced) {
    static struct json_line line;
    json_begin(&line, "x");
    json_string(&line, "s", "a\"b\\c\td\xc3\xa9\x7f");
    EXPECT(json_end(&line));
    EXPECT(line_is(&line, "{\"t\":\"x\",\"s\":\"a\\\"b\\\\c?d???\"}\n"));
}

TEST(a_line_holds_4096_bytes_and_not_one_more) {
    static struct json_line line;
    static char text[LINE_MAX_BYTES];
    const size_t frame = strlen("{\"t\":\"x\",\"s\":\"\"}\n");
    memset(text, 'a', sizeof text);
    text[LINE_MAX_BYTES - frame] = '\0';
    json_begin(&line, "x");
    json_string(&line, "s", text);
    EXPECT(json_end(&line));
    EXPECT_NUMBER(line.length, LINE_MAX_BYTES);

    text[LINE_MAX_BYTES - frame] = 'a';
    text[LINE_MAX_BYTES - frame + 1] = '\0';
    json_begin(&line, "x");
    json_string(&line, "s", text);
    EXPECT(!json_end(&line));
}

TEST(a_sample_names_all_that_the_protocol_promises) {
    static struct json_line line;
    const struct sample sample = {
        .meminfo = {.total = 1, .free = 2, .available = 3, .anon = 4, .unreclaimable = 5, .active_file = 6, .inactive_file = 7, .shmem = 8,
                    .swap_total = 9, .swap_free = 10},
        .vmstat = {.refaults = 11, .major_faults = 12, .swap_ins = 13, .swap_outs = 14, .oom_kills = 15},
        .psi = {.some_us = 16, .full_us = 17},
    };
    EXPECT(sample_encode(&line, 17, WHY_LOW, &sample));
    EXPECT(line_is(&line, "{\"t\":\"sample\",\"seq\":17,\"why\":\"low\",\"memTotalKib\":1,\"memFreeKib\":2,"
                          "\"memAvailableKib\":3,\"anonKib\":4,"
                          "\"unreclaimableKib\":5,\"activeFileKib\":6,\"inactiveFileKib\":7,\"shmemKib\":8,\"swapTotalKib\":9,"
                          "\"swapFreeKib\":10,\"refaults\":11,\"majorFaults\":12,\"swapIns\":13,\"swapOuts\":14,\"oomKills\":15,"
                          "\"stallSomeUs\":16,\"stallFullUs\":17}\n"));
}

TEST(the_largest_numbers_fit_into_a_sample) {
    static struct json_line line;
    struct sample sample;
    int64_t *numbers = (int64_t *)(void *)&sample;
    for (size_t i = 0; i < sizeof sample / sizeof *numbers; i++)
        numbers[i] = INT64_MAX;
    EXPECT(sample_encode(&line, INT64_MAX, WHY_STALL, &sample));
}

TEST(hello_is_a_json_object_on_any_linux) {
    static struct json_line line;
    const struct meminfo levels = {.total = 214320, .swap_total = 0};
    EXPECT(hello_encode(&line, &levels, true, 32768));
    EXPECT(json_is_object(line.text, line.length - 1));
    EXPECT(json_string_is(line.text, line.length - 1, "t", "hello"));
    EXPECT_NUMBER(json_read_number(line.text, line.length - 1, "protocol"), 2);
    EXPECT_NUMBER(json_read_number(line.text, line.length - 1, "lowKib"), 32768);
    EXPECT_NUMBER(json_read_number(line.text, line.length - 1, "memTotalKib"), 214320);
    EXPECT_NUMBER(json_read_number(line.text, line.length - 1, "swapTotalKib"), 0);
}

TEST(the_block_size_is_read_as_hexadecimal_bytes) {
    EXPECT_NUMBER(hello_block_kib("8000000"), 131072);
    EXPECT_NUMBER(hello_block_kib("80000000"), 2097152);
    EXPECT_NUMBER(hello_block_kib(""), UNKNOWN);
    EXPECT_NUMBER(hello_block_kib("8x"), UNKNOWN);
    EXPECT_NUMBER(hello_block_kib("ffffffffffffffffffff"), UNKNOWN);
}

static int64_t number_in(const char *line) {
    return json_read_number(line, strlen(line), "n");
}

TEST(a_member_is_found_wherever_it_stands) {
    EXPECT_NUMBER(number_in("{\"n\":5}"), 5);
    EXPECT_NUMBER(number_in(" { \"a\" : [1,{\"n\":2}] , \"b\\\"n\":\"}\" , \"n\" : 7 } "), 7);
    EXPECT_NUMBER(number_in("{\"a\":{\"n\":1},\"b\":true,\"c\":null,\"d\":-1.5e+3,\"n\":0,\"e\":[]}"), 0);
}

TEST(a_member_that_is_no_natural_number_is_unknown) {
    const char *lines[] = {"{\"n\":-1}", "{\"n\":1.5}", "{\"n\":\"5\"}", "{\"n\":true}", "{\"n\":9223372036854775808}", "{\"m\":1}",
                           "{\"x\":{\"n\":1}}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        EXPECT_NUMBER(number_in(lines[i]), UNKNOWN);
}

TEST(what_is_no_whole_object_is_refused) {
    const char *lines[] = {"", "{", "}", "[]", "5", "{\"n\"}", "{\"n\":}", "{\"n\":5", "{\"n\":5}}", "{\"n\":5} x", "{\"n\":5,}",
                           "{n:5}", "{\"n\":\"abc}",
                           "{\"n\":\"a\\", "{\"n\":[1}", "{\"n\" 5}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        EXPECT(!json_is_object(lines[i], strlen(lines[i])));
        EXPECT_NUMBER(number_in(lines[i]), UNKNOWN);
    }
}

TEST(deep_nesting_is_refused_before_the_stack_is_full) {
    static char line[LINE_MAX_BYTES];
    memset(line, '[', sizeof line);
    memcpy(line, "{\"n\":", 5);
    EXPECT(!json_is_object(line, sizeof line));
}

TEST(lines_with_random_damage_do_no_harm) {
    static const char good[] = "{\"t\":\"settings\",\"lowKib\":32768,\"a\":[1,{\"b\":\"c\\\"\"}]}";
    srand(2);
    for (int round = 0; round < 5000; round++) {
        size_t length = (size_t)rand() % sizeof good;
        char *line = malloc(length + 1);
        memcpy(line, good, length);
        for (int i = 0; i < 3 && length > 0; i++)
            line[(size_t)rand() % length] = "{}[]\",:\\a1\n"[rand() % 11];
        json_read_number(line, length, "lowKib");
        json_string_is(line, length, "t", "settings");
        free(line);
    }
}

static int64_t low_after(const char *line) {
    struct pace pace = {0};
    pace_begin(&pace);
    settings_apply(line, strlen(line), &pace);
    return pace.low_kib;
}

TEST(the_host_sets_the_base_of_the_threshold) {
    EXPECT_NUMBER(low_after("{\"t\":\"settings\",\"lowKib\":32768}"), 32768);
    EXPECT_NUMBER(low_after("{\"t\":\"settings\",\"lowKib\":1}"), LOW_KIB_MIN);
}

TEST(other_lines_from_the_host_are_dropped) {
    EXPECT_NUMBER(low_after("{\"t\":\"other\",\"lowKib\":32768}"), LOW_KIB_DEFAULT);
    EXPECT_NUMBER(low_after("{\"t\":\"settings\",\"lowKib\":\"32768\"}"), LOW_KIB_DEFAULT);
    EXPECT_NUMBER(low_after("garbage"), LOW_KIB_DEFAULT);
}

static enum host_line kind_of(const char *line) {
    return host_line_kind(line, strlen(line));
}

TEST(what_the_host_asks_is_told_apart) {
    EXPECT_NUMBER(kind_of("{\"t\":\"ask\",\"what\":\"sample\"}"), HOST_LINE_ASK_SAMPLE);
    EXPECT_NUMBER(kind_of("{\"t\":\"ask\",\"what\":\"hello\"}"), HOST_LINE_ASK_HELLO);
    EXPECT_NUMBER(kind_of("{\"t\":\"settings\"}"), HOST_LINE_SETTINGS);
    EXPECT_NUMBER(kind_of("{\"t\":\"ask\",\"what\":\"the moon\"}"), HOST_LINE_OTHER);
    EXPECT_NUMBER(kind_of("{\"t\":\"ask\"}"), HOST_LINE_OTHER);
    EXPECT_NUMBER(kind_of("\n"), HOST_LINE_OTHER);
}

int main(void) {
    an_object_is_one_line();
    what_is_unknown_is_left_out();
    quotes_are_escaped_and_strange_bytes_replaced();
    a_line_holds_4096_bytes_and_not_one_more();
    a_sample_names_all_that_the_protocol_promises();
    the_largest_numbers_fit_into_a_sample();
    hello_is_a_json_object_on_any_linux();
    the_block_size_is_read_as_hexadecimal_bytes();
    a_member_is_found_wherever_it_stands();
    a_member_that_is_no_natural_number_is_unknown();
    what_is_no_whole_object_is_refused();
    deep_nesting_is_refused_before_the_stack_is_full();
    lines_with_random_damage_do_no_harm();
    the_host_sets_the_base_of_the_threshold();
    other_lines_from_the_host_are_dropped();
    what_the_host_asks_is_told_apart();
    return tap_end();
}
