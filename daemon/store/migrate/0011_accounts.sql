-- Projection of `books`: how each member's accounts are kept.
CREATE TABLE chart (
    member_id text PRIMARY KEY,
    record blob NOT NULL              -- Chart
);
