/* A unit's environment file, which its users write. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "proc/environ.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *arg, const char *name, const char *value)
{
    size_t *bytes = arg;
    must(environ_name_ok(name, strlen(name)));
    *bytes += strlen(name) + 1 + strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t bytes = 0;
    struct err err = {0};
    if (environ_parse((const char *)data, size, count, &bytes, &err) == 0) {
        must(bytes <= size); /* nothing is made of nothing */
        return 0;
    }
    must(err.code == ERR_MALFORMED && err.at_line > 0 && err.at_column > 0);
    must((size_t)err.at_line <= size + 1 && (size_t)err.at_column <= size + 1);
    return 0;
}
