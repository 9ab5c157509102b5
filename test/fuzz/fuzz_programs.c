/* data/run/programs from anywhere (the warden has more rights than the core that writes it): what process_read accepts has
 * ids that are safe as file names, and reads back the same. The input is also divided into words. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/process_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_words(struct arena *a, const char *text)
{
    const struct str_list *words = process_words(text, a, NULL);
    size_t total = 0;
    for (size_t i = 0; words != NULL && i < words->n; i++)
        total += strlen(words->at[i]);
    must(total <= strlen(text));
}

static void check_units(struct arena *a, const struct process_unit *units, uint32_t n)
{
    struct buf first = BUF_INIT(64 << 20), second = BUF_INIT(64 << 20);
    uint64_t generation = 0;
    uint32_t again = 0;
    for (uint32_t i = 0; i < n; i++) {
        must(process_id_fault(units[i].config->id) == NULL);
        must(strchr(units[i].config->id, '/') == NULL && units[i].config->command.n > 0);
    }
    process_write(units, n, 1, &first);
    const struct process_unit *back =
        process_read(first.data, first.len, a, &again, &generation, NULL);
    must(back != NULL && again == n && generation == 1);
    process_write(back, again, 1, &second);
    must(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    uint64_t generation = 0;
    uint32_t n = 0;
    char *text = arena_strndup(a, size > 0 ? (const char *)data : "", size);
    check_words(a, text);
    const struct process_unit *units = process_read(text, size, a, &n, &generation, NULL);
    if (units != NULL)
        check_units(a, units, n);
    arena_free(a);
    return 0;
}
