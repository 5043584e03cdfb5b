-- Local truth of a node that began a feed with a snapshot: its parts as they came, of which a rebuild
-- makes the rows again before it replays what followed. Parts of another size than feed_base's are
-- those of one that is on its way.
CREATE TABLE snapshot_part (
    size bigint NOT NULL,             -- of the feed at the snapshot's head
    part_no bigint NOT NULL,          -- 0: the header
    bytes blob NOT NULL,              -- GetSnapshotResponse
    PRIMARY KEY (size, part_no)
);
