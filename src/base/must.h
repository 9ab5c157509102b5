/* Assertions that stay on in release builds, and magic numbers.
 *
 * must() states an invariant of our own; it is never applied to input. A process that breaks one
 * dies with SIGABRT, leaves a crash report, and the warden starts a successor (STYLE.md 25-27). */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#include <stddef.h>

/* Writes "FILE:LINE: FUNC: must(EXPR)" to stderr and aborts. Async-signal-safe. */
_Noreturn void must_fail(const char *expr, const char *file, int line, const char *func);
/* The line must_fail wrote, "" when none did: for the crash report. Async-signal-safe. */
const char *must_message(void);

#define must(cond) \
    (__builtin_expect(!!(cond), 1) ? (void)0 : must_fail(#cond, __FILE__, __LINE__, __func__))

/* Long-lived and callback-reachable structs start with `uint32_t magic`. The number has a name of
 * its own beside the struct. check_magic() is the first line of functions that receive one. */
#define check_magic(p, number) must((p) != NULL && (p)->magic == (number))

#define array_len(a)                    (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define cleanup(fn)                     __attribute__((cleanup(fn)))
#define printf_like(fmt, args)          __attribute__((format(printf, fmt, args)))

#endif
