/* What a Cassandra says, over any bytes: headers, errors, rows. */
#include <string.h>

#include "probe/cassandra_peers.h"
#include "probe/cql_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const uint8_t *data, size_t size, struct arena *a)
{
    struct cql_rows rows;
    struct cassandra_cluster cl = {.datacenter = "dc1"};
    if (cql_parse_rows(data, size, a, &rows, NULL) != 0)
        return;
    must(rows.n_columns >= 1 && rows.n_columns <= CQL_COLUMNS);
    for (uint32_t i = 0; i < rows.n_rows; i++)
        for (uint32_t k = 0; k < rows.n_columns; k++) {
            struct str cell = cql_cell(&rows, i, k);
            const char *from = (const char *)data;
            must(cell.n == 0 || (cell.p >= from && cell.p + cell.n <= from + size));
        }
    if (cassandra_take_peers(&cl, &rows, 9042, a, NULL) != 0)
        return;
    must(cl.n_peers <= CASSANDRA_PEERS_MAX && cl.n_peers <= rows.n_rows);
    if (cl.n_peers < 100) {
        must(cassandra_schemas(&cl) >= 1);
        must(cassandra_datacenters(&cl) >= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct cql_header h;
    struct cql_error e;
    struct str name;
    if (size >= CQL_HEADER && cql_parse_header(data, &h, NULL) == 0) {
        must(h.length <= CQL_BODY_MAX);
        data += CQL_HEADER;
        size -= CQL_HEADER;
    }
    if (cql_parse_error(data, size, &e, NULL) == 0)
        must(e.message.n <= size);
    if (cql_parse_authenticator(data, size, &name, NULL) == 0)
        must(name.n <= size);
    check_rows(data, size, a);
    arena_free(a);
    return 0;
}
