/* Headers of archives: what is accepted leads nowhere outside, and is written and read again as the same. */
#include <stdint.h>
#include <string.h>

#include "base/must.h"
#include "base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tar_entry *e)
{
    must(e->name[0] && e->name[0] != '/' && !strstr(e->name, "//"));
    must(strcmp(e->name, "..") != 0 && strncmp(e->name, "../", 3) != 0 && !strstr(e->name, "/../"));
    must(!e->directory || e->size == 0);
    struct buf out = BUF_INIT(4096);
    struct tar_entry again;
    struct err err = {0};
    bool end;
    if (tar_put_header(&out, e) == 0) {
        must(out.len == TAR_BLOCK);
        must(tar_parse_header((const unsigned char *)out.data, &again, &end, &err) == 0 && !end);
        must(strcmp(again.name, e->name) == 0 && again.size == e->size && again.mode == e->mode);
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char block[TAR_BLOCK] = {0};
    struct tar_entry e = {0};
    struct err err = {0};
    bool end;
    memcpy(block, data, size < sizeof(block) ? size : sizeof(block));
    unsigned sum = 0; /* a right checksum lets the rest be reached */
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof(block); i++)
        sum += block[i];
    for (int i = 5; i >= 0; i--, sum >>= 3)
        block[148 + i] = (unsigned char)('0' + (sum & 7));
    if (tar_parse_header(block, &e, &end, &err) == 0 && !end)
        check(&e);
    must(err.code == ERR_OK || err.msg[0]);
    return 0;
}
