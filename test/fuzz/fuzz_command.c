/* command_check on any packet: what it lets through has a known type and texts that end; the rest is untouched. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "ipc/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command out;
    memset(&out, 0xa5, sizeof(out));
    switch (command_check(data, size, &out)) {
    case COMMAND_IS_GOOD:
        must(size == sizeof(out) && memcmp(&out, data, size) == 0);
        must(out.version == COMMAND_VERSION && out.type <= COMMAND_UPGRADE);
        must(strlen(out.unit) <= COMMAND_UNIT_MAX && strlen(out.text) <= COMMAND_TEXT_MAX);
        break;
    case COMMAND_IS_FOREIGN:
        must(out.version != COMMAND_VERSION && !*out.unit && !*out.text);
        break;
    case COMMAND_IS_NONSENSE:
        must(out.type == 0xa5a5a5a5u);
        break;
    }
    return 0;
}
