/*
 * The floor: what the same WebSocket echo costs a C program that does nothing else.
 *
 * One connection, epoll_wait, read, write; frames are masked by hand. With a CA the bytes go
 * through OpenSSL on the same descriptor. Nothing here is a library: no states, no limits, no
 * timers, no second connection.
 *
 *   floor HOST PORT CA|- IN_FLIGHT PAYLOAD WARM_UP OPS READ_AHEAD
 *
 * READ_AHEAD 0 is OpenSSL as it comes, two reads for a record; 1 is SSL_set_read_ahead.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#define BUFFER (64 * 1024)

static int fd, poll_fd;
static SSL *ssl;
static uint32_t seed = 2463534242u;

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void await(void)
{
    struct epoll_event event;
    while (epoll_wait(poll_fd, &event, 1, -1) < 1)
        if (errno != EINTR)
            die("epoll_wait");
}

/* What there is now; 0 when that is nothing. */
static size_t take(uint8_t *into, size_t room)
{
    if (ssl) {
        int got = SSL_read(ssl, into, (int)room);
        if (got > 0)
            return (size_t)got;
        if (SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ)
            return 0;
        die("SSL_read");
    }
    ssize_t got = read(fd, into, room);
    if (got > 0)
        return (size_t)got;
    if (got < 0 && errno == EAGAIN)
        return 0;
    die("read");
    return 0;
}

static void give(const uint8_t *from, size_t len)
{
    while (len > 0) {
        ssize_t put = ssl ? SSL_write(ssl, from, (int)len) : send(fd, from, len, MSG_NOSIGNAL);
        if (put > 0) {
            from += put;
            len -= (size_t)put;
        } else if (ssl ? SSL_get_error(ssl, (int)put) != SSL_ERROR_WANT_WRITE : errno != EAGAIN) {
            die("write");
        }
    }
}

/* Appends one masked binary frame. */
static size_t frame(uint8_t *out, const uint8_t *payload, size_t len)
{
    uint8_t *start = out;
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    *out++ = 0x82;
    if (len < 126) {
        *out++ = (uint8_t)(0x80 | len);
    } else {
        *out++ = 0x80 | 126;
        *out++ = (uint8_t)(len >> 8);
        *out++ = (uint8_t)len;
    }
    const uint8_t *mask = memcpy(out, &seed, 4);
    out += 4;
    for (size_t i = 0; i < len; i++)
        out[i] = payload[i] ^ mask[i & 3];
    return (size_t)(out + len - start);
}

/* The length of the frame at the front, header and all; 0 when it is not whole. */
static size_t whole(const uint8_t *in, size_t len)
{
    if (len < 2)
        return 0;
    size_t head = 2, body = in[1] & 0x7f;
    if (body == 126) {
        if (len < 4)
            return 0;
        head = 4;
        body = (size_t)in[2] << 8 | in[3];
    }
    return len < head + body ? 0 : head + body;
}

static void dial(const char *host, int port, const char *ca, int ahead)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int on = 1;
    inet_pton(AF_INET, host, &to.sin_addr);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (strcmp(ca, "-") != 0) {
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
            die("CA");
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        ssl = SSL_new(context);
        SSL_set1_host(ssl, "localhost");
        SSL_set_tlsext_host_name(ssl, "localhost");
        SSL_set_fd(ssl, fd);
        SSL_set_read_ahead(ssl, ahead);
        if (SSL_connect(ssl) != 1)
            die("SSL_connect");
    }
    const char *ask = "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                      "Sec-WebSocket-Version: 13\r\n\r\n";
    give((const uint8_t *)ask, strlen(ask));
    char answer[1024];
    size_t have = 0;
    while (!memmem(answer, have, "\r\n\r\n", 4)) {
        if (have == sizeof answer)
            die("handshake");
        have += take((uint8_t *)answer + have, sizeof answer - have);
    }
    if (memcmp(answer, "HTTP/1.1 101", 12) != 0)
        die("handshake");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN };
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "floor HOST PORT CA|- IN_FLIGHT PAYLOAD WARM_UP OPS READ_AHEAD\n");
        return 2;
    }
    dial(argv[1], atoi(argv[2]), argv[3], atoi(argv[8]));
    size_t in_flight = strtoul(argv[4], NULL, 10), len = strtoul(argv[5], NULL, 10);
    uint64_t warm = strtoull(argv[6], NULL, 10), total = warm + strtoull(argv[7], NULL, 10);
    static uint8_t in[BUFFER], out[BUFFER], payload[16384];
    memset(payload, 'x', sizeof payload);
    size_t queued = 0, have = 0;
    uint64_t sent = 0, done = 0, cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), wall = now_ns(CLOCK_MONOTONIC);
    for (; sent < in_flight; sent++)
        queued += frame(out + queued, payload, len);
    give(out, queued);
    while (done < total) {
        await();
        for (int dry = 0; !dry;) {
            size_t got = take(in + have, BUFFER - have), at = 0, one;
            /* The poll is level-triggered; only what OpenSSL holds back needs another turn. */
            dry = got == 0 || !ssl || !SSL_has_pending(ssl);
            have += got;
            queued = 0;
            while ((one = whole(in + at, have - at)) != 0) {
                at += one;
                done++;
                if (done == warm) {
                    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
                    wall = now_ns(CLOCK_MONOTONIC);
                }
                if (sent < total) {
                    sent++;
                    queued += frame(out + queued, payload, len);
                }
            }
            memmove(in, in + at, have - at);
            have -= at;
            give(out, queued);
        }
    }
    printf("ops=%llu cpu_ns=%llu wall_ns=%llu\n", (unsigned long long)(total - warm),
           (unsigned long long)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu),
           (unsigned long long)(now_ns(CLOCK_MONOTONIC) - wall));
    return 0;
}
