-- Projections: functions of the set of entries, whatever the order in which feeds arrived. Each row
-- comes from one feed only; `passerelled rebuild` empties these tables and replays. `record` is the
-- payload of the last entry about the thing, as it was written. Days are days since 1970-01-01,
-- months are months since 1970-01.

CREATE TABLE network (
    one bigint PRIMARY KEY,
    network_id text NOT NULL,
    name text NOT NULL,
    demo bigint NOT NULL
);
CREATE TABLE signing_key (
    key_id blob PRIMARY KEY,
    purpose bigint NOT NULL,
    public_key blob NOT NULL,
    from_utc_ms bigint NOT NULL,
    retired_utc_ms bigint NOT NULL
);
CREATE TABLE network_policy (
    one bigint PRIMARY KEY,
    record blob NOT NULL
);
CREATE TABLE member (
    member_id text PRIMARY KEY,
    record blob NOT NULL
);
CREATE TABLE charter (
    version bigint PRIMARY KEY,
    record blob NOT NULL
);
CREATE TABLE charter_acceptance (
    member_id text NOT NULL,
    version bigint NOT NULL,
    accepted_on text NOT NULL,
    PRIMARY KEY (member_id, version)
);
CREATE TABLE site (
    site_id text PRIMARY KEY,
    member_id text NOT NULL,
    state bigint NOT NULL,
    record blob NOT NULL
);
CREATE TABLE tariff (
    version bigint PRIMARY KEY,
    valid_from bigint NOT NULL,
    record blob NOT NULL
);
CREATE TABLE pass (
    pass_id blob PRIMARY KEY,
    holder_id text NOT NULL,
    plan_id text NOT NULL,
    employer_id text NOT NULL,
    state bigint NOT NULL,
    number text NOT NULL,
    device_public_key blob,
    replaced_by blob,
    record blob NOT NULL
);
CREATE INDEX pass_number ON pass (number);
CREATE INDEX pass_holder ON pass (holder_id);
CREATE INDEX pass_employer ON pass (employer_id);

CREATE TABLE bank_account (
    member_id text PRIMARY KEY,
    record blob NOT NULL
);
CREATE TABLE employer (
    employer_id text PRIMARY KEY,
    issuer_member_id text NOT NULL,
    record blob NOT NULL
);
CREATE TABLE employer_policy (
    employer_id text PRIMARY KEY,
    record blob NOT NULL
);
CREATE TABLE plan (
    plan_id text PRIMARY KEY,
    employer_id text NOT NULL,
    record blob NOT NULL
);
CREATE INDEX plan_employer ON plan (employer_id);
CREATE TABLE holder (
    holder_id text PRIMARY KEY,
    employer_id text NOT NULL,
    plan_id text NOT NULL,
    record blob NOT NULL
);
CREATE INDEX holder_plan ON holder (plan_id);
CREATE INDEX holder_employer ON holder (employer_id);
CREATE TABLE carnet (
    carnet_id text PRIMARY KEY,
    plan_id text NOT NULL,
    record blob NOT NULL,
    entry_key bigint NOT NULL
);
CREATE INDEX carnet_plan ON carnet (plan_id);
CREATE TABLE dispute (
    dispute_id blob PRIMARY KEY,
    feed_id text NOT NULL,
    visit_id blob NOT NULL,
    outcome bigint NOT NULL,
    in_utc_ms bigint NOT NULL,
    out_utc_ms bigint NOT NULL,
    opened_utc_ms bigint NOT NULL,
    resolved_key bigint NOT NULL
);
CREATE TABLE period (
    month bigint PRIMARY KEY,
    document_sha256 blob NOT NULL,
    closed_utc_ms bigint NOT NULL,
    record blob NOT NULL
);
CREATE TABLE period_cut (
    month bigint NOT NULL,
    feed_id text NOT NULL,
    size bigint NOT NULL,
    root blob NOT NULL,
    PRIMARY KEY (month, feed_id)
);

-- visit_key: id of the entry that began it; last_key: of the last entry about it. out_utc_ms is NULL
-- while the visitor is in, and for a stay whose end nobody told.
CREATE TABLE visit (
    visit_key bigint PRIMARY KEY,
    last_key bigint NOT NULL,
    feed_no bigint NOT NULL,
    visit_id blob NOT NULL,
    holder_id text NOT NULL,
    pass_id blob,
    resource bigint NOT NULL,
    medium bigint NOT NULL,
    source bigint NOT NULL,
    state bigint NOT NULL,
    day bigint NOT NULL,
    in_utc_ms bigint NOT NULL,
    out_utc_ms bigint,
    auto_closed bigint NOT NULL,
    tariff_version bigint NOT NULL,
    line bigint NOT NULL,
    corrected_by blob
);
CREATE INDEX visit_id ON visit (visit_id);
CREATE INDEX visit_holder ON visit (holder_id, day, visit_key);
CREATE INDEX visit_open ON visit (in_utc_ms) WHERE state = 1;
CREATE INDEX visit_day ON visit (day, feed_no);
