-- Local truth that is not in feeds: persons and reasons (erasable), credentials, codes, refusals,
-- commands that wait for a second operator, settlement documents. A rebuild keeps these tables.

CREATE TABLE person (
    holder_id text PRIMARY KEY,
    given_name text NOT NULL,
    family_name text NOT NULL,
    email text NOT NULL,
    cost_centre text NOT NULL
);
-- The free text behind a salted hash in a feed; the row can go, the hash stays.
CREATE TABLE reason (
    reason_hash blob PRIMARY KEY,
    salt blob NOT NULL,
    author text NOT NULL,
    at_utc_ms bigint NOT NULL,
    body text NOT NULL
);
CREATE TABLE credential (
    credential_id text PRIMARY KEY,
    kind bigint NOT NULL,
    secret_hash blob,
    role text NOT NULL,
    party text NOT NULL,
    label text NOT NULL,
    created_utc_ms bigint NOT NULL,
    expires_utc_ms bigint NOT NULL,
    revoked_utc_ms bigint NOT NULL
);
CREATE TABLE activation (
    pass_id blob PRIMARY KEY,
    code_hash blob NOT NULL,
    expires_utc_ms bigint NOT NULL
);
CREATE INDEX activation_code ON activation (code_hash);
-- The second of the last proof by which a phone got a new token: each proof serves once.
CREATE TABLE pass_refresh (
    pass_id blob PRIMARY KEY,
    proof_utc_s bigint NOT NULL
);
CREATE TABLE refusal (
    refusal_no @rowid,
    feed_no bigint NOT NULL,
    at_utc_ms bigint NOT NULL,
    code bigint NOT NULL,
    rule text NOT NULL,
    pass_id blob,
    author text NOT NULL
);
CREATE TABLE approval (
    approval_id text PRIMARY KEY,
    digest blob NOT NULL,
    method text NOT NULL,
    summary text NOT NULL,
    author text NOT NULL,
    asked_utc_ms bigint NOT NULL
);
CREATE INDEX approval_digest ON approval (digest);
CREATE TABLE settlement (
    month bigint PRIMARY KEY,
    document blob NOT NULL
);
