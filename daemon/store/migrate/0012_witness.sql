-- Local truth of a hub: logs of others that it witnesses. What was cosigned last is never forgotten,
-- and never followed by a smaller size or another root.
CREATE TABLE witnessed_log (
    origin text PRIMARY KEY,
    verifier_keys text NOT NULL,      -- one a line; empty: not witnessed any more
    size bigint NOT NULL,             -- of `note`; 0: none was cosigned
    root blob NOT NULL,
    note text NOT NULL,               -- the checkpoint cosigned last, with our cosignature
    cosigned_utc_ms bigint NOT NULL,  -- real time
    contradiction text NOT NULL,      -- the first one that its key signed against it, and it; empty
    contradicted text NOT NULL
);
-- Local truth of every node: what others cosigned of the feeds that it keeps. Cosignatures stand in
-- the note; the cursors say how far each witness is.
CREATE TABLE witnessed_feed (
    feed_no @rowid,
    size bigint NOT NULL,
    note text NOT NULL
);
CREATE TABLE witness_cursor (
    origin text NOT NULL,
    verifier_key text NOT NULL,
    size bigint NOT NULL,
    PRIMARY KEY (origin, verifier_key)
);
