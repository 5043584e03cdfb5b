-- Credits of invoices look for what was ruled on each visit behind them.
CREATE INDEX dispute_visit ON dispute (visit_id);
