/* What request.c, reply.c and http.c share. */
#ifndef TRANSPORT_HTTP_PRIVATE_H
#define TRANSPORT_HTTP_PRIVATE_H

#include "transport/http/http.h"

/* Where names and values stand in exchange.head, which moves while it grows. */
struct http_span {
    size_t name_at, name_len, value_at, value_len;
};

struct http_spans {
    size_t target_len;
    size_t count;
    bool in_value; /* the last callback was for a value: the next name begins a new header */
    struct http_span span[];
};

/* Per I/O thread. */
struct http_io {
    const struct http_handler *handler;
    struct exchange *free; /* at most FREE_MAX, with their memory */
    int free_count;
    int64_t date_s;
    char date[40];
};

struct http_io *http_io(const struct io *io);
/* Takes one from the pool for the connection. */
struct exchange *exchange_take(struct conn *conn);
/* Gives it back. */
void exchange_recycle(struct exchange *x);

/* Reads what the connection holds until the request is complete; acts on it. */
void request_read(struct exchange *x);
void request_fail(struct exchange *x, int status, const char *sentence);

/* Hands the finished response to the connection and lets go of x. */
void reply_send(struct exchange *x);
/* All of a response has left. */
void reply_sent(struct conn *conn);
void reply_refuse(struct conn *conn);

#endif
