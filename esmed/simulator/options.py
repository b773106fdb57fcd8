"""What a simulated SMSC can be told."""

from dataclasses import dataclass, field
from pathlib import Path

from esmed.simulator.hooks import Kind
from esmed.simulator.identifiers import IdForm
from esmed.simulator.wire import ReceiptForm


@dataclass(frozen=True, slots=True, kw_only=True)
class SmscOptions:
    """The defaults: any credentials, every message delivered at once, no faults.

    Durations are seconds. `outcomes` are rules of `esmed.simulator.outcomes`.
    `first_id` None starts message ids at the microsecond of the start, so that those of
    two runs differ.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    system_id: str | None = None
    password: str | None = field(default=None, repr=False)
    smsc_id: str = "esmed-smsc"
    max_binds: int | None = None
    max_transceivers: int | None = None
    enquire_link: float | None = None
    id_form: IdForm = IdForm.DECIMAL
    first_id: int | None = None
    outcomes: tuple[str, ...] = ()
    receipt_form: ReceiptForm = ReceiptForm.BOTH
    receipt_delay: float = 0.0
    response_delay: float = 0.0
    deliver_window: int = 1000
    redeliver_after: float = 30.0
    attempts: int = 20
    faults: tuple[Kind, ...] = ()
    seed: int = 0
    alphabet: str = "gsm0338"
    keep: int = 100_000
    journal: Path | None = None
