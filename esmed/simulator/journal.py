"""The file with one JSON line for each message accepted."""

from pathlib import Path

import msgspec

from esmed.simulator.agenda import Agenda
from esmed.simulator.messages import Message

_FLUSH_EVERY = 1.0
"""Seconds; a killed simulator loses as much, so kill the other side."""


class Entry(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """One line: `short_message` is hex, with its UDH, or that of message_payload.

    `from`, `to` and `short_message` together tell a message that came twice.
    """

    number: int
    id: str
    at: float
    system_id: str
    from_: str
    to: str
    esm_class: int
    data_coding: int
    short_message: str


class Journal:
    """Collects what was accepted and appends it to the file once a second."""

    def __init__(self, path: Path, agenda: Agenda) -> None:
        self._file = path.open("ab")
        self._agenda = agenda
        self._messages: list[Message] = []
        self._encoder = msgspec.json.Encoder()

    def add(self, message: Message) -> None:
        """The message will be in the file within a second."""
        if not self._messages:
            self._agenda.call_later(_FLUSH_EVERY, self.flush)
        self._messages.append(message)

    def flush(self) -> None:
        """Write what was added; `OSError` if the file takes no more."""
        messages, self._messages = self._messages, []
        self._file.write(self._encoder.encode_lines(map(_entry, messages)))
        self._file.flush()

    def close(self) -> None:
        """Flush, and no more."""
        self.flush()
        self._file.close()


def _entry(message: Message) -> Entry:
    submission = message.submission
    return Entry(
        message.number,
        message.message_id.decode(),
        message.at,
        message.system_id,
        submission.source.decode("latin-1"),
        submission.destination.decode("latin-1"),
        submission.esm_class,
        submission.data_coding,
        submission.payload.hex(),
    )
