/* Every limit of the transport, with its default. A limit of 0 in a `struct limits` is a bug, not
 * "no limit": start from LIMITS_DEFAULT. Only caller_calls_per_s may be 0. */
#ifndef TRANSPORT_NET_LIMITS_H
#define TRANSPORT_NET_LIMITS_H

#include <stddef.h>
#include <stdint.h>

struct limits {
    int connections_max;             /* over all threads; beyond it the oldest idle one is cut */
    int connections_per_address_max; /* the same rule within one peer address */
    size_t head_bytes_max;           /* request line and headers: 414 or 431 beyond */
    size_t headers_max;              /* number of headers: 431 beyond */
    int64_t handshake_ms_max;        /* from accept to the end of the TLS handshake */
    int64_t idle_ms_max;             /* between two requests */
    int64_t head_ms_max;             /* from the first byte of a request to the end of its head */
    int64_t request_ms_max;          /* from its first byte to the last byte of its body */
    int64_t write_ms_max;            /* for the peer to take a response, or what a stream sent */
    int64_t linger_ms_max;           /* for the peer to read a last response before we close */
    int streams_max;                 /* open server streams over all threads */
    size_t stream_output_bytes_max;  /* waiting for a slow stream reader before emit() says no */
    int64_t heartbeat_ms;            /* silence after which a stream says that it lives */
    int64_t wake_ms_min;             /* streams are pumped at most this often */
    int64_t caller_calls_per_s;      /* calls of one caller, over time; 0: as many as it likes */
    int64_t caller_burst;            /* and at once, before that counts */
};

#define LIMITS_DEFAULT                                                                             \
    ((struct limits){.connections_max = 1024,                                                      \
                     .connections_per_address_max = 512,                                           \
                     .head_bytes_max = 16 * 1024,                                                  \
                     .headers_max = 64,                                                            \
                     .handshake_ms_max = 10 * 1000,                                                \
                     .idle_ms_max = 60 * 1000,                                                     \
                     .head_ms_max = 10 * 1000,                                                     \
                     .request_ms_max = 30 * 1000,                                                  \
                     .write_ms_max = 30 * 1000,                                                    \
                     .linger_ms_max = 2 * 1000,                                                    \
                     .streams_max = 256,                                                           \
                     .stream_output_bytes_max = 32 * 1024,                                         \
                     .heartbeat_ms = 15 * 1000,                                                    \
                     .wake_ms_min = 20,                                                            \
                     .caller_calls_per_s = 1000,                                                   \
                     .caller_burst = 2000})

#endif
