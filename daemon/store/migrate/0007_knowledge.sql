-- Local truth of a hub: up to which entry of each feed its knowledge for sites counts. Beside feeds:
-- 0: the last version of `knowledge`, which never goes back, whatever rows are erased; -1: 1 once
-- all was looked at; -2: the day of the names in it.
CREATE TABLE knowledge_cursor (
    feed_no bigint PRIMARY KEY,
    seq bigint NOT NULL
);
-- Visits of passes that the site had not heard of: they get their holder when `net` names it.
CREATE INDEX visit_nameless ON visit (pass_id) WHERE holder_id = '';
