// Tests of the parsers of /proc, with real texts (Linux 6.1 in the test guest) and damaged ones.
#include "fields.h"
#include "meminfo.h"
#include "psi.h"
#include "tap.h"
#include "vmstat.h"

#include <stdlib.h>

static const char meminfo_text[] =
    "MemTotal:         222620 kB\nMemFree:          193848 kB\nMemAvailable:     197068 kB\nBuffers:               4 kB\n"
    "Cached:            11020 kB\nSwapCached:            0 kB\nActive:              116 kB\nInactive:           1072 kB\n"
    "Active(anon):        112 kB\nInactive(anon):     1068 kB\nActive(file):          7 kB\nInactive(file):        9 kB\n"
    "SwapTotal:        131068 kB\nSwapFree:         130000 kB\nAnonPages:           220 kB\nMapped:             1584 kB\n"
    "Shmem:              1968 kB\nKReclaimable:       3220 kB\nSlab:               9892 kB\nSReclaimable:       3220 kB\n"
    "SUnreclaim:         6672 kB\nKernelStack:        1248 kB\nPageTables:          124 kB\nPercpu:              468 kB\n"
    "HugePages_Total:       0\nDirectMap4k:       43888 kB\n";

static const char vmstat_text[] = "nr_free_pages 48462\nworkingset_refault_anon 11\nworkingset_refault_file 31\npgmajfault 5\npswpin 6\n"
                                  "pswpout 7\noom_kill 2\nballoon_inflate 32768\nballoon_deflate 1024\n";

static const char psi_text[] = "some avg10=0.00 avg60=1.25 avg300=0.50 total=10123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=2268\n";

TEST(meminfo_of_a_real_guest_is_read) {
    struct meminfo m;
    meminfo_parse(meminfo_text, strlen(meminfo_text), &m);
    EXPECT_NUMBER(m.total, 222620);
    EXPECT_NUMBER(m.free, 193848);
    EXPECT_NUMBER(m.available, 197068);
    EXPECT_NUMBER(m.anon, 220);
    EXPECT_NUMBER(m.active_file, 7);
    EXPECT_NUMBER(m.inactive_file, 9);
    EXPECT_NUMBER(m.shmem, 1968);
    EXPECT_NUMBER(m.swap_total, 131068);
    EXPECT_NUMBER(m.swap_free, 130000);
}

TEST(unreclaimable_memory_is_the_kernels_own) {
    struct meminfo m;
    meminfo_parse(meminfo_text, strlen(meminfo_text), &m);
    EXPECT_NUMBER(m.unreclaimable, 6672 + 1248 + 124 + 468);
}

TEST(an_old_kernel_without_percpu_still_has_an_unreclaimable_sum) {
    static const char text[] = "SUnreclaim: 100 kB\nKernelStack: 10 kB\n";
    struct meminfo m;
    meminfo_parse(text, strlen(text), &m);
    EXPECT_NUMBER(m.unreclaimable, 110);
    EXPECT_NUMBER(m.available, UNKNOWN);
}

TEST(a_name_that_only_begins_alike_is_another) {
    static const char text[] = "MemFreeze: 1 kB\nMemFre: 2 kB\nXMemFree: 3 kB\n";
    struct meminfo m;
    meminfo_parse(text, strlen(text), &m);
    EXPECT_NUMBER(m.free, UNKNOWN);
}

TEST(a_number_cut_at_the_end_of_the_text_is_not_believed) {
    static const char text[] = "MemTotal: 222620 kB\nMemFree: 1938";
    struct meminfo m;
    meminfo_parse(text, strlen(text), &m);
    EXPECT_NUMBER(m.total, 222620);
    EXPECT_NUMBER(m.free, UNKNOWN);
}

TEST(numbers_too_large_or_none_are_unknown) {
    static const char text[] = "MemTotal: 9223372036854775807 kB\nMemFree: 9223372036854775808 kB\n"
                               "MemAvailable: 99999999999999999999999 kB\n"
                               "Shmem: kB\nSwapTotal: -5 kB\nSwapFree:\nAnonPages\n\n:::\n";
    struct meminfo m;
    meminfo_parse(text, strlen(text), &m);
    EXPECT_NUMBER(m.total, INT64_MAX);
    EXPECT_NUMBER(m.free, UNKNOWN);
    EXPECT_NUMBER(m.available, UNKNOWN);
    EXPECT_NUMBER(m.shmem, UNKNOWN);
    EXPECT_NUMBER(m.swap_total, UNKNOWN);
    EXPECT_NUMBER(m.swap_free, UNKNOWN);
    EXPECT_NUMBER(m.anon, UNKNOWN);
}

TEST(a_sum_stops_at_the_largest_number) {
    EXPECT_NUMBER(fields_sum((const int64_t[]){INT64_MAX, 1, UNKNOWN}, 3), INT64_MAX);
    EXPECT_NUMBER(fields_sum((const int64_t[]){UNKNOWN, UNKNOWN}, 2), UNKNOWN);
}

TEST(an_empty_text_leaves_all_unknown) {
    struct meminfo m;
    struct vmstat v;
    struct psi p;
    meminfo_parse("", 0, &m);
    vmstat_parse("", 0, &v);
    psi_parse("", 0, &p);
    EXPECT_NUMBER(m.total, UNKNOWN);
    EXPECT_NUMBER(m.unreclaimable, UNKNOWN);
    EXPECT_NUMBER(v.refaults, UNKNOWN);
    EXPECT_NUMBER(p.full_us, UNKNOWN);
}

TEST(vmstat_counts_refaults_of_both_kinds_together) {
    struct vmstat v;
    vmstat_parse(vmstat_text, strlen(vmstat_text), &v);
    EXPECT_NUMBER(v.refaults, 42);
    EXPECT_NUMBER(v.major_faults, 5);
    EXPECT_NUMBER(v.swap_ins, 6);
    EXPECT_NUMBER(v.swap_outs, 7);
    EXPECT_NUMBER(v.oom_kills, 2);
    EXPECT_NUMBER(v.balloon_inflated - v.balloon_deflated, 31744);
}

TEST(pressure_totals_are_read_for_some_and_full) {
    struct psi p;
    psi_parse(psi_text, strlen(psi_text), &p);
    EXPECT_NUMBER(p.some_us, 10123);
    EXPECT_NUMBER(p.full_us, 2268);
}

TEST(pressure_without_a_full_line_or_total_is_unknown) {
    static const char text[] = "some avg10=0.00\nsomewhat total=5\nful total=3\n";
    struct psi p;
    psi_parse(text, strlen(text), &p);
    EXPECT_NUMBER(p.some_us, UNKNOWN);
    EXPECT_NUMBER(p.full_us, UNKNOWN);
}

// Copies each text to a heap block of its exact length, so that the address sanitizer detects a read of one byte too many.
static void parse_copy(const char *text, size_t length) {
    struct meminfo m;
    struct vmstat v;
    struct psi p;
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    meminfo_parse(copy, length, &m);
    vmstat_parse(copy, length, &v);
    psi_parse(copy, length, &p);
    free(copy);
}

TEST(texts_cut_anywhere_are_never_read_beyond_their_end) {
    const char *texts[] = {meminfo_text, vmstat_text, psi_text};
    for (size_t t = 0; t < 3; t++) {
        for (size_t length = 0; length <= strlen(texts[t]); length++)
            parse_copy(texts[t], length);
    }
}

TEST(texts_with_random_damage_do_no_harm) {
    srand(1);
    for (int round = 0; round < 2000; round++) {
        char text[sizeof meminfo_text];
        memcpy(text, meminfo_text, sizeof text);
        for (int i = 0; i < 20; i++)
            text[(size_t)rand() % sizeof text] = (char)rand();
        parse_copy(text, (size_t)rand() % sizeof text);
    }
}

int main(void) {
    meminfo_of_a_real_guest_is_read();
    unreclaimable_memory_is_the_kernels_own();
    an_old_kernel_without_percpu_still_has_an_unreclaimable_sum();
    a_name_that_only_begins_alike_is_another();
    a_number_cut_at_the_end_of_the_text_is_not_believed();
    numbers_too_large_or_none_are_unknown();
    a_sum_stops_at_the_largest_number();
    an_empty_text_leaves_all_unknown();
    vmstat_counts_refaults_of_both_kinds_together();
    pressure_totals_are_read_for_some_and_full();
    pressure_without_a_full_line_or_total_is_unknown();
    texts_cut_anywhere_are_never_read_beyond_their_end();
    texts_with_random_damage_do_no_harm();
    return tap_end();
}
