#include "transport/peer/peer.h"

#include <errno.h>
#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "base/text.h"
#include "transport/peer/private.h"
#include "wire/envelope.h"
#include "wire/gzip.h"
#include "wire/pack.h"

enum {
    TIMEOUT_MS = 30000,
    SILENCE_MS = 45000,
    GZIP_BYTES_MIN = 1024,
    RESPONSE_BYTES_MAX = 256 * 1024 * 1024, /* a year's statement is far smaller */
    BACK_OFF_MS = 100,
    BACK_OFF_MS_MAX = 5000,
    STRANGER_MS = 2000, /* patience with a server that never answered: its address may be wrong */
    GRACE_MS = 2000 /* the server tells the deadline itself; we only wait a little longer */
};

struct peer {
    CURL *curl;
    char *url;
    int64_t timeout_ms;
    int64_t silence_ms_max;
    bool reached; /* it answered once */
    bool plain;
    bool (*stop)(void *context);
    void *stop_context;
    char curl_error[CURL_ERROR_SIZE];
    struct gzip gzip;
    struct buf request; /* memory that is used again */
    struct buf response;
};

/* One answer as it arrives. */
struct answer {
    struct peer *peer;
    struct arena *arena;
    struct peer_error *error;
    struct buf *out;      /* bodies; of streams: errors only */
    int64_t retry_after_s;
    bool gzip_envelopes;

    /* streams */
    const ProtobufCMessageDescriptor *output;
    bool (*each)(void *context, const ProtobufCMessage *message);
    void *context;
    struct envelope_reader reader;
    struct arena scratch;
    bool stopped;         /* each() had enough */
    bool ended;           /* the last envelope was read */
    struct fault fault;
};

static void check(CURLcode code)
{
    if (code != CURLE_OK) {
        die("libcurl: %s", curl_easy_strerror(code));
    }
}

static int on_progress(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    const struct peer *peer = context;
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    return peer->stop(peer->stop_context) ? 1 : 0;
}

int peer_new(const struct peer_config *config, struct peer **out, struct fault *fault)
{
    struct view url = view_of(config->url);
    if (!view_starts(url, "https://") || url.len <= 8) {
        return fault_set(fault, E_INVALID, "%s is not an address: write https://host:port.",
                         config->url == NULL ? "nothing" : config->url);
    }
    if ((config->certificate == NULL) != (config->key == NULL)) {
        return fault_set(fault, E_INVALID, "A certificate and its key belong together: give both.");
    }
    check(curl_global_init(CURL_GLOBAL_DEFAULT));
    struct peer *peer = xcalloc(1, sizeof *peer);
    while (url.len > 0 && url.data[url.len - 1] == '/') {
        url.len--;
    }
    peer->url = xmalloc(url.len + 1);
    memcpy(peer->url, url.data, url.len);
    peer->url[url.len] = '\0';
    peer->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : TIMEOUT_MS;
    peer->silence_ms_max = config->silence_ms_max > 0 ? config->silence_ms_max : SILENCE_MS;
    peer->plain = config->plain;
    peer->curl = curl_easy_init();
    if (peer->curl == NULL) {
        die("libcurl gives no handle");
    }
    CURL *curl = peer->curl;
    check(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L));
    check(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, peer->curl_error));
    check(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https"));
    check(curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3));
    check(curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    check(curl_easy_setopt(curl, CURLOPT_PROXY, ""));
    check(curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L));
    check(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10000L));
    check(curl_easy_setopt(curl, CURLOPT_USERAGENT, config->user_agent == NULL
                                                        ? "passerelle/" PASSERELLE_VERSION
                                                        : config->user_agent));
    if (config->ca != NULL) {
        check(curl_easy_setopt(curl, CURLOPT_CAINFO, config->ca));
        check(curl_easy_setopt(curl, CURLOPT_CAPATH, NULL));
    }
    if (config->stop != NULL) {
        peer->stop = config->stop;
        peer->stop_context = config->stop_context;
        check(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L));
        check(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress));
        check(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, peer));
    }
    if (config->unverified) {
        check(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L));
        check(curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L));
    }
    if (config->certificate != NULL) {
        check(curl_easy_setopt(curl, CURLOPT_SSLCERT, config->certificate));
        check(curl_easy_setopt(curl, CURLOPT_SSLKEY, config->key));
    }
    if (config->bearer != NULL) {
        check(curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER));
        check(curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, config->bearer));
    }
    *out = peer;
    return E_OK;
}

void peer_free(struct peer *peer)
{
    if (peer == NULL) {
        return;
    }
    curl_easy_cleanup(peer->curl);
    gzip_release(&peer->gzip);
    buf_release(&peer->request);
    buf_release(&peer->response);
    free(peer->url);
    free(peer);
    curl_global_cleanup();
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    struct view line = view_bytes(data, size * count);
    size_t colon = view_find(line, ':');
    struct view name = view_slice(line, 0, colon);
    struct view value = view_slice(line, colon + 1, line.len);
    while (value.len > 0 && strchr("\r\n", value.data[value.len - 1]) != NULL) {
        value.len--;
    }
    value = view_trim(value);
    if (view_is_nocase(name, "retry-after")) {
        int64_t seconds;
        if (text_i64(value, &seconds) == E_OK && seconds > 0 && seconds < PEER_RETRY_S_END) {
            answer->retry_after_s = seconds;
        }
    } else if (view_is_nocase(name, "connect-content-encoding")) {
        answer->gzip_envelopes = view_is_nocase(value, "gzip");
    }
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    buf_add(answer->out, data, size * count);
    return buf_error(answer->out) == E_OK ? size * count : 0;
}

/* One envelope of a stream; false ends the transfer. */
static bool take(struct answer *answer, const struct envelope *envelope)
{
    struct view bytes = envelope->message;
    struct buf plain = BUF_INIT;
    bool go_on = true;
    ProtobufCMessage *message = NULL;
    if ((envelope->flags & ENVELOPE_COMPRESSED) != 0) {
        if (!answer->gzip_envelopes) {
            fault_set(&answer->fault, E_INVALID, "The server compressed without saying how.");
            return false;
        }
        if (gzip_decompress(&answer->peer->gzip, bytes, RESPONSE_BYTES_MAX, &plain,
                            &answer->fault) != E_OK) {
            return false;
        }
        bytes = buf_content(&plain);
    }
    if ((envelope->flags & ENVELOPE_END) != 0) {
        answer->ended = true;
        if (!peer_error_read(bytes, true, answer->arena, answer->error)) {
            fault_set(&answer->fault, E_INVALID, "The end of the stream cannot be read.");
            go_on = false;
        }
    } else if (wire_unpack(answer->output, bytes, &wire_limits_tolerant, &answer->scratch, &message,
                           &answer->fault) != E_OK) {
        go_on = false;
    } else if (!answer->each(answer->context, message)) {
        answer->stopped = true;
        go_on = false;
    }
    arena_clear(&answer->scratch);
    buf_release(&plain);
    return go_on;
}

static size_t on_stream(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    const char *type = NULL;
    long status = 0;
    curl_easy_getinfo(answer->peer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(answer->peer->curl, CURLINFO_CONTENT_TYPE, &type);
    if (status != 200 || type == NULL || !view_starts(view_of(type), "application/connect+proto")) {
        return on_body(data, size, count, context);
    }
    struct view in = view_bytes(data, size * count);
    while (in.len > 0) {
        struct envelope envelope;
        bool complete;
        if (envelope_read(&answer->reader, &in, &envelope, &complete, &answer->fault) != E_OK ||
            (complete && !take(answer, &envelope))) {
            return 0;
        }
    }
    return size * count;
}

/* What to do about a transfer that failed. FAILED_PRECONDITION: trying again changes nothing. */
static const struct {
    CURLcode result;
    enum code code;
    const char *advice;
} troubles[] = {
    {CURLE_URL_MALFORMAT, CODE_FAILED_PRECONDITION, "write the address as https://host:port"},
    {CURLE_COULDNT_RESOLVE_HOST, CODE_UNAVAILABLE,
     "check the name in the address, and this machine's network"},
    {CURLE_COULDNT_CONNECT, CODE_UNAVAILABLE,
     "check that the hub runs, and that address and port are right"},
    {CURLE_SSL_CONNECT_ERROR, CODE_FAILED_PRECONDITION,
     "no hub speaks TLS 1.3 there that takes this certificate: check address and port, and that "
     "the certificate is of this network and has not expired"},
    {CURLE_PEER_FAILED_VERIFICATION, CODE_FAILED_PRECONDITION,
     "its certificate is not of the authority that is trusted here, is for another name, or is out "
     "of date: check address, the authority's file (ca), and this machine's clock"},
    {CURLE_SSL_CACERT_BADFILE, CODE_FAILED_PRECONDITION,
     "the authority's file (ca) cannot be used: check its path and that you may read it"},
    {CURLE_SSL_CERTPROBLEM, CODE_FAILED_PRECONDITION,
     "the certificate and its key cannot be used: check both paths, that you may read them, and "
     "that they belong together"},
    {CURLE_SEND_ERROR, CODE_UNAVAILABLE,
     "the hub stopped, or does not take this certificate: is it of this network, and not expired?"},
    {CURLE_RECV_ERROR, CODE_UNAVAILABLE,
     "the hub stopped, or does not take this certificate: is it of this network, and not expired?"},
    {CURLE_OPERATION_TIMEDOUT, CODE_DEADLINE_EXCEEDED,
     "it is too busy, or no hub is there: check the address, and try again later"},
    {CURLE_WRITE_ERROR, CODE_RESOURCE_EXHAUSTED, "the answer is too long: ask for less at once"},
};

static enum code fail(struct peer_error *error, enum code code, const char *message)
{
    error->code = code;
    error->message = message;
    return code;
}

/* Performs what was set up. CODE_OK: there is an HTTP answer, whatever its status. */
static enum code perform(struct answer *answer, const char *path, struct curl_slist *headers,
                         long timeout_ms)
{
    struct peer *peer = answer->peer;
    CURL *curl = peer->curl;
    char *url = arena_printf(answer->arena, "%s%s", peer->url, path);
    check(curl_easy_setopt(curl, CURLOPT_URL, url));
    check(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers));
    check(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header));
    check(curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer));
    check(curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer));
    check(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms));
    peer->curl_error[0] = '\0';
    CURLcode result = curl_easy_perform(curl);
    if (answer->error->retry_after_s == 0) {
        answer->error->retry_after_s = (int)answer->retry_after_s;
    }
    if (result == CURLE_OK || answer->stopped) {
        return CODE_OK;
    }
    if (answer->fault.code != E_OK) {
        return fail(answer->error, CODE_INTERNAL,
                    arena_string(answer->arena, view_of(answer->fault.text)));
    }
    const char *why = peer->curl_error[0] != '\0' ? peer->curl_error : curl_easy_strerror(result);
    enum code code = CODE_UNAVAILABLE;
    const char *advice = "try again";
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        if (troubles[i].result == result) {
            code = troubles[i].code;
            advice = troubles[i].advice;
        }
    }
    long os_errno = 0;
    curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_errno);
    if (result == CURLE_SSL_CONNECT_ERROR && (peer->reached || os_errno == ECONNRESET)) {
        code = CODE_UNAVAILABLE; /* a hub that stops, or starts, cuts handshakes too */
    }
    return fail(answer->error, code,
                arena_printf(answer->arena, "%s did not answer (%s): %s", peer->url, why, advice));
}

/* Turns an HTTP status other than 200 into the error that the body tells, or the status means. */
static enum code judge(struct answer *answer)
{
    long status = 0;
    curl_easy_getinfo(answer->peer->curl, CURLINFO_RESPONSE_CODE, &status);
    answer->error->reached = true;
    answer->peer->reached = true;
    if (status == 200) {
        return CODE_OK;
    }
    if (peer_error_read(buf_content(answer->out), false, answer->arena, answer->error)) {
        return answer->error->code;
    }
    enum code code = peer_code_of_status(status);
    return fail(answer->error, code == CODE_OK ? CODE_UNKNOWN : code,
                arena_printf(answer->arena, "%s answered HTTP %ld.", answer->peer->url, status));
}

static struct curl_slist *add(struct curl_slist *list, const char *header)
{
    struct curl_slist *longer = curl_slist_append(list, header);
    if (longer == NULL) {
        die("out of memory");
    }
    return longer;
}

static void set_post(struct peer *peer, struct view body)
{
    check(curl_easy_setopt(peer->curl, CURLOPT_POST, 1L));
    check(curl_easy_setopt(peer->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len));
    check(curl_easy_setopt(peer->curl, CURLOPT_POSTFIELDS, body.len == 0 ? "" : body.data));
}

static char *path_of(struct arena *arena, const char *service, const char *method)
{
    return arena_printf(arena, "/%s/%s", service, method);
}

enum code peer_call(struct peer *peer, const char *service, const char *method,
                    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                    struct arena *arena, ProtobufCMessage **response, struct peer_error *error)
{
    struct answer answer = {.peer = peer, .arena = arena, .error = error, .out = &peer->response};
    *error = (struct peer_error){.code = CODE_OK};
    struct curl_slist *headers = add(NULL, "Content-Type: application/proto");
    headers = add(headers, "Connect-Protocol-Version: 1");
    headers = add(headers, "Expect:"); /* curl would wait a second for 100 on large bodies */
    headers = add(headers, arena_printf(arena, "Connect-Timeout-Ms: %lld",
                                        (long long)peer->timeout_ms));
    struct buf packed = BUF_INIT;
    buf_clear(&peer->request);
    wire_pack(&peer->request, request);
    struct view body = buf_content(&peer->request);
    if (!peer->plain && body.len >= GZIP_BYTES_MIN &&
        gzip_compress(&peer->gzip, body, &packed) == E_OK) {
        body = buf_content(&packed);
        headers = add(headers, "Content-Encoding: gzip");
    }
    peer->response.max = RESPONSE_BYTES_MAX;
    buf_clear(&peer->response);
    set_post(peer, body);
    check(curl_easy_setopt(peer->curl, CURLOPT_ACCEPT_ENCODING, peer->plain ? NULL : "gzip"));
    check(curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, on_body));
    check(curl_easy_setopt(peer->curl, CURLOPT_LOW_SPEED_TIME, 0L));
    enum code code = perform(&answer, path_of(arena, service, method), headers,
                             (long)(peer->timeout_ms + GRACE_MS));
    code = code != CODE_OK ? code : judge(&answer);
    struct fault fault = FAULT_NONE;
    if (code == CODE_OK && wire_unpack(output, buf_content(&peer->response), &wire_limits_tolerant,
                                       arena, response, &fault) != E_OK) {
        code = fail(error, CODE_INTERNAL,
                    arena_printf(arena, "The answer cannot be read: %s", fault.text));
    }
    curl_slist_free_all(headers);
    buf_release(&packed);
    return code;
}

/* How long who asks again has waited. */
struct patience {
    int64_t waited_ms;
    int64_t back_off_ms;
};

/* Waits before the next try; false: there is none. */
static bool wait_again(const struct peer *peer, enum code code, const struct peer_error *error,
                       struct patience *patience, int64_t wait_ms_max)
{
    int64_t wait_ms = error->retry_after_s > 0 ? (int64_t)error->retry_after_s * 1000
                                               : patience->back_off_ms;
    int64_t patience_ms = peer->reached || wait_ms_max < STRANGER_MS ? wait_ms_max : STRANGER_MS;
    bool may_wait = code == CODE_UNAVAILABLE ||
                    (code == CODE_RESOURCE_EXHAUSTED && error->retry_after_s > 0);
    if (!may_wait || patience->waited_ms + wait_ms > patience_ms) {
        return false;
    }
    nanosleep(&(struct timespec){.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000},
              NULL);
    int64_t doubled_ms = patience->back_off_ms * 2;
    patience->waited_ms += wait_ms;
    patience->back_off_ms = doubled_ms > BACK_OFF_MS_MAX ? BACK_OFF_MS_MAX : doubled_ms;
    return true;
}

enum code peer_call_patiently(struct peer *peer, const char *service, const char *method,
                              const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *output, struct arena *arena,
                              ProtobufCMessage **response, struct peer_error *error,
                              int64_t wait_ms_max)
{
    struct patience patience = {.back_off_ms = BACK_OFF_MS};
    enum code code;
    do {
        code = peer_call(peer, service, method, request, output, arena, response, error);
    } while (wait_again(peer, code, error, &patience, wait_ms_max));
    return code;
}

enum code peer_stream(struct peer *peer, const char *service, const char *method,
                      const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                      int64_t timeout_ms,
                      bool (*each)(void *context, const ProtobufCMessage *message), void *context,
                      struct arena *arena, struct peer_error *error)
{
    struct answer answer = {.peer = peer, .arena = arena, .error = error, .out = &peer->response,
                            .output = output, .each = each, .context = context};
    *error = (struct peer_error){.code = CODE_OK};
    struct curl_slist *headers = add(NULL, "Content-Type: application/connect+proto");
    headers = add(headers, "Connect-Protocol-Version: 1");
    headers = add(headers, "Connect-Accept-Encoding: gzip");
    headers = add(headers, "Expect:");
    if (timeout_ms > 0) {
        headers = add(headers, arena_printf(arena, "Connect-Timeout-Ms: %lld",
                                            (long long)timeout_ms));
    }
    envelope_reader_init(&answer.reader, RESPONSE_BYTES_MAX, ENVELOPE_COMPRESSED | ENVELOPE_END);
    buf_clear(&peer->request);
    size_t at = envelope_begin(&peer->request, 0);
    wire_pack(&peer->request, request);
    envelope_end(&peer->request, at);
    peer->response.max = RESPONSE_BYTES_MAX;
    buf_clear(&peer->response);
    set_post(peer, buf_content(&peer->request));
    check(curl_easy_setopt(peer->curl, CURLOPT_ACCEPT_ENCODING, NULL));
    check(curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, on_stream));
    check(curl_easy_setopt(peer->curl, CURLOPT_LOW_SPEED_LIMIT, 1L));
    check(curl_easy_setopt(peer->curl, CURLOPT_LOW_SPEED_TIME,
                           (long)((peer->silence_ms_max + 999) / 1000)));
    enum code code = perform(&answer, path_of(arena, service, method), headers,
                             timeout_ms > 0 ? (long)(timeout_ms + GRACE_MS) : 0);
    code = code != CODE_OK || answer.stopped ? code : judge(&answer);
    if (code == CODE_OK && !answer.stopped) {
        code = answer.ended ? error->code
                            : fail(error, CODE_UNAVAILABLE, "The stream broke off: connect again.");
    }
    curl_slist_free_all(headers);
    envelope_reader_release(&answer.reader);
    arena_release(&answer.scratch);
    return code;
}

/* Whether the stream has begun to speak. */
struct hearing {
    bool (*each)(void *context, const ProtobufCMessage *message);
    void *context;
    bool heard;
};

static bool hear(void *context, const ProtobufCMessage *message)
{
    struct hearing *hearing = context;
    hearing->heard = true;
    return hearing->each(hearing->context, message);
}

enum code peer_stream_patiently(struct peer *peer, const char *service, const char *method,
                                const ProtobufCMessage *request,
                                const ProtobufCMessageDescriptor *output, int64_t timeout_ms,
                                bool (*each)(void *context, const ProtobufCMessage *message),
                                void *context, struct arena *arena, struct peer_error *error,
                                int64_t wait_ms_max)
{
    struct patience patience = {.back_off_ms = BACK_OFF_MS};
    struct hearing hearing = {.each = each, .context = context};
    enum code code;
    do {
        code = peer_stream(peer, service, method, request, output, timeout_ms, hear, &hearing,
                           arena, error);
    } while (!hearing.heard && wait_again(peer, code, error, &patience, wait_ms_max));
    return code;
}

enum code peer_get(struct peer *peer, const char *path, struct buf *out, struct arena *arena,
                   struct peer_error *error)
{
    struct answer answer = {.peer = peer, .arena = arena, .error = error, .out = out};
    *error = (struct peer_error){.code = CODE_OK};
    check(curl_easy_setopt(peer->curl, CURLOPT_HTTPGET, 1L));
    check(curl_easy_setopt(peer->curl, CURLOPT_ACCEPT_ENCODING, "gzip"));
    check(curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, on_body));
    check(curl_easy_setopt(peer->curl, CURLOPT_LOW_SPEED_TIME, 0L));
    enum code code = perform(&answer, path, NULL, (long)peer->timeout_ms);
    return code != CODE_OK ? code : judge(&answer);
}

enum code peer_post(struct peer *peer, const char *path, const char *content_type,
                    struct view body, struct peer_answer *out_answer, struct buf *out,
                    struct arena *arena, struct peer_error *error)
{
    struct answer answer = {.peer = peer, .arena = arena, .error = error, .out = out};
    *error = (struct peer_error){.code = CODE_OK};
    struct curl_slist *headers =
        add(NULL, arena_printf(arena, "Content-Type: %s", content_type));
    headers = add(headers, "Expect:");
    set_post(peer, body);
    check(curl_easy_setopt(peer->curl, CURLOPT_ACCEPT_ENCODING, NULL));
    check(curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, on_body));
    check(curl_easy_setopt(peer->curl, CURLOPT_LOW_SPEED_TIME, 0L));
    enum code code = perform(&answer, path, headers, (long)peer->timeout_ms);
    curl_slist_free_all(headers);
    if (code == CODE_OK) {
        long status = 0;
        const char *type = NULL;
        curl_easy_getinfo(peer->curl, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(peer->curl, CURLINFO_CONTENT_TYPE, &type);
        error->reached = true;
        peer->reached = true;
        *out_answer = (struct peer_answer){.status = (int)status,
                                           .content_type = arena_copy(arena, view_of(type))};
    }
    return code;
}
