"""The file with one JSON line for each message accepted."""

from pathlib import Path

import msgspec

from esmed.simulator.messages import Message


class Entry(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One line: `short_message` is hex, with its UDH, or that of message_payload.

    `from`, `to` and `short_message` together tell a message that came twice. `session`
    is the number of the connection, which no other has, in this run or another;
    `response` in how many seconds it is to be answered, null if never.
    """

    number: int
    id: str
    at: float
    session: int
    response: float | None
    system_id: str
    from_: str
    to: str
    esm_class: int
    data_coding: int
    short_message: str


class Journal:
    """Collects what was accepted; the file has it before anybody is answered."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._entries: list[Entry] = []
        self._encoder = msgspec.json.Encoder()

    def add(self, message: Message, session: int, response: float | None) -> None:
        """The message will be in the file with the next `flush`."""
        submission = message.submission
        self._entries.append(
            Entry(
                message.number,
                message.message_id.decode(),
                message.at,
                session,
                response,
                message.system_id,
                submission.source.decode("latin-1"),
                submission.destination.decode("latin-1"),
                submission.esm_class,
                submission.data_coding,
                submission.payload.hex(),
            )
        )

    def flush(self) -> None:
        """Write what was added; `OSError` if the file takes no more."""
        if self._entries:
            entries, self._entries = self._entries, []
            self._file.write(self._encoder.encode_lines(entries))

    def close(self) -> None:
        """Flush, and no more."""
        self.flush()
        self._file.close()
