-- What senders of MO messages were answered: repetitions are answered the same.
CREATE TABLE mo_answers (
    digest       TEXT PRIMARY KEY,
    at           INTEGER NOT NULL,
    content_type TEXT NOT NULL,
    body         BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mo_answers_at ON mo_answers (at);
