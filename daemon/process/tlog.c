#include "process/tlog.h"

#include <assert.h>

#include "passerelle/v1/ledger.pb-c.h"
#include "process/pages.h"
#include "service/methods.h"
#include "service/sync/as_witness.h"
#include "service/tiles.h"
#include "wire/pack.h"

/* A tile never changes; it is for its reader alone. */
#define FOR_EVER "private, max-age=31536000, immutable"

static const struct method *method_of(const char *name)
{
    bool known;
    const struct method *method =
        methods_find(VIEW_LIT("passerelle.v1.LedgerService"), view_of(name), &known);
    assert(method != NULL);
    return method;
}

static void send_note(struct exchange *x, struct view note)
{
    route_answer(x, &(struct route_answer){.status = 200,
                                           .content_type = "text/plain; charset=utf-8",
                                           .cache_control = "no-cache",
                                           .body = note});
}

static void send_checkpoint(void *context, struct exchange *x, const struct call *call)
{
    const Passerelle__V1__GetCheckpointResponse *response = (const void *)call->response;
    (void)context;
    if (response->checkpoint[0] == '\0') {
        route_refuse(x, 0,
                     &(struct call_error){.code = CODE_NOT_FOUND,
                                          .message =
                                              "The daemon that keeps this feed has signed no "
                                              "checkpoint of it so far."});
        return;
    }
    send_note(x, view_of(response->checkpoint));
}

static void ask_checkpoint(struct exchange *x, const char *feed_id)
{
    Passerelle__V1__GetCheckpointRequest *request =
        wire_new(&x->arena, &passerelle__v1__get_checkpoint_request__descriptor);
    request->feed_id = wire_string(&x->arena, view_of(feed_id));
    route_ask(x, method_of("GetCheckpoint"), &request->base, send_checkpoint);
}

static void refuse(struct exchange *x, const struct principal *who, struct call *call)
{
    if (call->error.code == CODE_PERMISSION_DENIED && who->role == ROLE_ANYONE) {
        call->error.code = CODE_UNAUTHENTICATED;
    }
    route_refuse(x, 0, &call->error);
}

void tlog_tiles(void *context, struct exchange *x, const struct principal *who)
{
    struct daemon *daemon = ((struct pages *)context)->daemon;
    struct fault fault = FAULT_NONE;
    struct call call = {.method = method_of("ReadEntries"), .arena = &x->arena, .who = *who};
    struct tiles_path path;
    bool monitored = false;
    struct buf bytes = BUF_INIT;
    struct service *service = daemon_service_here(daemon, &fault);
    int err = service == NULL ? fault.code : db_begin_read(service->db, &fault);
    if (err == E_OK) {
        struct view rest = view_slice(x->path, sizeof TLOG_PREFIX - 1, x->path.len);
        monitored =
            as_witness_monitored(service, view_slice(rest, 0, view_find(rest, '/')), &bytes) &&
            view_is(view_slice(rest, 2 * SHA256_LEN, rest.len), "/checkpoint");
        if (monitored) {
            path.checkpoint = true;
        } else if (tiles_find(service, &call, rest, &path) == 0 && !path.checkpoint &&
                   tiles_read(service, &call, &path, &bytes) != 0) {
            buf_clear(&bytes); /* the call says why */
        }
        err = db_end(service->db, &fault);
    }
    if (err != E_OK) {
        call_fail_with(&call, &fault);
    }
    if (call.error.code != CODE_OK) {
        refuse(x, who, &call);
    } else if (monitored) {
        send_note(x, buf_content(&bytes));
    } else if (path.checkpoint) {
        ask_checkpoint(x, path.feed.name);
    } else {
        /* C2SP lets bundles be compressed; hashes do not get smaller. */
        route_answer(x, &(struct route_answer){.status = 200,
                                               .content_type = "application/octet-stream",
                                               .cache_control = FOR_EVER,
                                               .may_gzip = path.tile.entries,
                                               .body = buf_content(&bytes)});
    }
    buf_release(&bytes);
}

static void send_testimony(struct exchange *x,
                           const Passerelle__V1__AddCheckpointResponse *response)
{
    route_answer(x, &(struct route_answer){.status = (int)response->status,
                                           .content_type = response->content_type,
                                           .body = view_of(response->body)});
}

static void send_answer(void *context, struct exchange *x, const struct call *call)
{
    (void)context;
    send_testimony(x, (const void *)call->response);
}

void tlog_add_checkpoint(void *context, struct exchange *x, const struct principal *who)
{
    struct daemon *daemon = ((struct pages *)context)->daemon;
    struct fault fault = FAULT_NONE;
    struct witness_answer answer = {.status = WITNESS_BAD_REQUEST};
    struct view body = arena_copy(&x->arena, buf_content(&x->body));
    struct service *service = daemon_service_here(daemon, &fault);
    int err = service == NULL ? fault.code : db_begin_read(service->db, &fault);
    (void)who;
    if (err == E_OK) {
        as_witness_look(service, &x->arena, body, &answer);
        err = db_end(service->db, &fault);
    }
    if (err != E_OK) {
        route_refuse(x, 0, &(struct call_error){.code = code_of_err(err), .message = fault.text});
    } else if (answer.status == WITNESS_COSIGN || answer.contradicts) {
        Passerelle__V1__AddCheckpointRequest *request =
            wire_new(&x->arena, &passerelle__v1__add_checkpoint_request__descriptor);
        request->body = wire_bytes(body);
        route_ask(x, method_of("AddCheckpoint"), &request->base, send_answer);
    } else {
        Passerelle__V1__AddCheckpointResponse *response =
            wire_new(&x->arena, &passerelle__v1__add_checkpoint_response__descriptor);
        as_witness_refuse(&answer, &x->arena, response);
        send_testimony(x, response);
    }
}
