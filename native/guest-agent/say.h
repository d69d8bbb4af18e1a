// Writes one line to standard error, without printf and the memory that it would lock.
#ifndef DMM_SAY_H
#define DMM_SAY_H

// "PROGRAM: what"
void say(const char *what);

// "PROGRAM: what: the text of errno"
void say_errno(const char *what);

#endif
