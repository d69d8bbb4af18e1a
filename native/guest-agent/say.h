// One line to standard error, without the weight of printf in a locked process.
#ifndef DMM_SAY_H
#define DMM_SAY_H

// "PROGRAM: what"
void say(const char *what);

// "PROGRAM: what: the words for errno"
void say_errno(const char *what);

#endif
