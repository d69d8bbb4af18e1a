// Tests of the pace, with possible courses of a guest's MemAvailable.
#include "fields.h"
#include "pace.h"
#include "tap.h"

#define MIB (INT64_C(1024))

static struct pace pace;
static int64_t now_ms;
static int sent, lows, stalls;

static void begin(void) {
    memset(&pace, 0, sizeof pace);
    pace_begin(&pace);
    now_ms = 1000;
    sent = lows = stalls = 0;
}

static struct verdict look_at(struct levels levels, bool stalled) {
    struct verdict verdict = pace_look(&pace, now_ms, levels, stalled);
    EXPECT(verdict.next_look_ms > 0 && verdict.next_look_ms <= CALM_SAMPLE_MS);
    sent += verdict.send;
    lows += verdict.send && verdict.why == WHY_LOW;
    stalls += verdict.send && verdict.why == WHY_STALL;
    return verdict;
}

static struct verdict look(int64_t total_kib, int64_t available_kib) {
    return look_at((struct levels){total_kib, available_kib, 0}, false);
}

// Looks whenever the pace asks for it, while `available` moves in a line from one level to the other.
static void run(int64_t total_kib, int64_t from_kib, int64_t to_kib, int64_t duration_ms) {
    int64_t start = now_ms;
    while (now_ms < start + duration_ms)
        now_ms += look(total_kib, from_kib + (to_kib - from_kib) * (now_ms - start) / duration_ms).next_look_ms;
}

TEST(a_calm_guest_is_sampled_once_a_second) {
    begin();
    run(1024 * MIB, 500 * MIB, 500 * MIB, 10000);
    EXPECT_NUMBER(sent, 10);
    EXPECT_NUMBER(lows, 0);
}

TEST(the_first_look_is_a_sample) {
    begin();
    EXPECT(look(1024 * MIB, 500 * MIB).send);
}

TEST(a_guest_with_little_memory_is_sampled_ten_times_a_second) {
    begin();
    run(1024 * MIB, 40 * MIB, 40 * MIB, 2000);
    EXPECT(sent >= 19 && sent <= 21);
    EXPECT_NUMBER(lows, 1);
}

TEST(a_falling_guest_is_sampled_ten_times_a_second_before_it_is_low) {
    begin();
    run(1024 * MIB, 500 * MIB, 500 * MIB, 1000);
    sent = 0;
    run(1024 * MIB, 500 * MIB, 400 * MIB, 2000);
    EXPECT(sent >= 17);
    EXPECT_NUMBER(lows, 0);
}

TEST(the_threshold_grows_with_the_rate_of_the_fall) {
    EXPECT_NUMBER(pace_threshold(64 * MIB, 1024 * MIB, 0), 64 * MIB);
    EXPECT_NUMBER(pace_threshold(64 * MIB, 1024 * MIB, 100 * MIB), 134 * MIB);
}

TEST(the_threshold_has_bounds) {
    EXPECT_NUMBER(pace_threshold(64 * MIB, 128 * MIB, 0), 32 * MIB);
    EXPECT_NUMBER(pace_threshold(64 * MIB, 256 * MIB, 1000 * MIB), 128 * MIB);
    EXPECT_NUMBER(pace_threshold(64 * MIB, 0, 0), 0);
}

TEST(a_burst_is_told_before_it_reaches_the_base) {
    begin();
    run(1024 * MIB, 500 * MIB, 500 * MIB, 1000);
    int64_t available = 500 * MIB;
    while (lows == 0 && available > 0) {
        int next = look(1024 * MIB, available).next_look_ms;
        now_ms += next;
        available -= 100 * MIB * next / 1000;
    }
    EXPECT(available > 110 * MIB);
}

TEST(low_is_said_once_a_crossing) {
    begin();
    run(1024 * MIB, 100 * MIB, 100 * MIB, 5000);
    lows = 0;
    run(1024 * MIB, 60 * MIB, 60 * MIB, 5000);
    EXPECT_NUMBER(lows, 1);
}

TEST(hovering_at_the_threshold_is_one_crossing) {
    begin();
    for (int i = 0; i < 100; i++, now_ms += 1000)
        look(1024 * MIB, 64 * MIB + (i % 2 ? 200 : -200));
    EXPECT_NUMBER(lows, 1);
}

TEST(low_is_said_anew_after_a_recovery) {
    begin();
    run(1024 * MIB, 60 * MIB, 60 * MIB, 1000);
    run(1024 * MIB, 300 * MIB, 300 * MIB, 5000);
    run(1024 * MIB, 60 * MIB, 60 * MIB, 1000);
    EXPECT_NUMBER(lows, 2);
}

TEST(low_is_said_again_at_each_step_further_down) {
    begin();
    for (int64_t available = 63 * MIB; available >= 0; available -= MIB / 4, now_ms += 1000)
        look(1024 * MIB, available);
    EXPECT(lows >= 6 && lows <= 12);
}

TEST(a_balloon_of_the_host_is_no_burst) {
    begin();
    look_at((struct levels){1024 * MIB, 500 * MIB, 0}, false);
    now_ms += 200;
    look_at((struct levels){1024 * MIB, 200 * MIB, 300 * MIB}, false); // deflate-on-oom: MemTotal does not change
    EXPECT_NUMBER(pace.rate_kib_s, 0);
    now_ms += 200;
    look_at((struct levels){924 * MIB, 100 * MIB, 400 * MIB}, false); // without deflate-on-oom: MemTotal falls, too
    EXPECT_NUMBER(pace.rate_kib_s, 0);
    EXPECT_NUMBER(lows, 0);
}

TEST(a_plug_is_no_burst_though_its_metadata_takes_memory) {
    begin();
    look(256 * MIB, 197 * MIB);
    now_ms += 200;
    look(768 * MIB, 685 * MIB);
    EXPECT_NUMBER(pace.rate_kib_s, 0);
    EXPECT_NUMBER(lows, 0);
}

TEST(a_resize_is_told_at_the_next_look) {
    begin();
    look(256 * MIB, 197 * MIB);
    now_ms += 200;
    EXPECT(look(384 * MIB, 320 * MIB).send);
    now_ms += 200;
    EXPECT(!look(384 * MIB, 320 * MIB).send);
    now_ms += 200;
    EXPECT(look(256 * MIB, 190 * MIB).send);
}

TEST(much_that_is_freed_is_told_at_the_next_look) {
    begin();
    run(1024 * MIB, 300 * MIB, 300 * MIB, 5100);
    int before = sent;
    run(1024 * MIB, 400 * MIB, 400 * MIB, CALM_LOOK_MS);
    EXPECT_NUMBER(sent, before + 1);
    EXPECT_NUMBER(lows, 0);
    run(1024 * MIB, 400 * MIB, 400 * MIB, 700);
    EXPECT_NUMBER(sent, before + 1);
}

TEST(a_little_that_is_freed_waits_for_its_turn) {
    begin();
    run(1024 * MIB, 300 * MIB, 300 * MIB, 5100);
    int before = sent;
    run(1024 * MIB, 363 * MIB, 363 * MIB, CALM_LOOK_MS);
    EXPECT_NUMBER(sent, before);
}

TEST(a_guest_that_frees_on_and_on_is_sampled_no_more_than_at_each_calm_look) {
    begin();
    run(4096 * MIB, 100 * MIB, 4000 * MIB, 2000);
    EXPECT(sent <= 2000 / CALM_LOOK_MS + 1);
}

TEST(a_stall_is_told_at_once_but_not_more_often_than_tense_samples) {
    const struct levels levels = {1024 * MIB, 500 * MIB, 0};
    begin();
    look_at(levels, false);
    now_ms += 150;
    EXPECT(look_at(levels, true).why == WHY_STALL);
    now_ms += 20;
    struct verdict too_soon = look_at(levels, true);
    EXPECT(!too_soon.send);
    EXPECT_NUMBER(stalls, 1);
    now_ms += too_soon.next_look_ms;
    EXPECT(look_at(levels, false).why == WHY_STALL);
    now_ms += 100;
    EXPECT(!look_at(levels, false).send);
}

TEST(low_goes_before_stall) {
    begin();
    look_at((struct levels){1024 * MIB, 500 * MIB, 0}, false);
    now_ms += 200;
    EXPECT(look_at((struct levels){1024 * MIB, 20 * MIB, 0}, true).why == WHY_LOW);
}

TEST(two_looks_in_the_same_moment_measure_no_rate) {
    begin();
    look(1024 * MIB, 500 * MIB);
    look(1024 * MIB, 499 * MIB);
    EXPECT_NUMBER(pace.rate_kib_s, 0);
}

TEST(a_rate_fades_when_the_fall_ends) {
    begin();
    run(4096 * MIB, 3000 * MIB, 2000 * MIB, 1000);
    EXPECT(pace.rate_kib_s > 500 * MIB);
    run(4096 * MIB, 2000 * MIB, 2000 * MIB, 4000);
    EXPECT(pace.rate_kib_s < 2 * MIB);
}

TEST(without_levels_the_clock_alone_decides) {
    begin();
    for (int i = 0; i < 50; i++)
        now_ms += look_at((struct levels){UNKNOWN, UNKNOWN, 0}, false).next_look_ms;
    EXPECT(sent >= 10);
    EXPECT_NUMBER(lows, 0);
}

TEST(the_largest_levels_do_not_overflow) {
    begin();
    look(INT64_MAX / 4, INT64_MAX / 4);
    now_ms += 100;
    look(INT64_MAX / 4, 0);
    EXPECT_NUMBER(lows, 1);
}

TEST(the_hosts_setting_survives_a_new_reader) {
    begin();
    pace_set_low(&pace, 32 * MIB);
    pace_begin(&pace);
    EXPECT_NUMBER(pace.low_kib, 32 * MIB);
}

TEST(a_sample_that_is_asked_for_comes_at_once) {
    begin();
    look(1024 * MIB, 500 * MIB);
    now_ms += 60;
    pace_ask(&pace);
    EXPECT(look(1024 * MIB, 500 * MIB).send);
    now_ms += 60;
    EXPECT(!look(1024 * MIB, 500 * MIB).send);
}

TEST(many_questions_get_one_answer_each_50_ms) {
    begin();
    look(1024 * MIB, 500 * MIB);
    for (int64_t end = now_ms + 1000; now_ms < end;) {
        pace_ask(&pace);
        struct verdict verdict = look(1024 * MIB, 500 * MIB);
        EXPECT(verdict.send || verdict.next_look_ms <= ASKED_SAMPLE_MS);
        now_ms += 5;
    }
    EXPECT(sent >= 20 && sent <= 21);
}

TEST(a_question_does_not_hide_a_burst) {
    begin();
    run(4096 * MIB, 3000 * MIB, 2500 * MIB, 500);
    int64_t rate = pace.rate_kib_s;
    pace_ask(&pace);
    now_ms += 5;
    look(4096 * MIB, 2495 * MIB);
    EXPECT(rate > 500 * MIB && pace.rate_kib_s == rate);
}

int main(void) {
    a_calm_guest_is_sampled_once_a_second();
    the_first_look_is_a_sample();
    a_guest_with_little_memory_is_sampled_ten_times_a_second();
    a_falling_guest_is_sampled_ten_times_a_second_before_it_is_low();
    the_threshold_grows_with_the_rate_of_the_fall();
    the_threshold_has_bounds();
    a_burst_is_told_before_it_reaches_the_base();
    low_is_said_once_a_crossing();
    hovering_at_the_threshold_is_one_crossing();
    low_is_said_anew_after_a_recovery();
    low_is_said_again_at_each_step_further_down();
    a_balloon_of_the_host_is_no_burst();
    a_plug_is_no_burst_though_its_metadata_takes_memory();
    a_resize_is_told_at_the_next_look();
    much_that_is_freed_is_told_at_the_next_look();
    a_little_that_is_freed_waits_for_its_turn();
    a_guest_that_frees_on_and_on_is_sampled_no_more_than_at_each_calm_look();
    a_stall_is_told_at_once_but_not_more_often_than_tense_samples();
    low_goes_before_stall();
    two_looks_in_the_same_moment_measure_no_rate();
    a_rate_fades_when_the_fall_ends();
    a_sample_that_is_asked_for_comes_at_once();
    many_questions_get_one_answer_each_50_ms();
    a_question_does_not_hide_a_burst();
    without_levels_the_clock_alone_decides();
    the_largest_levels_do_not_overflow();
    the_hosts_setting_survives_a_new_reader();
    return tap_end();
}
