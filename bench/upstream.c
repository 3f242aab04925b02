/* An upstream at memory speed, so that what is measured is the proxy in front of it and not the thing behind it.

   upstream PORT      on 127.0.0.1, one thread, until killed or until its parent ends

   POST                                a chat completion of 430 bytes
   POST with "stream": true            100 SSE events, then [DONE]; each is one send() and one chunk of the body, none is
                                       held back (TCP_NODELAY); a usage event before [DONE] if "include_usage": true
   the same, with [paced] in the text  one event every 2 ms (to the millisecond), as from a model
   GET …/models                        a list with one model; any other GET: 404 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 100, ROOM = 1 << 18, SOCKETS = 1024, GAP_MS = 2, LONGEST_STREAM_REQUEST = 4096 };

typedef struct { char bytes[768]; size_t length; } Piece;
/* `due`, in milliseconds, is 0 but for a paced stream under way, whose next event is `next`. */
typedef struct { char *in; size_t have; int next, usage; long due; } Connection;

static Connection connections[SOCKETS];
static int paced_now;
static Piece completion, models, not_found, head, events[EVENTS], usage, done;

static void whole(Piece *p, const char *status, const char *body) {
    p->length = sprintf(p->bytes, "HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n%s",
                        status, strlen(body), body);
}

static void event(Piece *p, const char *data, const char *after) {
    p->length = sprintf(p->bytes, "%zx\r\ndata: %s\n\n\r\n%s", strlen(data) + 8, data, after);
}

static void chunk(Piece *p, const char *choices, const char *more) {
    char data[512];
    sprintf(data, "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
                  "\"model\":\"bench\",\"choices\":[%s]%s}", choices, more);
    event(p, data, "");
}

static void prepare(void) {
    whole(&completion, "200 OK",
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\",\"choices\":"
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"The points are set for the second track, the signal "
        "shows green, and the express passes the box at 14:05 without slowing down; the goods train waits in the loop "
        "until it has gone.\"},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":44,\"total_tokens\":104}}");
    whole(&models, "200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\",\"owned_by\":\"bench\"}]}");
    whole(&not_found, "404 Not Found", "{\"error\":{\"message\":\"no such path\",\"type\":\"invalid_request_error\"}}");
    head.length = sprintf(head.bytes,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n");
    chunk(&events[0], "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}", "");
    for (int i = 1; i < EVENTS - 1; i++) {
        char choice[128];
        sprintf(choice, "{\"index\":0,\"delta\":{\"content\":\" %d\"},\"finish_reason\":null}", i);
        chunk(&events[i], choice, "");
    }
    chunk(&events[EVENTS - 1], "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}", "");
    chunk(&usage, "", ",\"usage\":{\"prompt_tokens\":60,\"completion_tokens\":98,\"total_tokens\":158}");
    event(&done, "[DONE]", "0\r\n\r\n");
}

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* All of it, or 0. A peer that is slow to read is waited for: no answer here is larger than a socket's buffer. */
static int put(int fd, const Piece *p) {
    for (size_t sent = 0; sent < p->length;) {
        ssize_t n = send(fd, p->bytes + sent, p->length - sent, MSG_NOSIGNAL);
        if (n > 0)
            sent += n;
        else if (errno != EAGAIN || poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 1000) != 1)
            return 0;
    }
    return 1;
}

static int says(const char *body, const char *key) {
    const char *at = strstr(body, key);
    return at && (!strncmp(at + strlen(key), "true", 4) || !strncmp(at + strlen(key), " true", 5));
}

/* The answer to one whole request, which ends in NUL; 0 when the connection is broken. */
static int answer(int fd, const char *request, const char *body, size_t length) {
    Connection *c = &connections[fd];
    if (!strncmp(request, "GET ", 4))
        return put(fd, strstr(request, "/models HTTP") ? &models : &not_found);
    /* Only short requests ask for streams here: searching 44 kB would make this program the slow part. */
    if (length > LONGEST_STREAM_REQUEST || !says(body, "\"stream\":"))
        return put(fd, &completion);
    c->usage = says(body, "\"include_usage\":");
    int fine = put(fd, &head);
    if (fine && strstr(body, "[paced]")) {
        paced_now += !c->due;
        c->next = 0;
        c->due = now_ms() + GAP_MS;
        return 1;
    }
    for (int i = 0; fine && i < EVENTS; i++)
        fine = put(fd, &events[i]);
    return fine && (!c->usage || put(fd, &usage)) && put(fd, &done);
}

static void hang_up(int fd) {
    paced_now -= connections[fd].due != 0;
    free(connections[fd].in);
    memset(&connections[fd], 0, sizeof(Connection));
    close(fd);
}

static void receive(int fd) {
    Connection *c = &connections[fd];
    ssize_t n = recv(fd, c->in + c->have, ROOM - c->have, 0);
    if (n <= 0) {
        hang_up(fd);
        return;
    }
    c->have += n;
    c->in[c->have] = 0;
    for (char *end; (end = strstr(c->in, "\r\n\r\n"));) {
        *end = 0;
        char *field = strcasestr(c->in, "\r\ncontent-length:");
        *end = '\r';
        size_t length = field ? strtoul(field + 17, NULL, 10) : 0, all = end + 4 - c->in + length;
        if (c->have < all)
            return;
        char next = c->in[all];
        c->in[all] = 0;
        if (!answer(fd, c->in, end + 4, length)) {
            hang_up(fd);
            return;
        }
        c->in[all] = next;
        c->have -= all;
        memmove(c->in, c->in + all, c->have + 1);
    }
}

static void send_due_events(void) {
    long now = now_ms();
    for (int fd = 0; fd < SOCKETS; fd++) {
        Connection *c = &connections[fd];
        if (!c->due || c->due > now)
            continue;
        int last = c->next == EVENTS;
        int fine = last ? (!c->usage || put(fd, &usage)) && put(fd, &done) : put(fd, &events[c->next++]);
        c->due = last ? 0 : c->due + GAP_MS;
        paced_now -= last;
        if (!fine)
            hang_up(fd);
    }
}

int main(int argc, char **argv) {
    int on = 1, fd, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), loop = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ready[64], watch = {.events = EPOLLIN, .data.fd = listener};
    address.sin_port = htons(argc > 1 ? atoi(argv[1]) : 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) {
        perror("upstream");
        return 1;
    }
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &watch);
    prepare();
    for (;;) {
        int count = epoll_wait(loop, ready, 64, paced_now ? 1 : -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd != listener) {
                receive(ready[i].data.fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= SOCKETS) {
                    close(fd);
                    continue;
                }
                connections[fd].in = malloc(ROOM + 1);
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                watch.data.fd = fd;
                epoll_ctl(loop, EPOLL_CTL_ADD, fd, &watch);
            }
        }
        if (paced_now)
            send_due_events();
    }
}
