-- What was voided or replaced since a cut: few rows, and none is written at a check-in.
CREATE INDEX visit_undone ON visit (last_key) WHERE state IN (3, 4);
