"""Opening the sockets that HTTP is served on."""

import os
import socket
from pathlib import Path

import pytest

from esmed import listeners
from esmed.errors import ConfigError, TransportError
from esmed.fieldtypes import Endpoint, UnixSocket
from esmed.log import EventFormatter

LOOPBACK = Endpoint("127.0.0.1", 0)


def port_of(sock: socket.socket) -> int:
    port = sock.getsockname()[1]
    assert isinstance(port, int)
    return port


def test_who_comes_early_waits():
    with listeners.listening([LOOPBACK], {}) as [opened]:
        with socket.create_connection(("127.0.0.1", port_of(opened))) as early:
            accepted, _ = opened.accept()
            accepted.sendall(b"hello")
            accepted.close()
            assert early.recv(10) == b"hello"
        assert listeners.name(opened) == f"127.0.0.1:{port_of(opened)}"
    assert opened.fileno() == -1


def test_a_port_that_is_taken():
    with listeners.listening([LOOPBACK], {}) as [first]:
        taken = Endpoint("127.0.0.1", port_of(first))
        message = f"http.listen: cannot listen on {taken}: Address already in use"
        with (
            pytest.raises(TransportError, match=message),
            listeners.listening([LOOPBACK, taken], {}),
        ):
            pass


def test_both_families_on_one_port():
    with listeners.listening([Endpoint("0.0.0.0", 0)], {}) as [first]:
        other = Endpoint("::", port_of(first))
        with listeners.listening([other], {}) as [second]:
            assert listeners.name(second) == f"[::]:{port_of(first)}"


def test_a_unix_socket_is_for_owner_and_group_and_goes_with_its_listener(
    tmp_path: Path,
):
    path = tmp_path / "http.sock"
    with listeners.listening([UnixSocket(path)], {}) as [opened]:
        assert path.stat().st_mode & 0o777 == 0o660
        assert listeners.name(opened) == f"unix:{path}"
    assert not path.exists()


def test_a_unix_socket_in_use(tmp_path: Path):
    address = UnixSocket(tmp_path / "http.sock")
    with listeners.listening([address], {}):
        with (
            pytest.raises(TransportError, match=r"http\.sock: Address already in use"),
            listeners.listening([address], {}),
        ):
            pass
        assert address.path.exists()


def test_a_unix_socket_that_a_dead_process_left(tmp_path: Path):
    path = tmp_path / "http.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.is_socket()
    with (
        listeners.listening([UnixSocket(path)], {}),
        socket.socket(socket.AF_UNIX) as caller,
    ):
        caller.connect(str(path))
    assert not path.exists()


def test_a_file_is_not_taken_for_a_socket(tmp_path: Path):
    path = tmp_path / "http.sock"
    path.write_text("precious")
    with (
        pytest.raises(TransportError, match="Address already in use"),
        listeners.listening([UnixSocket(path)], {}),
    ):
        pass
    assert path.read_text() == "precious"


def test_what_another_process_has_put_there_stays(tmp_path: Path):
    path = tmp_path / "http.sock"
    with listeners.listening([UnixSocket(path)], {}):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_a_unix_socket_taken_away_meanwhile(tmp_path: Path):
    path = tmp_path / "http.sock"
    with listeners.listening([UnixSocket(path)], {}):
        path.unlink()
    assert not path.exists()


def test_a_path_that_is_too_long(tmp_path: Path):
    path = tmp_path / ("x" * 120)
    with (
        pytest.raises(TransportError, match=r"cannot listen on unix:.*path too long"),
        listeners.listening([UnixSocket(path)], {}),
    ):
        pass


def test_sockets_meant_for_another_process_are_left_alone():
    environ = {"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "5"}
    with listeners.listening([LOOPBACK], environ) as opened:
        assert len(opened) == 1


class Manager:
    """Hands on sockets as a service manager does, from some number on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, *given: socket.socket, names: str = "") -> dict[str, str]:
        """Pass copies of sockets; the environment that tells of them."""
        # Far from the numbers that anything else may get meanwhile.
        first = 500
        self._monkeypatch.setattr(listeners, "_FIRST_INHERITED", first)
        for number, one in enumerate(given, first):
            os.dup2(one.fileno(), number, inheritable=True)
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given))}
        return {**environ, "LISTEN_FDNAMES": names} if names else environ


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Manager:
    return Manager(monkeypatch)


@pytest.mark.parametrize("names", ["", "http:http", "esmed.socket:esmed.socket"])
def test_inherited(names: str, manager: Manager, tmp_path: Path):
    path = str(tmp_path / "http.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(path)
        unix.listen()
        environ = manager(tcp, unix, names=names)
        with listeners.listening([LOOPBACK], environ) as opened:
            assert port_of(opened[0]) == port_of(tcp)
            assert listeners.name(opened[1]) == f"unix:{path}"
            assert not any(one.get_inheritable() for one in opened)
            # As for Nagle's algorithm: see above.
            assert opened[0].proto == socket.IPPROTO_TCP
        # They are the manager's, and go on.
        assert opened[0].fileno() == -1
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(path)


def test_a_queue_keeps_its_length(manager: Manager, tmp_path: Path):
    """asyncio would shorten it, and turn away who waits in it."""
    path = str(tmp_path / "http.sock")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen(20)
        with listeners.listening([], manager(unix)) as [opened]:
            opened.listen(1)
            callers = [socket.socket(socket.AF_UNIX) for _ in range(20)]
            for caller in callers:
                caller.setblocking(False)
                caller.connect(path)
                caller.close()


def test_who_is_told_that_the_configured_ones_are_not_used(
    manager: Manager, caplog: pytest.LogCaptureFixture
):
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        same = Endpoint("127.0.0.1", port_of(tcp))
        with listeners.listening([same], manager(tcp)):
            assert not caplog.text
        with listeners.listening([LOOPBACK], manager(tcp)):
            told = EventFormatter("text").format(caplog.records[-1])
            assert f"listeners.inherited used={same} not_used=127.0.0.1:0" in told


def test_what_is_no_listening_socket(manager: Manager, tmp_path: Path):
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.create_connection(tcp.getsockname()) as connected,
        pytest.raises(ConfigError, match="Accept=no"),
        listeners.listening([LOOPBACK], manager(connected)),
    ):
        pass
    with (tmp_path / "file").open("wb") as file:
        os.dup2(file.fileno(), 500)
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with (
        pytest.raises(ConfigError, match="inherited sockets: not all 1 are sockets"),
        listeners.listening([LOOPBACK], environ),
    ):
        pass
    os.close(500)


def test_one_that_was_meant_for_something_else(manager: Manager):
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        pytest.raises(ConfigError, match="FileDescriptorName=callbacks"),
        listeners.listening([LOOPBACK], manager(tcp, tcp, names="http:callbacks")),
    ):
        pass


def test_what_is_open_to_other_machines():
    with listeners.listening([LOOPBACK, Endpoint("::1", 0)], {}) as opened:
        listeners.check_local(opened)
    everywhere = [Endpoint("0.0.0.0", 0)]
    with (
        listeners.listening(everywhere, {}) as opened,
        pytest.raises(ConfigError, match=r"0\.0\.0\.0:\d+ is open to others"),
    ):
        listeners.check_local(opened)
