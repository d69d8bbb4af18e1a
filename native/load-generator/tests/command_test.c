// Tests of the load generator's orders, and of its answers to invalid ones.
#include "command.h"
#include "tap.h"

static struct command command;

static const char *parse(const char *line) {
    return command_parse(line, strlen(line), &command);
}

TEST(hold_takes_a_size_and_a_rate) {
    EXPECT(parse("{\"do\":\"hold\",\"kib\":65536,\"kibPerSecond\":102400}") == NULL);
    EXPECT_NUMBER(command.kind, COMMAND_HOLD);
    EXPECT_NUMBER(command.kib, 65536);
    EXPECT_NUMBER(command.kib_per_second, 102400);
}

TEST(hold_without_a_rate_is_as_fast_as_it_can) {
    EXPECT(parse("{\"do\":\"hold\",\"kib\":0}") == NULL);
    EXPECT_NUMBER(command.kib_per_second, 0);
}

TEST(work_is_done_by_one_thread_unless_said) {
    EXPECT(parse("{\"do\":\"work\"}") == NULL);
    EXPECT_NUMBER(command.threads, 1);
    EXPECT(parse("{\"do\":\"work\",\"threads\":8}") == NULL);
    EXPECT_NUMBER(command.threads, 8);
    EXPECT_NUMBER(command.operations_per_second, 0);
    EXPECT(parse("{\"do\":\"work\",\"threads\":2,\"operationsPerSecond\":20000}") == NULL);
    EXPECT_NUMBER(command.operations_per_second, 20000);
}

TEST(free_rest_and_report_need_nothing_more) {
    EXPECT(parse("{\"do\":\"free\"}") == NULL && command.kind == COMMAND_FREE);
    EXPECT(parse("{\"do\":\"rest\"}") == NULL && command.kind == COMMAND_REST);
    EXPECT(parse("{\"do\":\"report\"}") == NULL && command.kind == COMMAND_REPORT);
}

TEST(orders_out_of_bounds_are_answered_with_what_would_be_right) {
    const char *lines[] = {"{\"do\":\"hold\"}", "{\"do\":\"hold\",\"kib\":-1}", "{\"do\":\"hold\",\"kib\":1073741825}",
                           "{\"do\":\"hold\",\"kib\":1,\"kibPerSecond\":-2}", "{\"do\":\"hold\",\"kib\":1,\"kibPerSecond\":\"x\"}",
                           "{\"do\":\"work\",\"threads\":0}", "{\"do\":\"work\",\"threads\":9}",
                           "{\"do\":\"work\",\"operationsPerSecond\":1000000001}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        EXPECT(parse(lines[i]) && strstr(parse(lines[i]), "integer from"));
}

TEST(what_is_no_order_is_refused) {
    const char *lines[] = {"", "hello", "{}", "{\"do\":5}", "{\"do\":\"run\",\"sh\":\"true\"}", "{\"do\":\"free\""};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        EXPECT(parse(lines[i]));
}

int main(void) {
    hold_takes_a_size_and_a_rate();
    hold_without_a_rate_is_as_fast_as_it_can();
    work_is_done_by_one_thread_unless_said();
    free_rest_and_report_need_nothing_more();
    orders_out_of_bounds_are_answered_with_what_would_be_right();
    what_is_no_order_is_refused();
    return tap_end();
}
