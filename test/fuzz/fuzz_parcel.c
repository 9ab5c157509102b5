/* Parcels of any content, as they are and with a right check sum: refused, or every record lies inside and the numbers grow. */
#include <stdint.h>

#include "base/map.h"
#include "base/must.h"
#include "ipc/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_parcel(struct str bytes)
{
    struct parcel p;
    struct err err = {0};
    struct str record;
    uint64_t seq, last = 0;
    uint32_t n = 0;
    if (parcel_parse(bytes, &p, &err) < 0) {
        must(err.code == ERR_MALFORMED || err.code == ERR_CONFLICT || err.code == ERR_TOO_LARGE);
        return;
    }
    must(p.ring != 0 && p.software.n <= 64);
    for (; parcel_next(&p, &seq, &record); n++) {
        must(seq > last && record.p >= bytes.p && record.p + record.n <= bytes.p + bytes.n);
        last = seq;
    }
    must(n == p.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(buf_done) struct buf b = BUF_INIT(PARCEL_MAX + 100);
    try_parcel((struct str){(const char *)data, size});
    buf_put_u32(&b, 0x4c435042u);
    buf_put_u32(&b, PARCEL_VERSION);
    buf_put_u32(&b, crc32c(0, data, size));
    buf_add(&b, data, size);
    if (!b.failed)
        try_parcel((struct str){b.data, b.len});
    return 0;
}
