-- Sites with daemons of their own. Projections first.

-- Who keeps a feed and with which key: one row for each epoch, the last one counts.
CREATE TABLE feed_epoch (
    feed_id text NOT NULL,
    entry_key bigint NOT NULL,        -- of its entry in `net`
    origin text NOT NULL,
    public_key blob NOT NULL,
    keeper bigint NOT NULL,           -- FeedKeeper
    old_size bigint NOT NULL,
    old_root blob NOT NULL,
    PRIMARY KEY (feed_id, entry_key)
);
CREATE TABLE period_mark (
    month bigint PRIMARY KEY,
    document_sha256 blob NOT NULL,
    entry_key bigint NOT NULL
);
-- The heads of `net` that a site saw.
CREATE TABLE hub_checkpoint_seen (
    entry_key @rowid,
    feed_no bigint NOT NULL,
    note text NOT NULL
);

-- Local truth of every node: feeds that another node keeps. What their keeper signed last, and the
-- last of its checkpoints whose entries are all here, cosigned at a hub. Gone when another
-- keeper begins.
CREATE TABLE remote_feed (
    feed_id text PRIMARY KEY,
    size bigint NOT NULL,             -- of `note`
    root blob NOT NULL,
    note text NOT NULL,
    receipt_size bigint NOT NULL,     -- of `receipt`; 0: none
    receipt text NOT NULL,
    heard_utc_ms bigint NOT NULL,
    forked bigint NOT NULL
);

-- Local truth of a hub. A join code that waits to be used, by its secret's hash.
CREATE TABLE enrolment (
    site_id text PRIMARY KEY,
    secret_hash blob NOT NULL,
    expires_utc_ms bigint NOT NULL,   -- real time
    used_utc_ms bigint NOT NULL       -- real time; 0: not yet
);
CREATE TABLE ledger_problem (
    problem_no @rowid,
    kind bigint NOT NULL,
    feed_id text NOT NULL,
    seq bigint NOT NULL,
    found_utc_ms bigint NOT NULL,
    visit_id blob,
    record blob NOT NULL,             -- LedgerProblem
    UNIQUE (kind, feed_id, seq)
);
-- Knowledge for sites, outside feeds: the newest of each kind and key, in the order of change.
CREATE TABLE knowledge (
    version @rowid,
    site_id text NOT NULL,            -- whom it is for; empty: every site
    kind bigint NOT NULL,             -- field number in KnowledgeItem
    item_key text NOT NULL,
    record blob NOT NULL,             -- KnowledgeItem
    UNIQUE (site_id, kind, item_key)
);

-- Local truth of a site.
CREATE TABLE receipt (
    size bigint PRIMARY KEY,          -- of our own feed
    note text NOT NULL,               -- our checkpoint with the hub's cosignature
    received_utc_ms bigint NOT NULL
);
-- What the hub told last; one row.
CREATE TABLE uplink (
    one bigint PRIMARY KEY,
    knowledge_version bigint NOT NULL,
    heard_utc_ms bigint NOT NULL,
    complete bigint NOT NULL
);
CREATE TABLE standing (
    kind bigint NOT NULL,             -- field number in KnowledgeItem
    item_key text NOT NULL,
    record blob NOT NULL,             -- PlanStanding, HolderStanding, ContractStanding
    PRIMARY KEY (kind, item_key)
);
CREATE TABLE visitor_name (
    visit_id blob PRIMARY KEY,
    display_name text NOT NULL,
    day bigint NOT NULL               -- erased when it is over
);
CREATE TABLE visit_cut (
    visit_id blob PRIMARY KEY,
    cut_utc_ms bigint NOT NULL
);
