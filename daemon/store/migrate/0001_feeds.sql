-- Feeds, their entries with the tree's nodes, what was signed, and the answers given.

-- A feed's size and last time are those of its last entry.
CREATE TABLE feed (
    feed_no @rowid,
    name text NOT NULL UNIQUE,       -- "net", "books", a site's id
    origin text NOT NULL UNIQUE,     -- first line of its checkpoints
    public_key blob NOT NULL,        -- Ed25519, 32 bytes
    entry_bytes_max bigint NOT NULL
);

-- entry_id = feed_no * 2^40 + seq. nodes: the entry's leaf hash, then the hash of each perfect
-- subtree that this leaf completes, smallest first, 32 bytes each: the tree has no other table.
-- They stand before the bytes, so that reading a proof touches no overflow page.
CREATE TABLE entry (
    entry_id bigint PRIMARY KEY,
    appended_utc_ms bigint NOT NULL,
    nodes blob NOT NULL,
    bytes blob NOT NULL
);

-- What was signed last: never a smaller size afterwards, never another root for the same one.
CREATE TABLE checkpoint (
    feed_no @rowid,
    size bigint NOT NULL,
    root blob NOT NULL,
    note text NOT NULL,             -- the C2SP signed note, whole
    signed_at_utc_ms bigint NOT NULL
);

-- The answers of requests that changed something, so that a repeated one gets the same.
CREATE TABLE request (
    request_id @rowid,              -- in the order of arrival, for forgetting the oldest
    request_key blob NOT NULL UNIQUE,
    digest blob NOT NULL,
    answer blob NOT NULL,
    at_utc_ms bigint NOT NULL
);
