// Tests in C that print TAP (https://testanything.org): one line per test, whose name is a sentence. run-tests.sh counts them.
#ifndef DMM_TAP_H
#define DMM_TAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failures;
static bool tap_passes;

#define TEST(sentence)              \
    static void sentence##_body(void); \
    static void sentence(void) {    \
        tap_passes = true;          \
        sentence##_body();          \
        tap_count++;                \
        tap_failures += !tap_passes; \
        printf("%sok %d - %s\n", tap_passes ? "" : "not ", tap_count, #sentence); \
        fflush(stdout);             \
    }                               \
    static void sentence##_body(void)

// Both print the actual value where it differs from the expected one; the test goes on.
#define EXPECT(condition)                                                       \
    do {                                                                        \
        if (!(condition)) {                                                     \
            tap_passes = false;                                                 \
            printf("# %s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
        }                                                                       \
    } while (0)

#define EXPECT_NUMBER(found, expected)                                                                                \
    do {                                                                                                              \
        long long found_ = (long long)(found), expected_ = (long long)(expected);                                    \
        if (found_ != expected_) {                                                                                    \
            tap_passes = false;                                                                                       \
            printf("# %s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #found, found_, expected_);            \
        }                                                                                                             \
    } while (0)

static inline int tap_end(void) {
    printf("1..%d\n", tap_count);
    return tap_failures > 0;
}

#endif
