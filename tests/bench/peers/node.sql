-- The tables of tests/bench/raw.c, with the number of the last entry of each site in the counter.
PRAGMA page_size=4096;
PRAGMA journal_mode=WAL;
CREATE TABLE pass (pass_no INTEGER PRIMARY KEY, pass_id blob UNIQUE, state bigint, units bigint,
    holder text, plan text, valid_from bigint, valid_to bigint);
CREATE TABLE visit (visit_no INTEGER PRIMARY KEY, request_id blob, site bigint, pass_no bigint,
    resource text, state bigint, in_utc_ms bigint, out_utc_ms bigint, day bigint, tariff bigint,
    plan text, issuer text, units bigint, price bigint, flags bigint, desk text, entry_id bigint);
CREATE UNIQUE INDEX visit_request ON visit (request_id);
CREATE INDEX visit_pass ON visit (pass_no, day);
CREATE TABLE entry (entry_id INTEGER PRIMARY KEY, bytes blob);
CREATE TABLE counter (site INTEGER PRIMARY KEY, n bigint);
WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT 120)
INSERT INTO counter SELECT n, 0 FROM s;
