-- Times are milliseconds since the epoch. `request` and `progress` are JSON arrays in
-- the field order of esmed.models; the columns beside them are what is searched by.
-- AUTOINCREMENT: a number is never used again, even when all messages are pruned.
CREATE TABLE messages (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL,
    client     TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    lane       INTEGER NOT NULL,
    state      TEXT NOT NULL,
    due_at     INTEGER,
    deadline   INTEGER,
    final_at   INTEGER,
    reference  TEXT,
    recipient  TEXT NOT NULL,
    request    TEXT NOT NULL,
    progress   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE INDEX messages_due ON messages (lane, due_at, seq) WHERE due_at IS NOT NULL;
CREATE INDEX messages_deadline ON messages (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX messages_final ON messages (final_at) WHERE final_at IS NOT NULL;
CREATE INDEX messages_reference ON messages (reference) WHERE reference IS NOT NULL;
CREATE INDEX messages_recipient ON messages (recipient);
-- The other two are found soon enough without: most messages come to them.
CREATE INDEX messages_state ON messages (state, seq)
    WHERE state NOT IN ('delivered', 'sent');
-- What a dead process may have been writing, and what is held.
CREATE INDEX messages_marked ON messages (seq)
    WHERE state = 'submitting' AND due_at IS NULL;

-- A lane is what waits for the same connectors (a JSON array) with the same priority.
CREATE TABLE lanes (
    id       INTEGER PRIMARY KEY,
    via      TEXT NOT NULL,
    priority INTEGER NOT NULL,
    UNIQUE (via, priority)
) STRICT;

-- Accepted attempts, by the id under which receipts will know them.
CREATE TABLE smsc_ids (
    id        INTEGER PRIMARY KEY,
    connector TEXT NOT NULL,
    key       TEXT NOT NULL,
    smsc_id   TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    part      INTEGER NOT NULL,
    attempt   INTEGER NOT NULL,
    host      TEXT NOT NULL,
    recipient TEXT NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX smsc_ids_key ON smsc_ids (key, connector);

-- Receipts without a message, one row for each key they may be known by.
CREATE TABLE parked (
    connector  TEXT NOT NULL,
    key        TEXT NOT NULL,
    receipt    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    keep_until INTEGER NOT NULL,
    PRIMARY KEY (key, connector, receipt)
) STRICT, WITHOUT ROWID;
CREATE INDEX parked_until ON parked (keep_until);

CREATE TABLE idempotency (
    client TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest BLOB NOT NULL,
    status INTEGER NOT NULL,
    answer BLOB NOT NULL,
    at     INTEGER NOT NULL,
    PRIMARY KEY (client, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE inbound (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;

CREATE TABLE inbound_parts (
    origin     TEXT NOT NULL,
    part       INTEGER NOT NULL,
    give_up_at INTEGER NOT NULL,
    body       TEXT NOT NULL,
    PRIMARY KEY (origin, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_parts_until ON inbound_parts (give_up_at);

-- What was received lately, to know a redelivery: of a whole message after the session
-- that brought it has ended, less than a minute later; of a part always. What has an id
-- of the next hop's is known by that, always, and belongs to no session.
CREATE TABLE inbound_seen (
    digest      TEXT NOT NULL,
    session     TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    keep_until  INTEGER NOT NULL,
    ended       INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (digest, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbound_seen_until ON inbound_seen (keep_until);

-- Events; `url` is empty for the configured one, `due_at` null once delivered or dead.
CREATE TABLE outbox (
    seq        INTEGER PRIMARY KEY,
    id         TEXT NOT NULL,
    stream     TEXT NOT NULL,
    type       TEXT NOT NULL,
    url        TEXT NOT NULL,
    body       TEXT NOT NULL,
    state      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER,
    -- Patience counts from here: the event was made, or an operator had it sent again.
    begun_at   INTEGER NOT NULL,
    tries      INTEGER NOT NULL DEFAULT 0,
    attempts   TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX outbox_due ON outbox (url, due_at, seq, created_at)
    WHERE due_at IS NOT NULL;
CREATE INDEX outbox_stream ON outbox (stream, seq);
CREATE INDEX outbox_done ON outbox (created_at) WHERE due_at IS NULL;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('probe', '');
