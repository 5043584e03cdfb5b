/* Looking credentials up. A key is found by its public prefix and then compared by hash in constant
 * time, so that neither the database nor the clock tells how much of it was right. */
#include "service/identity/identity.h"

#include "crypt/secret.h"
#include "passerelle/v1/network.pb-c.h"

enum { AUTHOR_SERIAL_DIGITS = 16 };

DB_SQL(find_credential, "SELECT kind, secret_hash, role, party, expires_utc_ms, revoked_utc_ms "
                        "FROM credential WHERE credential_id = :id");

enum role identity_role(struct view name)
{
    for (enum role role = ROLE_OPERATOR; role < ROLE_COUNT; role++) {
        if (view_is(name, role_name(role))) {
            return role;
        }
    }
    return ROLE_COUNT;
}

/* Fills role and party from the row that the query stands on. */
static int read_row(const struct query *query, int64_t real_utc_ms, struct principal *out,
                    struct fault *fault)
{
    enum role role = identity_role(query_text(query, 2));
    struct view party = query_text(query, 3);
    int64_t expires_utc_ms = query_int(query, 4);
    if (query_int(query, 5) != 0) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "This credential was revoked: ask your operator for another one.");
    }
    if (expires_utc_ms != 0 && real_utc_ms >= expires_utc_ms) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "This credential has expired: ask your operator for another one.");
    }
    if (role == ROLE_COUNT || party.len >= sizeof out->party) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "This credential's role is not known to this version.");
    }
    out->role = role;
    snprintf(out->party, sizeof out->party, "%.*s", VIEW_FMT(party));
    return E_OK;
}

static bool is_listed(struct db *db, const char *serial)
{
    struct query *query = db_query(db, &find_credential);
    query_bind_text(query, "id", view_of(serial));
    bool listed = query_next(query);
    query_end(query);
    return listed;
}

int identity_of_certificate(struct db *db, const struct cert_info *shown, int64_t real_utc_ms,
                            struct principal *out, struct fault *fault)
{
    struct principal who = {.role = ROLE_ANYONE};
    struct query *query = db_query(db, &find_credential);
    query_bind_text(query, "id", view_of(shown->serial));
    if (!query_next(query) ||
        query_int(query, 0) != PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_CERTIFICATE) {
        query_end(query);
        int err = db_error(db, fault);
        return err != E_OK ? err
                           : fault_set(fault, E_UNAUTHENTICATED,
                                       "This certificate is not in this hub's list: ask your "
                                       "operator for another one.");
    }
    int err = read_row(query, real_utc_ms, &who, fault);
    query_end(query);
    if (err != E_OK) {
        return err;
    }
    if (strcmp(role_name(who.role), shown->who.role) != 0 ||
        strcmp(who.party, shown->who.party) != 0) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "This certificate says another role than this hub's list.");
    }
    if (real_utc_ms < shown->validity.not_before_utc_ms ||
        real_utc_ms >= shown->validity.not_after_utc_ms) {
        return fault_set(fault, E_UNAUTHENTICATED,
                         "This certificate is not valid now: check your clock, or ask your "
                         "operator for another one.");
    }
    snprintf(who.author, sizeof who.author, "cert-%.*s", AUTHOR_SERIAL_DIGITS, shown->serial);
    *out = who;
    return E_OK;
}

int identity_at_site(struct db *db, const char *site_id, const struct cert_info *shown,
                     int64_t real_utc_ms, struct principal *out, struct fault *fault)
{
    if (strcmp(shown->who.role, role_name(ROLE_OPERATOR)) == 0 ||
        strcmp(shown->who.role, role_name(ROLE_AUDITOR)) == 0) {
        if (real_utc_ms >= shown->validity.not_after_utc_ms) {
            return fault_set(fault, E_UNAUTHENTICATED, "This certificate has expired.");
        }
        if (is_listed(db, shown->serial)) { /* the hub told that it was revoked */
            struct principal revoked;
            int err = identity_of_certificate(db, shown, real_utc_ms, &revoked, fault);
            if (err != E_OK) {
                return err;
            }
        }
        *out = (struct principal){.role = ROLE_AUDITOR};
        snprintf(out->party, sizeof out->party, "%s", shown->who.party);
        snprintf(out->author, sizeof out->author, "cert-%.*s", AUTHOR_SERIAL_DIGITS, shown->serial);
        return E_OK;
    }
    if (strcmp(shown->who.role, role_name(ROLE_DESK)) != 0 ||
        strcmp(shown->who.party, site_id) != 0) {
        return fault_set(
            fault, E_UNAUTHENTICATED,
            "This is the daemon of %s: it serves the desks of that site, and operators "
            "who read. Ask the hub.",
            site_id);
    }
    if (!is_listed(db, shown->serial)) {
        int err = db_error(db, fault);
        return err != E_OK
                   ? err
                   : fault_set(fault, E_UNAUTHENTICATED,
                               "The hub has not yet told this site of this certificate: try "
                               "again when the site is connected.");
    }
    return identity_of_certificate(db, shown, real_utc_ms, out, fault);
}

int identity_of_key(struct db *db, struct view bearer, int64_t real_utc_ms, struct principal *out,
                    struct fault *fault)
{
    static const char wrong[] = "This key is not known here: check that you copied all of it, or "
                                "ask your operator for another one.";
    struct api_key key;
    struct principal who = {.role = ROLE_ANYONE};
    if (api_key_parse(bearer, &key) != E_OK) {
        return fault_set(fault, E_UNAUTHENTICATED, "%s", wrong);
    }
    struct query *query = db_query(db, &find_credential);
    query_bind_text(query, "id", view_of(key.prefix));
    bool known = query_next(query) &&
                 query_int(query, 0) == PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_API_KEY &&
                 query_blob(query, 1).len == sizeof key.hash &&
                 secret_equal(query_blob(query, 1).data, key.hash, sizeof key.hash);
    int err = db_error(db, fault);
    if (err == E_OK) {
        err = known ? read_row(query, real_utc_ms, &who, fault)
                    : fault_set(fault, E_UNAUTHENTICATED, "%s", wrong);
    }
    query_end(query);
    if (err == E_OK) {
        snprintf(who.author, sizeof who.author, "key-%s", key.prefix);
        *out = who;
    }
    secret_wipe(&key, sizeof key);
    return err;
}

DB_SQL(put_credential, "INSERT INTO credential (credential_id, kind, role, party, label, "
                       "created_utc_ms, expires_utc_ms, revoked_utc_ms) VALUES (:id, :kind, "
                       ":role, :party, :label, :created_utc_ms, :expires_utc_ms, 0)");

void identity_put_certificate(struct db *db, const struct cert_info *issued, struct view label,
                              int64_t real_utc_ms)
{
    struct query *query = db_query(db, &put_credential);
    query_bind_text(query, "id", view_of(issued->serial));
    query_bind_int(query, "kind", PASSERELLE__V1__CREDENTIAL_KIND__CREDENTIAL_KIND_CERTIFICATE);
    query_bind_text(query, "role", view_of(issued->who.role));
    query_bind_text(query, "party", view_of(issued->who.party));
    query_bind_text(query, "label", label);
    query_bind_int(query, "created_utc_ms", real_utc_ms);
    query_bind_int(query, "expires_utc_ms", issued->validity.not_after_utc_ms);
    query_run(query);
}

DB_SQL(put_told,
       "INSERT INTO credential (credential_id, kind, role, party, label, created_utc_ms, "
       "expires_utc_ms, revoked_utc_ms) VALUES (:id, :kind, :role, :party, :label, "
       ":created_utc_ms, :expires_utc_ms, :revoked_utc_ms) ON CONFLICT (credential_id) DO UPDATE "
       "SET role = excluded.role, party = excluded.party, label = excluded.label, "
       "expires_utc_ms = excluded.expires_utc_ms, revoked_utc_ms = excluded.revoked_utc_ms");

void identity_put_told(struct db *db, const Passerelle__V1__Credential *told)
{
    struct query *query = db_query(db, &put_told);
    query_bind_text(query, "id", view_of(told->credential_id));
    query_bind_int(query, "kind", told->kind);
    query_bind_text(query, "role", view_of(told->role));
    query_bind_text(query, "party", view_of(told->party));
    query_bind_text(query, "label", view_of(told->label));
    query_bind_int(query, "created_utc_ms", told->created_utc_ms);
    query_bind_int(query, "expires_utc_ms", told->expires_utc_ms);
    query_bind_int(query, "revoked_utc_ms", told->revoked_utc_ms);
    query_run(query);
}
