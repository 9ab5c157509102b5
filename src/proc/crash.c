/* The dying side of crash reports (crash.h): signal handlers of core and watchers. In the handlers only
 * async-signal-safe calls, and backtrace(), which is loaded beforehand.
 *
 *     first thread to crash ──▶ writes the raw file ──▶ dies of the same signal
 *     a crash inside that   ──▶ dies at once
 *     another thread        ──▶ waits for the end */
#include "proc/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAVE_BACKTRACE 1
#endif

#include "base/must.h"
#include "proc/crash_priv.h"

#define STACK_SIZE ((size_t)64 << 10)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

/* A signal handler has nothing else to start from. Written by crash_install, before any crash. */
static struct {
    int fd; /* 0: not installed */
    atomic_int busy;
    pthread_t owner;
} state;

struct out {
    size_t n;
    char text[1024];
};

static void flush(struct out *o)
{
    for (size_t at = 0; at < o->n;) {
        ssize_t wrote = write(state.fd, o->text + at, o->n - at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            break;
        at += (size_t)wrote;
    }
    o->n = 0;
}

static void put(struct out *o, const char *s)
{
    for (; *s; s++) {
        if (o->n == sizeof(o->text))
            flush(o);
        o->text[o->n++] = *s;
    }
}

static void put_number(struct out *o, uint64_t v, unsigned base)
{
    char digits[24];
    char *p = digits + sizeof(digits) - 1;
    *p = '\0';
    do {
        *--p = "0123456789abcdef"[v % base];
        v /= base;
    } while (v > 0);
    put(o, p);
}

static uint64_t program_counter(const void *context)
{
    const ucontext_t *uc = context;
#if defined(__linux__) && defined(__x86_64__)
    return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__linux__) && defined(__aarch64__)
    return uc->uc_mcontext.pc;
#else
    (void)uc;
    return 0;
#endif
}

static void put_frames(struct out *o)
{
#ifdef HAVE_BACKTRACE
    void *frames[CRASH_FRAMES];
    int n = backtrace(frames, CRASH_FRAMES);
    for (int i = 0; i < n; i++) {
        put(o, "frame ");
        put_number(o, (uintptr_t)frames[i], 16);
        put(o, "\n");
    }
#else
    (void)o;
#endif
}

static void put_maps(struct out *o)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    put(o, "maps\n");
    flush(o);
    size_t total = 0;
    ssize_t n;
    while (total < CRASH_RAW_MAX / 2 && (n = read(fd, o->text, sizeof(o->text))) > 0) {
        o->n = (size_t)n;
        total += o->n;
        flush(o);
    }
    close(fd);
}

static void write_raw(int signo, const siginfo_t *info, const void *context)
{
    struct out o = {.n = 0};
    put(&o, "belfry-crash 1\nsignal ");
    put_number(&o, (uint64_t)signo, 10);
    put(&o, " code ");
    put_number(&o, (uint64_t)(info->si_code < 0 ? 0 : info->si_code), 10);
    put(&o, " address ");
    put_number(&o, signo == SIGABRT ? 0 : (uintptr_t)info->si_addr, 16);
    put(&o, " pc ");
    put_number(&o, program_counter(context), 16);
    if (must_message()[0]) {
        put(&o, "\nmust ");
        put(&o, must_message());
    }
    put(&o, "\n");
    flush(&o); /* from here on it may go wrong */
    put_frames(&o);
    flush(&o);
    put_maps(&o);
    flush(&o);
}

static void on_crash(int signo, siginfo_t *info, void *context)
{
    if (atomic_exchange(&state.busy, 1) == 0) {
        state.owner = pthread_self();
        signal(SIGALRM, SIG_DFL);
        alarm(5); /* should backtrace() wait for a lock that the crash left taken */
        write_raw(signo, info, context);
    } else if (!pthread_equal(state.owner, pthread_self())) {
        for (;;)
            pause();
    }
    signal(signo, SIG_DFL);
    raise(signo); /* at once: SA_NODEFER */
}

/* Sanitizers give threads a stack of their own kind, which is not ours to keep or free. */
static bool has_own_stack(stack_t *ss)
{
    return sigaltstack(NULL, ss) == 0 && !(ss->ss_flags & SS_DISABLE) && ss->ss_size == STACK_SIZE;
}

void crash_thread(void)
{
    stack_t old;
    if (has_own_stack(&old))
        return;
    void *stack =
        mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return; /* only a stack overflow of this thread goes without a report */
    stack_t ss = {.ss_sp = stack, .ss_size = STACK_SIZE};
    sigaltstack(&ss, NULL);
}

void crash_thread_end(void)
{
    stack_t old;
    if (!has_own_stack(&old))
        return;
    sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    munmap(old.ss_sp, old.ss_size);
}

static void install_handlers(void)
{
    static const int signals[] = {
        SIGABRT,
#ifndef SANITIZED
        SIGSEGV, SIGBUS, SIGILL, SIGFPE,
#endif
    };
    struct sigaction sa = {.sa_sigaction = on_crash,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < array_len(signals); i++)
        sigaction(signals[i], &sa, NULL);
}

int crash_install(const char *dir, struct err *err)
{
    char path[4096];
    crash__raw_name(path, sizeof(path), dir, (long)getpid());
    unlink(path); /* of a process that had our pid */
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot prepare crash reports: cannot create %s", path);
    must(state.fd == 0);
    state.fd = fd;
#ifdef HAVE_BACKTRACE
    void *frame;
    (void)backtrace(&frame, 1); /* loads the unwinder, which allocates */
#endif
    crash_thread();
    install_handlers();
    return 0;
}

void crash__raw_name(char *out, size_t size, const char *dir, long pid)
{
    snprintf(out, size, "%s/.raw-%ld", dir, pid);
}
