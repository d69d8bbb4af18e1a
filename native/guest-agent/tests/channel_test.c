// Tests of lines through a channel that is full, interrupted, or has a new reader. A pipe replaces the port.
#include "inbox.h"
#include "outbox.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PIPE_BYTES = 4096 }; // the smallest that Linux allows

static struct outbox box;
static int ends[2];

static void open_channel(void) {
    memset(&box, 0, sizeof box);
    EXPECT(pipe2(ends, O_NONBLOCK) == 0);
    EXPECT(fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES) == PIPE_BYTES);
}

static void close_channel(void) {
    close(ends[0]);
    close(ends[1]);
}

static enum outbox_result send_filled(char letter, size_t length) {
    static struct json_line line;
    memset(line.text, letter, length - 1);
    line.text[length - 1] = '\n';
    line.length = length;
    return outbox_send(&box, ends[1], &line);
}

static size_t receive(char *into, size_t size) {
    ssize_t got = read(ends[0], into, size);
    return got > 0 ? (size_t)got : 0;
}

TEST(a_line_goes_out_at_once_where_there_is_room) {
    char got[64];
    open_channel();
    EXPECT_NUMBER(send_filled('a', 10), OUTBOX_SENT);
    EXPECT_NUMBER(receive(got, sizeof got), 10);
    EXPECT(memcmp(got, "aaaaaaaaa\n", 10) == 0);
    close_channel();
}

TEST(a_full_channel_never_blocks_and_keeps_the_newest_whole_line) {
    char got[PIPE_BYTES * 2];
    open_channel();
    EXPECT_NUMBER(send_filled('a', PIPE_BYTES), OUTBOX_SENT);
    EXPECT_NUMBER(send_filled('b', 100), OUTBOX_KEPT);
    EXPECT_NUMBER(send_filled('c', 200), OUTBOX_KEPT);
    EXPECT_NUMBER(receive(got, sizeof got), PIPE_BYTES);
    EXPECT_NUMBER(outbox_flush(&box, ends[1]), OUTBOX_SENT);
    EXPECT_NUMBER(receive(got, sizeof got), 200);
    EXPECT(got[0] == 'c' && got[199] == '\n');
    close_channel();
}

TEST(the_rest_of_a_line_that_has_begun_goes_out_before_any_newer_line) {
    char got[PIPE_BYTES * 4];
    open_channel();
    // The state after the channel has taken 40 bytes of a line and is full.
    memset(box.begun, 'a', 99);
    box.begun[99] = '\n';
    box.begun_length = 100;
    box.begun_sent = 40;
    static char filler[PIPE_BYTES];
    EXPECT(write(ends[1], filler, sizeof filler) == PIPE_BYTES);
    EXPECT_NUMBER(send_filled('b', 50), OUTBOX_KEPT);
    EXPECT_NUMBER(send_filled('c', 50), OUTBOX_KEPT);
    EXPECT_NUMBER(receive(got, sizeof got), PIPE_BYTES);
    EXPECT_NUMBER(outbox_flush(&box, ends[1]), OUTBOX_SENT);
    EXPECT_NUMBER(receive(got, sizeof got), 110);
    EXPECT(got[0] == 'a' && got[59] == '\n' && got[60] == 'c' && got[109] == '\n');
    close_channel();
}

TEST(a_new_reader_gets_no_tail_of_an_old_line) {
    char got[64];
    open_channel();
    memset(box.begun, 'a', 100);
    box.begun_length = 100;
    box.begun_sent = 40;
    outbox_clear(&box);
    EXPECT_NUMBER(send_filled('b', 5), OUTBOX_SENT);
    EXPECT_NUMBER(receive(got, sizeof got), 5);
    EXPECT(got[0] == 'b');
    close_channel();
}

TEST(lines_of_all_lengths_through_a_slow_reader_are_never_torn) {
    static char stream[1 << 20];
    size_t length = 0, sent = 0, lines = 0;
    open_channel();
    srand(3);
    for (int i = 0; i < 2000; i++) {
        sent += send_filled((char)('a' + i % 26), 2 + (size_t)rand() % 1500) != OUTBOX_GONE;
        if (rand() % 3 == 0)
            length += receive(stream + length, (size_t)rand() % 3000 + 1 < sizeof stream - length ? (size_t)rand() % 3000 + 1 : 0);
    }
    for (size_t got = 1; got > 0;) {
        outbox_flush(&box, ends[1]);
        length += got = receive(stream + length, sizeof stream - length);
    }
    for (size_t at = 0; at < length; lines++) {
        char letter = stream[at];
        while (at < length && stream[at] == letter)
            at++;
        if (letter == '\n' || at == length || stream[at] != '\n') {
            EXPECT(!"a line is torn");
            break;
        }
        at++;
    }
    EXPECT_NUMBER(sent, 2000);
    EXPECT(lines > 100 && lines <= 2000);
    close_channel();
}

TEST(a_channel_that_is_gone_is_told_apart_from_a_full_one) {
    open_channel();
    close(ends[0]);
    EXPECT_NUMBER(send_filled('a', 10), OUTBOX_GONE);
    EXPECT_NUMBER(errno, EPIPE);
    close(ends[1]);
}

static char heard[8][64];
static int heard_count;

static void hear(const char *line, size_t length, void *context) {
    (void)context;
    if (heard_count < 8 && length < sizeof heard[0]) {
        memcpy(heard[heard_count], line, length);
        heard[heard_count][length] = '\0';
    }
    heard_count++;
}

static struct inbox in;

static void feed(const char *text) {
    inbox_feed(&in, text, strlen(text), hear, NULL);
}

TEST(pieces_are_put_together_to_lines) {
    heard_count = 0;
    inbox_clear(&in);
    feed("a");
    feed("b\nc\n\nd");
    EXPECT_NUMBER(heard_count, 3);
    EXPECT(strcmp(heard[0], "ab") == 0 && strcmp(heard[1], "c") == 0 && strcmp(heard[2], "") == 0);
    feed("\n");
    EXPECT(strcmp(heard[3], "d") == 0);
}

TEST(an_overlong_line_is_dropped_whole_and_the_next_is_heard) {
    heard_count = 0;
    inbox_clear(&in);
    for (int i = 0; i < LINE_MAX_BYTES / 4 + 1; i++)
        feed("xxxx");
    feed("x\nnext\n");
    EXPECT_NUMBER(heard_count, 1);
    EXPECT(strcmp(heard[0], "next") == 0);
}

TEST(a_line_of_the_full_length_is_heard) {
    heard_count = 0;
    inbox_clear(&in);
    for (int i = 0; i < LINE_MAX_BYTES / 4; i++)
        feed("xxxx");
    feed("\n");
    EXPECT_NUMBER(heard_count, 1);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    a_line_goes_out_at_once_where_there_is_room();
    a_full_channel_never_blocks_and_keeps_the_newest_whole_line();
    the_rest_of_a_line_that_has_begun_goes_out_before_any_newer_line();
    a_new_reader_gets_no_tail_of_an_old_line();
    lines_of_all_lengths_through_a_slow_reader_are_never_torn();
    a_channel_that_is_gone_is_told_apart_from_a_full_one();
    pieces_are_put_together_to_lines();
    an_overlong_line_is_dropped_whole_and_the_next_is_heard();
    a_line_of_the_full_length_is_heard();
    return tap_end();
}
