-- Credits of invoices look for what was ruled on each visit behind them.
CREATE INDEX dispute_visit ON dispute (visit_id);
-- What bookings have paid of a payment in part.
ALTER TABLE payment ADD COLUMN part_cents bigint NOT NULL DEFAULT 0;
