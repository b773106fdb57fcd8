-- Numbers are compared by their last seven digits: esmed.store.matching.number.
DROP INDEX messages_recipient;
CREATE INDEX messages_number ON messages (substr(recipient, -7));
DROP INDEX messages_marked;
CREATE INDEX messages_marked ON messages (substr(recipient, -7))
    WHERE state = 'submitting' AND due_at IS NULL;
-- A receipt's addresses may be swapped.
CREATE INDEX parked_source
    ON parked (substr(json_extract(body, '$.source'), -7));
CREATE INDEX parked_destination
    ON parked (substr(json_extract(body, '$.destination'), -7));
