/* hostport_parse and addr_parse_ip: what is accepted is well-formed and reads back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "io/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct addr *a)
{
    char text[ADDR_TEXT], host[256];
    uint16_t port = 1;
    struct addr again;
    must(hostport_parse(addr_text(a, text), host, sizeof(host), &port, NULL) == 0);
    must(addr_parse_ip(host, port, &again));
    must(addr_port(&again) == addr_port(a));
    must(memcmp(&again, a, addr_len(a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char host[64] = "";
    uint16_t port = 4711;
    struct err err = {0};
    if (hostport_parse(text, host, sizeof(host), &port, &err) == 0) {
        must(host[0] != '\0' && strlen(host) < sizeof(host) && port != 0);
        must(strpbrk(host, " /@[]\r\n") == NULL);
        struct addr a;
        if (addr_parse_ip(host, port, &a)) {
            round_trip(&a);
        }
    } else {
        must(err.code != ERR_OK && err.msg[0] != '\0' && host[0] == '\0' && port == 4711);
    }
    free(text);
    return 0;
}
