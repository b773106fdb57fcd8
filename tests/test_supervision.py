"""The status line, and what the watchdog goes by."""

from typing import Any

from fakes.clock import ManualClock
from fakes.connector import FakeConnector

from esmed.connector import BindView, HostView
from esmed.supervision import of_connectors, status_line
from esmed.watchdog import Pulse


class Carrier(FakeConnector):
    def __init__(self, name: str, *hosts: HostView) -> None:
        super().__init__(name, ManualClock())
        self._hosts = list(hosts)

    def hosts(self) -> list[HostView]:
        return self._hosts


def host(address: str, state: Any = "bound", reason: str = "", **more: Any) -> HostView:
    return HostView(
        address=address, role="primary", state=state, reason=reason, since=0, **more
    )


def test_binds_of_every_host():
    binds = [
        BindView(bind="transmitter", state="bound", reason="", since=0),
        BindView(bind="receiver", state="connecting", reason="", since=0),
    ]
    one = Carrier(
        "one", host("a:1"), host("b:2", "closed", "refused"), host("c:3", "closed")
    )
    two = Carrier("two", host("d:4", binds=binds), host("e:5", binds=binds[:1]))
    assert status_line([one, two]) == (
        "one up (a:1 bound, b:2 closed: refused, c:3 closed);"
        " two up (d:4 1 of 2 bound, e:5 bound)"
    )


def test_a_line_has_an_end():
    carrier = Carrier("carrier", host("a:1", "closed", "x" * 10_000))
    assert len(status_line([carrier]).encode()) < 4096


def test_a_connector_that_has_stopped_working_owes_a_step():
    dead, well = Carrier("dead"), Carrier("well")
    dead.alive = lambda: False  # type: ignore[method-assign]
    assert dict(of_connectors({"dead": dead, "well": well})) == {
        "dead": Pulse(0, busy=True),
        "well": Pulse(0, busy=False),
    }
