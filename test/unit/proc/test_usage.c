/* What the machine and a process use (usage.h): against what this process does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/usage.h"

static void *wait_for_end(void *arg)
{
    int *gate = arg;
    char c;
    assert_int_equal(read(gate[0], &c, 1), 0); /* until the other end is closed */
    return NULL;
}

static void of_a_process(void **state)
{
    enum { MORE = 64 << 20 };
    struct process_usage before, now;
    int gate[2];
    pthread_t thread;
    assert_true(process_usage(getpid(), &before));
    assert_true(before.threads >= 1 && before.files >= 3);
    assert_true(before.memory.private_bytes > 0);
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, gate), 0);
    char *memory = malloc(MORE);
    assert_non_null(memory);
    memset(memory, 1, MORE);
    assert_true(process_usage(getpid(), &now));
    assert_int_equal(now.files, before.files + 2);
    assert_int_equal(process_open_files(getpid()), now.files);
    assert_int_equal(now.threads, before.threads + 1);
    assert_true(now.memory.private_bytes >= before.memory.private_bytes + MORE / 2);
    assert_true(now.memory.resident_bytes > now.memory.private_bytes);
    assert_true(now.cpu_ms >= before.cpu_ms);
    close(gate[1]);
    pthread_join(thread, NULL);
    close(gate[0]);
    free(memory);
}

static void of_none(void **state)
{
    struct process_usage u;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(process_usage(pid, &u));
    assert_int_equal(process_memory(pid).resident_bytes, 0);
    assert_int_equal(process_open_files(pid), 0);
}

static void of_the_machine(void **state)
{
    uint64_t busy = 0, all = 0, busy_then = 0, all_then = 0;
    assert_true(machine_cpu(&busy_then, &all_then));
    assert_true(busy_then > 0 && busy_then <= all_then);
    for (int i = 0; i < 1000 && all <= all_then; i++) {
        usleep(10000);
        assert_true(machine_cpu(&busy, &all));
    }
    assert_true(all > all_then && busy >= busy_then);
    double percent = machine_memory_percent();
    assert_true(percent > 0 && percent < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_process),
        cmocka_unit_test(of_none),
        cmocka_unit_test(of_the_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
