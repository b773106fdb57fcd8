"""Secrets: their sources, and that they never show."""

import pickle
from pathlib import Path

import pytest

from esmed.secret import EXPECTED, Secret, Surroundings, read_secret

HERE = Surroundings(environ={"PW": "s3cret", "NONE": ""}, directory=Path("/srv/esmed"))


def refusal(raw: object, surroundings: Surroundings = HERE) -> ValueError:
    with pytest.raises(ValueError, match=r".") as caught:
        read_secret(raw, surroundings)
    return caught.value


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b" s3cret \n\n", " s3cret \n"),
        ("пароль\n".encode(), "пароль"),
    ],
)
def test_file(tmp_path: Path, content: bytes, secret: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    assert read_secret({"file": str(file)}, HERE).reveal() == secret


def test_other_sources(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("s3cret\n")
    here = Surroundings(
        environ={"CREDENTIALS_DIRECTORY": str(tmp_path)}, directory=tmp_path
    )
    assert read_secret("s3cret", HERE).reveal() == "s3cret"
    assert read_secret({"env": "PW"}, HERE).reveal() == "s3cret"
    assert read_secret({"credential": "pw"}, here).reveal() == "s3cret"
    assert read_secret({"file": "pw"}, here).reveal() == "s3cret"


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        ("", "the secret is empty"),
        ({"env": "NONE"}, "the secret is empty"),
        ({"env": "NOPE"}, "the environment variable NOPE is not set"),
        ({"file": "/nowhere/pw"}, "cannot read /nowhere/pw: No such file or directory"),
        ({"file": "pw"}, "cannot read /srv/esmed/pw: No such file or directory"),
        ({"file": "/"}, "cannot read /: Is a directory"),
        ({"credential": "pw"}, "credential pw: $CREDENTIALS_DIRECTORY is not set"),
    ],
)
def test_refused(raw: object, complaint: str) -> None:
    assert str(refusal(raw)) == complaint


@pytest.mark.parametrize(
    "raw",
    [12345, None, ["hunter2"], {}, {"hunter": "2"}, {"file": 12345},
     {"file": "a", "env": "b"}, {"credential": "a", "hunter2": "b"}],
)  # fmt: skip
def test_what_has_the_wrong_shape_is_not_shown(raw: object) -> None:
    assert str(refusal(raw)) == EXPECTED


@pytest.mark.parametrize("name", ["../pw", "..", ".", "a/b", "/etc/passwd", ""])
def test_a_credential_is_a_file_name(tmp_path: Path, name: str) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    here = Surroundings(environ=environ, directory=tmp_path)
    complaint = str(refusal({"credential": name}, here))
    assert complaint == "a credential is a plain file name"


def test_content_of_a_file_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"hunter2\xff")
    error = refusal({"file": str(file)})
    assert str(error) == f"{file} is not UTF-8 text"
    assert error.__cause__ is None
    file.write_bytes(b"x" * 70_000)
    assert str(refusal({"file": str(file)})) == f"{file} is too large for a secret"
    file.write_bytes(b"\n")
    assert str(refusal({"file": str(file)})) == "the secret is empty"


def test_a_secret_does_not_show() -> None:
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} %s" % secret == (
        "(redacted) Secret(redacted) (redacted)"
    )
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError, match="cannot be serialised"):
        pickle.dumps(secret)


def test_equality_is_that_of_the_string() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = Surroundings.of_process({})
    assert here.path("a/../b") == tmp_path / "b"
    assert here.path("/x") == Path("/x")
    state = Surroundings.of_process({"STATE_DIRECTORY": "/var/lib/esmed:/var/lib/b"})
    assert state.path("b") == Path("/var/lib/esmed/b")
