-- Invoices. Projections first.

-- A document of a close as an invoice, or as a pro forma (sequence 0).
CREATE TABLE invoice (
    month bigint NOT NULL,            -- of the close
    kind bigint NOT NULL,             -- DocumentKind
    seller_member_id text NOT NULL,
    buyer_id text NOT NULL,
    credit_note bigint NOT NULL,
    number text NOT NULL,
    series text NOT NULL,
    sequence bigint NOT NULL,
    issued_on text NOT NULL,
    record blob NOT NULL,             -- NumberedInvoice
    recorded_number text NOT NULL,    -- of the host's own invoice; empty: it has not come
    recorded_on text NOT NULL,
    PRIMARY KEY (month, kind, seller_member_id, buyer_id, credit_note)
);
CREATE INDEX invoice_number ON invoice (number);
CREATE INDEX invoice_series ON invoice (series, sequence);
CREATE INDEX invoice_party ON invoice (seller_member_id, buyer_id);
CREATE TABLE invoice_close (
    month bigint PRIMARY KEY,
    issued_on text NOT NULL,
    terms_sha256 blob NOT NULL
);

-- Local truth of a hub, beside the settlement documents: what invoices of a close were made from,
-- and which entries stand behind their lines.
CREATE TABLE invoice_terms (
    month bigint PRIMARY KEY,
    terms blob NOT NULL               -- InvoiceTerms
);
-- For each line in order: how many (u32), then the ids of the entries that began the visits (u64).
CREATE TABLE invoice_evidence (
    month bigint NOT NULL,
    place bigint NOT NULL,            -- of the document in its settlement document, from 0
    keys blob NOT NULL,
    PRIMARY KEY (month, place)
);
