/* The floor under a probe: the bare system calls, one connection after the other, blocking sockets.
 *   floor tcp|http|https HOST PORT COUNT      prints µs of CPU (user + system) of one
 * Stands alone (no code of Belfry), compiled by bench/benchlib.py. https is a full handshake with OpenSSL's
 * defaults, no session, no verification, and no request: what any client on this library must pay. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int dial(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        fail("connect");
    return fd;
}

static void hang_up(int fd)
{
    struct linger l = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    close(fd);
}

static void get(int fd)
{
    static const char ask[] = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char answer[4096];
    if (send(fd, ask, sizeof(ask) - 1, 0) < 0)
        fail("send");
    while (recv(fd, answer, sizeof(answer), 0) > 0)
        ;
}

static void handshake(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, "localhost");
    if (SSL_connect(ssl) != 1) {
        fprintf(stderr, "TLS handshake failed\n");
        exit(1);
    }
    SSL_free(ssl);
}

static double cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: floor tcp|http|https HOST PORT COUNT\n");
        return 2;
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
    if (inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
        fail(argv[2]);
    int count = atoi(argv[4]);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    double begin = cpu_us();
    for (int i = 0; i < count; i++) {
        int fd = dial(&to);
        if (strcmp(argv[1], "http") == 0)
            get(fd);
        else if (strcmp(argv[1], "https") == 0)
            handshake(ctx, fd);
        hang_up(fd);
    }
    printf("%.2f\n", (cpu_us() - begin) / count);
    SSL_CTX_free(ctx);
    return 0;
}
