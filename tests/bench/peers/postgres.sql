-- The transaction of tests/bench/raw.c as one function; `gapless` takes the entry's number from a
-- locked row, as a ledger without gaps must; otherwise it comes from a sequence.
CREATE TABLE pass (pass_no bigint PRIMARY KEY, pass_id uuid UNIQUE, state bigint, units bigint,
    holder text, plan text, valid_from bigint, valid_to bigint);
CREATE TABLE visit (visit_no bigserial PRIMARY KEY, request_id uuid, site bigint, pass_no bigint,
    resource text, state bigint, in_utc_ms bigint, out_utc_ms bigint, day bigint, tariff bigint,
    plan text, issuer text, units bigint, price bigint, flags bigint, desk text, entry_id bigint);
CREATE UNIQUE INDEX visit_request ON visit (request_id);
CREATE INDEX visit_pass ON visit (pass_no, day);
CREATE TABLE entry (entry_id bigint PRIMARY KEY, bytes bytea);
CREATE TABLE counter (one bigint PRIMARY KEY, n bigint) WITH (fillfactor = 10);
CREATE SEQUENCE entry_no;
INSERT INTO counter VALUES (1, 0);
INSERT INTO pass SELECT n, md5(n::text)::uuid, 1, 10, 'holder', 'plan', 1, 2
    FROM generate_series(1, :passes) n;

CREATE FUNCTION check_in(request uuid, at_site bigint, shown uuid, gapless boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    found_no bigint;
    of_pass bigint;
    number bigint;
BEGIN
    SELECT visit_no INTO found_no FROM visit WHERE request_id = request;
    IF FOUND THEN
        RETURN found_no;
    END IF;
    SELECT pass_no INTO of_pass FROM pass WHERE pass_id = shown AND state = 1;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF gapless THEN
        UPDATE counter SET n = n + 1 WHERE one = 1 RETURNING n INTO number;
    ELSE
        number := nextval('entry_no') + (1::bigint << 50);
    END IF;
    INSERT INTO visit VALUES (DEFAULT, request, at_site, of_pass, 'desk', 1, 1790000000000, NULL,
        20700, 3, 'carnet-10', 'member-012', 1, 1500, 0, 'tablet-1', number) RETURNING visit_no
        INTO found_no;
    INSERT INTO entry VALUES (number, decode(repeat(md5(request::text), 18), 'hex')
        || '\x0102030405060708090a0b0c');
    RETURN found_no;
END $$;
VACUUM ANALYZE pass;
