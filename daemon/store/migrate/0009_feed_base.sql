-- Local truth of a node that began a feed with a snapshot: its entries 1 to size are not here but as
-- rows without bytes, which hold the nodes of the tree's right edge at that size.
CREATE TABLE feed_base (
    feed_no bigint PRIMARY KEY,
    size bigint NOT NULL,
    root blob NOT NULL
);
