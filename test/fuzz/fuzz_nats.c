/* nats_parse_line over any line: what it accepts points into the line and keeps its bounds. */
#include <stdlib.h>
#include <string.h>

#include "probe/nats_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool within(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1); /* exact bounds for the sanitizer */
    struct nats_line line = {0};
    struct err err = {0};
    must(copy != NULL);
    memcpy(copy, data, size);
    struct str text = {copy, size};
    if (nats_parse_line(text, &line, &err) != 0) {
        must(err.code == ERR_PROTOCOL || err.code == ERR_TOO_LARGE);
    } else {
        must(within(line.text, text) && within(line.subject, text));
        must(line.op != NATS_MSG || (line.size <= NATS_PAYLOAD_MAX && line.subject.n > 0));
        must(line.op != NATS_INFO || line.text.n > 0);
    }
    free(copy);
    return 0;
}
