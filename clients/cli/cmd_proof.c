/* One entry with the proof that it stands in a signed feed, as a C2SP tlog-proof file: made from
 * what a daemon gives, and checked by anyone without a network. */
#include "base/text.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/entry/entry.h"
#include "core/ident/uuid.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/proof_file.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "wire/json.h"
#include "wire/pack.h"

/* ---- prove ---- */

static const Passerelle__V1__FindVisitResponse *find_visit(struct cli *cli, const char *visit,
                                                           const char *feed, int *status)
{
    Passerelle__V1__FindVisitRequest *request =
        wire_new(&cli->arena, &passerelle__v1__find_visit_request__descriptor);
    request->visit_id = wire_string(&cli->arena, view_of(visit));
    request->feed_id = wire_string(&cli->arena, view_of(feed));
    return cli_call(cli, "LedgerService", "FindVisit", &request->base,
                    &passerelle__v1__find_visit_response__descriptor, status);
}

/* The key of the feed as it is known now. */
static const char *verifier_of(struct cli *cli, const char *feed_id, int *status)
{
    const Passerelle__V1__ListFeedsResponse *list =
        cli_call(cli, "LedgerService", "ListFeeds",
                 wire_new(&cli->arena, &passerelle__v1__list_feeds_request__descriptor),
                 &passerelle__v1__list_feeds_response__descriptor, status);
    for (size_t i = 0; list != NULL && i < list->n_feeds; i++) {
        if (strcmp(list->feeds[i]->feed_id, feed_id) == 0) {
            return list->feeds[i]->verifier_key;
        }
    }
    return NULL;
}

/* The size that the checkpoint covers; 0 when it is none. */
static uint64_t covers(struct view checkpoint)
{
    struct note note;
    struct checkpoint head;
    return note_parse(checkpoint, &note) == E_OK && checkpoint_parse(note.text, &head) == E_OK
               ? head.size
               : 0;
}

/* One that others cosigned is better, when the entry stands in it. */
static const char *checkpoint_of(struct cli *cli, const char *feed_id, uint64_t seq, int *status)
{
    Passerelle__V1__GetCheckpointRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_checkpoint_request__descriptor);
    request->feed_id = wire_string(&cli->arena, view_of(feed_id));
    const Passerelle__V1__GetCheckpointResponse *response =
        cli_call(cli, "LedgerService", "GetCheckpoint", &request->base,
                 &passerelle__v1__get_checkpoint_response__descriptor, status);
    if (response == NULL) {
        return NULL;
    }
    return covers(view_of(response->witnessed)) >= seq ? response->witnessed
                                                       : response->checkpoint;
}

struct reading {
    struct arena *arena;
    struct view entry;
};

static bool take_entry(void *context, const ProtobufCMessage *message)
{
    struct reading *reading = context;
    const Passerelle__V1__ReadEntriesResponse *response = (const void *)message;
    if (response->event_case == PASSERELLE__V1__READ_ENTRIES_RESPONSE__EVENT_BATCH &&
        response->batch->n_entries == 1) {
        reading->entry = arena_copy(reading->arena, wire_view(response->batch->entries[0]));
    }
    return true;
}

static int read_entry(struct cli *cli, const char *feed_id, uint64_t seq, struct view *entry)
{
    int status = CLI_FAILED;
    struct peer_error error = {0};
    struct reading reading = {.arena = &cli->arena};
    Passerelle__V1__ReadEntriesRequest *request =
        wire_new(&cli->arena, &passerelle__v1__read_entries_request__descriptor);
    request->feed_id = wire_string(&cli->arena, view_of(feed_id));
    request->from_seq = seq;
    request->to_seq = seq;
    enum code code =
        peer_stream_patiently(cli_peer(cli, &status), "passerelle.v1.LedgerService", "ReadEntries",
                              &request->base, &passerelle__v1__read_entries_response__descriptor, 0,
                              take_entry, &reading, &cli->arena, &error, CLI_PATIENCE_MS);
    *entry = reading.entry;
    return code == CODE_OK ? CLI_OK : cli_call_failed("ReadEntries", code, &error);
}

static int read_path(struct cli *cli, const char *feed_id, uint64_t seq, uint64_t size,
                     struct proof_file *proof)
{
    int status = CLI_FAILED;
    Passerelle__V1__GetInclusionProofRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_inclusion_proof_request__descriptor);
    request->feed_id = wire_string(&cli->arena, view_of(feed_id));
    request->seq = seq;
    request->size = size;
    const Passerelle__V1__GetInclusionProofResponse *response =
        cli_call(cli, "LedgerService", "GetInclusionProof", &request->base,
                 &passerelle__v1__get_inclusion_proof_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    proof->index = seq - 1;
    for (size_t i = 0; i < response->n_hashes && i < TREE_PROOF_MAX; i++) {
        if (response->hashes[i].len == SHA256_LEN) {
            memcpy(proof->path.hash[i].bytes, response->hashes[i].data, SHA256_LEN);
            proof->path.count = (unsigned)i + 1;
        }
    }
    return CLI_OK;
}

static int make_proof(struct cli *cli, const char *feed_id, uint64_t seq, const char *vkey,
                      struct proof_file *proof)
{
    int status = CLI_FAILED;
    struct fault fault = FAULT_NONE;
    struct note_key key;
    struct checkpoint head;
    proof->checkpoint = view_of(checkpoint_of(cli, feed_id, seq, &status));
    if (proof->checkpoint.data == NULL) {
        return status;
    }
    uint64_t size = covers(proof->checkpoint);
    if (size < seq) {
        return cli_fail(CLI_FAILED,
                        "the daemon of %s has not yet signed for entry %llu, only for %llu: try "
                        "again after its next push",
                        feed_id, (unsigned long long)seq, (unsigned long long)size);
    }
    status = read_path(cli, feed_id, seq, size, proof);
    status = status != CLI_OK ? status : read_entry(cli, feed_id, seq, &proof->extra);
    if (status != CLI_OK) {
        return status;
    }
    struct tree_hash leaf = tree_leaf(proof->extra);
    if (note_key_parse(view_of(vkey), &key) != E_OK ||
        proof_file_verify(proof, &leaf, &key, &head, NULL, &fault) != E_OK) {
        return cli_fail(CLI_REFUSED, "what this daemon gives does not hold: %s", fault.text);
    }
    return CLI_OK;
}

/* The proof is of an entry, and says nothing of those behind it. */
static void tell_state(const char *visit, Passerelle__V1__VisitState state)
{
    if (state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_VOID ||
        state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CORRECTED) {
        fprintf(stderr, "passerelle: the visit %s counts no more: %s\n", visit,
                state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_VOID
                    ? "it was voided later"
                    : "a correction took its place, which has an id of its own");
    }
}

int cmd_ledger_prove(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *path = NULL;
    const char *feed = NULL;
    if (!cli_option(&argc, argv, "-o", &path)) {
        cli_option(&argc, argv, "--out", &path);
    }
    cli_option(&argc, argv, "--feed", &feed);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which visit?");
    }
    const Passerelle__V1__FindVisitResponse *found = find_visit(cli, argv[0], feed, &status);
    const char *vkey = found == NULL ? NULL : verifier_of(cli, found->feed_id, &status);
    if (vkey == NULL) {
        return status;
    }
    struct proof_file proof = {.index = 0};
    struct buf out = BUF_INIT;
    status = make_proof(cli, found->feed_id, found->seq, vkey, &proof);
    if (status == CLI_OK) {
        proof_file_write(&proof, &out);
        status = cli_write_file(path, buf_content(&out));
    }
    if (status == CLI_OK && path != NULL) {
        printf("Visit %s is entry %llu of %s. Anyone can check it:\n"
               "passerelle ledger check %s --key %s\n",
               argv[0], (unsigned long long)found->seq, found->feed_id, path, vkey);
    }
    if (status == CLI_OK) {
        tell_state(argv[0], found->state);
    }
    buf_release(&out);
    return status;
}

/* ---- check ---- */

/* "passerelle.example/NETWORK/FEED" or with "/EPOCH" behind; empty when it has another form. */
static struct view feed_of(const char *origin)
{
    struct view rest = view_of(origin);
    struct view part = VIEW_NONE;
    for (int i = 0; i < 3; i++) {
        if (!view_cut(&rest, '/', &part)) {
            return VIEW_NONE;
        }
    }
    return part;
}

static int read_key(const struct command *command, const char *vkey, enum note_key_type type,
                    struct note_key *key)
{
    int err = note_key_parse(view_of(vkey), key);
    if (err == E_UNSUPPORTED || (err == E_OK && key->type != type)) {
        return cli_usage(command, "'%s' is a key of another kind: %s", vkey,
                         type == NOTE_ED25519 ? "give the feed's, as `ledger feeds` shows it"
                                              : "give that of a cosigner");
    }
    return err == E_OK ? CLI_OK
                       : cli_usage(command, "'%s' is no verifier key: was it cut short?", vkey);
}

struct checked {
    struct proof_file proof;
    struct checkpoint head;
    struct note note;
    struct entry entry;
    struct note_key cosigners[NOTE_KEYS_MAX];
    uint64_t cosigned_utc_s[NOTE_KEYS_MAX];
    size_t cosigner_count;
};

static int read_proof(struct cli *cli, const char *path, struct checked *c)
{
    struct view bytes;
    if (!cli_read_file(cli, path, 1 << 20, &bytes)) {
        return CLI_FAILED;
    }
    if (!view_starts(bytes, "c2sp.org/tlog-proof@v1\n")) {
        return cli_fail(CLI_REFUSED, "%s is no proof: its first line is not c2sp.org/tlog-proof@v1",
                        path);
    }
    int err = proof_file_parse(bytes, &cli->arena, &c->proof);
    if (err != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: %s", path,
                        err == E_LIMIT ? "it is longer than any proof"
                                       : "its lines are not those of a proof: it is cut short, or "
                                         "was changed");
    }
    return c->proof.extra.len > 0
               ? CLI_OK
               : cli_fail(CLI_REFUSED,
                          "%s holds no entry (no `extra` line): it proves nothing that can be read",
                          path);
}

static int check_cosigners(const char *path, struct checked *c)
{
    uint64_t signers = 0;
    if (cosignatures_verify(&c->note, c->cosigners, c->cosigner_count, &signers,
                            c->cosigned_utc_s) != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: a cosignature is not what its key signed: it was changed",
                        path);
    }
    for (size_t i = 0; i < c->cosigner_count; i++) {
        if ((signers >> i & 1) == 0) {
            return cli_fail(CLI_REFUSED, "%s: the checkpoint is not cosigned by %s+%08x", path,
                            c->cosigners[i].name, (unsigned)c->cosigners[i].id);
        }
    }
    return CLI_OK;
}

static int check_proof(struct cli *cli, const char *path, const struct note_key *key,
                       struct checked *c)
{
    struct fault fault = FAULT_NONE;
    struct tree_hash leaf = tree_leaf(c->proof.extra);
    if (proof_file_verify(&c->proof, &leaf, key, &c->head, &c->note, &fault) != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: %s", path, fault.text);
    }
    struct view feed = feed_of(c->head.origin);
    if (feed.len == 0 ||
        entry_decode(feed, c->proof.extra, &cli->arena, &c->entry, &fault) != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: the log holds it, but it is no entry of Passerelle: %s",
                        path, feed.len == 0 ? "the log is none of its feeds" : fault.text);
    }
    if (c->entry.envelope->seq != c->proof.index + 1) {
        return cli_fail(CLI_REFUSED, "%s: the entry calls itself number %llu and stands at %llu",
                        path, (unsigned long long)c->entry.envelope->seq,
                        (unsigned long long)c->proof.index + 1);
    }
    return check_cosigners(path, c);
}

static const char *value_of(struct cli *cli, const ProtobufCMessage *payload,
                            const ProtobufCFieldDescriptor *field)
{
    const ProtobufCBinaryData *bytes = (const void *)((const char *)payload + field->offset);
    if (field->type == PROTOBUF_C_TYPE_BYTES && field->label != PROTOBUF_C_LABEL_REPEATED &&
        bytes->len == sizeof(struct uuid)) {
        struct uuid uuid;
        char *text = arena_alloc(&cli->arena, UUID_TEXT_LEN + 1);
        memcpy(uuid.bytes, bytes->data, sizeof uuid.bytes);
        uuid_format(uuid, text);
        return text;
    }
    return field->type == PROTOBUF_C_TYPE_MESSAGE ? "" : table_value(&cli->arena, payload, field);
}

static void print_checked(struct cli *cli, const struct checked *c)
{
    const Passerelle__V1__Entry *envelope = c->entry.envelope;
    printf("Entry %llu of %s: %s, by %s.\n", (unsigned long long)envelope->seq, envelope->feed_id,
           c->entry.kind == NULL ? "of a newer version" : c->entry.kind->name, envelope->author);
    printf("The proof holds: %s, of %llu entries, signed by its key.\n", c->head.origin,
           (unsigned long long)c->head.size);
    for (size_t i = 0; i < c->cosigner_count; i++) {
        printf("Cosigned by %s at %llu (UTC seconds).\n", c->cosigners[i].name,
               (unsigned long long)c->cosigned_utc_s[i]);
    }
    for (unsigned i = 0; c->entry.payload != NULL && i < c->entry.kind->payload->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &c->entry.kind->payload->fields[i];
        const char *value = value_of(cli, c->entry.payload, field);
        if (value[0] != '\0') {
            printf("  %-15s %s\n", table_title(&cli->arena, field->name), value);
        }
    }
}

static int print_json(const struct checked *c)
{
    struct buf out = BUF_INIT;
    const Passerelle__V1__Entry *envelope = c->entry.envelope;
    buf_printf(&out, "{\"feedId\":\"%s\",\"seq\":%llu,\"size\":%llu,\"type\":\"%s\",\"origin\":",
               envelope->feed_id, (unsigned long long)envelope->seq,
               (unsigned long long)c->head.size, c->entry.kind == NULL ? "" : c->entry.kind->name);
    json_write_string(&out, view_of(c->head.origin));
    buf_text(&out, ",\"payload\":");
    int err = E_OK;
    if (c->entry.payload == NULL) {
        buf_text(&out, "{}");
    } else {
        err = json_write(&out, c->entry.payload, 0);
    }
    buf_text(&out, "}\n");
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
    return err == E_OK ? CLI_OK : cli_fail(CLI_FAILED, "the entry cannot be shown as JSON");
}

int cmd_ledger_check(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *vkey = NULL;
    const char *cosigner = NULL;
    struct note_key key;
    struct checked *c = ARENA_NEW(&cli->arena, struct checked);
    if (!cli_option(&argc, argv, "--key", &vkey)) {
        return cli_usage(command, "whose feed? Give its key, as `ledger feeds` shows it");
    }
    int status = read_key(command, vkey, NOTE_ED25519, &key);
    while (status == CLI_OK && cli_option(&argc, argv, "--cosigner", &cosigner)) {
        status =
            c->cosigner_count == NOTE_KEYS_MAX
                ? cli_usage(command, "at most %d cosigners", NOTE_KEYS_MAX)
                : read_key(command, cosigner, NOTE_COSIGNATURE, &c->cosigners[c->cosigner_count++]);
    }
    status = status != CLI_OK ? status : cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which file?");
    }
    status = read_proof(cli, argv[0], c);
    status = status != CLI_OK ? status : check_proof(cli, argv[0], &key, c);
    if (status == CLI_OK && cli->json) {
        return print_json(c);
    }
    if (status == CLI_OK) {
        print_checked(cli, c);
    }
    return status;
}
