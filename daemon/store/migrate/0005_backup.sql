-- Only filled in the copy that a backup is: the other files of the state folder.
CREATE TABLE backup_file (
    name text PRIMARY KEY,          -- below the state folder
    private bigint NOT NULL,        -- 1: mode 0600
    body blob NOT NULL
);
