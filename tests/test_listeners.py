"""Opening the sockets that HTTP is served on."""

import os
import socket
from pathlib import Path

import pytest

from esmed import listeners
from esmed.errors import TransportError
from esmed.fieldtypes import Endpoint, UnixSocket

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


@pytest.mark.parametrize("inherited", ["socket", "file"])
def test_inherited(inherited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = os.dup(server.fileno())
        if inherited == "file":
            with (tmp_path / "file").open("wb") as file:
                os.dup2(file.fileno(), number)
        monkeypatch.setattr(listeners, "_FIRST_INHERITED", number)
        if inherited == "file":
            with (
                pytest.raises(TransportError, match="LISTEN_FDS=1, but not all"),
                listeners.listening([LOOPBACK], environ),
            ):
                pass
            os.close(number)
        else:
            with listeners.listening([LOOPBACK], environ) as [opened]:
                assert port_of(opened) == port_of(server)
