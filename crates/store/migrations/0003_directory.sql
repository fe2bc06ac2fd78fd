-- The agent directory of the auth-servers: its events, and now and then a snapshot in the place of old ones.
-- Standard SQL only. Registries that know nothing of it serve on: min_reader stays.

CREATE TABLE directory_events (
    number bigint PRIMARY KEY,
    -- Who wrote it together with which others: by it, a commit whose answer was lost is found again.
    batch text NOT NULL,
    -- What happened, as JSON.
    event text NOT NULL
);

-- One row: the latest event. Writers queue here, and whoever has not seen that event changes nothing.
CREATE TABLE directory_counter (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL,
    batch text NOT NULL
);

INSERT INTO directory_counter (number, batch) VALUES (0, '');

-- One row: the directory after the event of this number, as JSON; empty before the first.
CREATE TABLE directory_snapshot (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    number bigint NOT NULL,
    picture text NOT NULL
);

INSERT INTO directory_snapshot (number, picture) VALUES (0, '');
