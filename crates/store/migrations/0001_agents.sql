-- The agents of one registry, the changes that led to them, and vectors that need not be computed again.
-- Standard SQL only, so that other engines that speak Postgres' protocol can run it.

CREATE TABLE agents (
    path text PRIMARY KEY,
    -- The entity tag of the card: what a writer must have read.
    etag text NOT NULL,
    -- Compact JSON, byte for byte as it is answered: the tag is computed from it.
    card text NOT NULL
);

CREATE TABLE changes (
    number bigint PRIMARY KEY,
    path text NOT NULL,
    -- The tag of the card since; null for what is gone.
    etag text,
    -- Who, when, what, as JSON. Its own number is 0: the one that counts stands beside it.
    record text NOT NULL
);

-- One row: the number of the latest change. Writers queue here, so that changes become visible in their order.
CREATE TABLE counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL
);

INSERT INTO counter (number) VALUES (0);

CREATE TABLE embeddings (
    -- Model and recipe: vectors of two models have nothing to do with each other.
    model text NOT NULL,
    -- SHA-256 of the text.
    text_hash bytea NOT NULL,
    -- Half-precision numbers, little endian.
    vector bytea NOT NULL,
    PRIMARY KEY (model, text_hash)
);
