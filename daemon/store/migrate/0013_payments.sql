-- Payments. Projections first.

-- A transfer of a close, or an invoice, once something happened to it; what has no row is to be paid.
CREATE TABLE payment (
    payment_id text PRIMARY KEY,      -- end-to-end id
    month bigint NOT NULL,            -- of the close
    state bigint NOT NULL,            -- PaymentState
    message_id text NOT NULL,         -- of the file in which it was sent last; empty: none
    group_id text NOT NULL,           -- of the group in that file
    sent_iban text NOT NULL,          -- of the other side in that file
    bank_reference text NOT NULL,     -- of its last booking; empty: none
    booked_on text NOT NULL,
    return_reason text NOT NULL,
    told_by_payee bigint NOT NULL     -- of that booking
);
CREATE INDEX payment_month ON payment (month);
-- A file for a bank, in parts.
CREATE TABLE payment_run (
    entry_key bigint PRIMARY KEY,
    month bigint NOT NULL,
    kind bigint NOT NULL,             -- PaymentKind
    party_id text NOT NULL,
    run bigint NOT NULL,
    record blob NOT NULL              -- PaymentsSent
);
CREATE INDEX payment_run_of ON payment_run (month, kind, party_id, run);
-- Mandates that an issuer has debited.
CREATE TABLE payment_mandate (
    party_id text NOT NULL,
    mandate_id text NOT NULL,
    PRIMARY KEY (party_id, mandate_id)
);
-- Which bookings settle which payments.
CREATE TABLE payment_booking (
    booking_id text NOT NULL,
    payment_id text NOT NULL,
    month bigint NOT NULL,
    entry_key bigint NOT NULL,
    place bigint NOT NULL,            -- in the entry
    undone bigint NOT NULL,
    record blob NOT NULL,             -- PaymentBooking
    PRIMARY KEY (booking_id, payment_id)
);
CREATE INDEX payment_booking_of ON payment_booking (payment_id);
-- Closed months that are paid.
CREATE TABLE period_paid (
    month bigint PRIMARY KEY,
    paid_utc_ms bigint NOT NULL
);
-- Reminders that were sent.
CREATE TABLE payment_reminder (
    payment_id text NOT NULL,
    level bigint NOT NULL,
    month bigint NOT NULL,            -- of the close
    sent_on text NOT NULL,
    PRIMARY KEY (payment_id, level)
);
-- Issuers that have a limit of what they may owe.
CREATE TABLE exposure (
    member_id text PRIMARY KEY,
    limit_cents bigint NOT NULL,
    level bigint NOT NULL,            -- ExposureLevel
    owed_cents bigint NOT NULL,       -- when the level changed last
    since_utc_ms bigint NOT NULL
);
-- Employers whose passes are suspended since they do not pay, and those passes.
CREATE TABLE employer_suspension (
    employer_id text PRIMARY KEY,
    payment_id text NOT NULL
);
CREATE TABLE suspended_pass (
    pass_id blob PRIMARY KEY,
    employer_id text NOT NULL
);
CREATE INDEX suspended_pass_of ON suspended_pass (employer_id);

-- Local truth of a hub: bookings of statements that concern an account of a member, beside what was
-- matched with them. They name persons and what has nothing to do with the network, so they stay
-- out of feeds.
CREATE TABLE bank_booking (
    booking_id text PRIMARY KEY,
    member_id text NOT NULL,
    booked_on text NOT NULL,
    ignored bigint NOT NULL,          -- 1: somebody said that it is none of the network's
    record blob NOT NULL              -- Booking
);
