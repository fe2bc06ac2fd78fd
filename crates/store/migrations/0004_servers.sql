-- The MCP servers of one registry and the changes that led to them: the same tables as those of agents.
-- Standard SQL only. Registries that know nothing of them serve on: min_reader stays.

CREATE TABLE servers (
    path text PRIMARY KEY,
    -- The entity tag of the card: what a writer must have read.
    etag text NOT NULL,
    -- Compact JSON, byte for byte as it is kept: the tag is computed from it. Its secret headers are sealed.
    card text NOT NULL
);

CREATE TABLE server_changes (
    number bigint PRIMARY KEY,
    path text NOT NULL,
    -- The tag of the card since; null for what is gone.
    etag text,
    -- Who, when, what, as JSON. Its own number is 0: the one that counts stands beside it.
    record text NOT NULL
);

-- One row: the number of the latest change, and which life of the database it is of. Writers queue here.
CREATE TABLE server_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL,
    generation text NOT NULL DEFAULT (gen_random_uuid()::text)
);

INSERT INTO server_counter (number) VALUES (0);
