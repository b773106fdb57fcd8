"""The stand-in for SMS Traffic by mail, written to as technical description 2.3 does,
by the client of the standard library."""

import asyncio
import re
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from fakes.ca import Authority

from esmed.simulator.bridge.cli import read_fail
from esmed.simulator.bridge.faults import ProviderFault
from esmed.simulator.bridge.httpfaults import Close, Delay
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.providers.smstraffic_smtp import Simulator
from esmed.simulator.values import Seconds

VECTORS = Path(__file__).parents[1] / "providers" / "vectors" / "smstraffic-smtp"
LIMIT = 60.0
FROM = "yourname@yourdomain.ru"
COMMON = "multi@smtp2.smsmail.ru"
TEXT = "You need to pay an invoice of $17.65. For inquiries, call 1234567."


async def talk(simulator: Simulator, act: Callable[[smtplib.SMTP], Any]) -> Any:
    """Have a client say something, in a thread."""

    def work() -> Any:
        host, _, port = simulator.url.rpartition(":")
        with smtplib.SMTP(host, int(port), "client.example", LIMIT) as client:
            client.ehlo()
            return act(client)

    return await asyncio.to_thread(work)


async def write(simulator: Simulator, to: str, mail: bytes | str) -> Any:
    return await talk(simulator, lambda client: client.sendmail(FROM, to, mail))


def sample(name: str) -> bytes:
    return (VECTORS / name).read_bytes()


async def refusal(simulator: Simulator, to: str, mail: bytes | str) -> int:
    with pytest.raises(smtplib.SMTPException) as refused:
        await write(simulator, to, mail)
    if isinstance(refused.value, smtplib.SMTPRecipientsRefused):
        ((code, _),) = refused.value.recipients.values()
        return int(code)
    assert isinstance(refused.value, smtplib.SMTPResponseException)
    return refused.value.smtp_code


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("yourlogin@corp.smsmail.ru", "variant1-subject.txt"),
        ("78000000001.yourlogin@corp.smsmail.ru", "variant1-address.txt"),
        (COMMON, "variant2.txt"),
    ],
)
async def test_the_samples(to: str, name: str) -> None:
    options = ProviderOptions(login="yourlogin", password="yourpass")
    async with Simulator(options) as simulator:
        await write(simulator, to, sample(name))
        (message,) = simulator.messages()
        assert (message.to, message.text) == ("78000000001", TEXT)
        assert message.from_ == ("MyCompany" if to == COMMON else "")
        assert simulator.answers == [(0, "queued 1 messages")]


@pytest.mark.parametrize("way", ["8bit", "quoted-printable", "base64"])
async def test_mime(way: str) -> None:
    mail = EmailMessage(SMTP)
    mail["To"] = COMMON
    mail.set_content(
        "login: a\n\npassword: b\n\nphones: 78000000001,78000000002\n\n"
        "message: Привіт\n.\nрядок\n\nrus: 5\n\n\n\ntimeout: 600\n",
        cte=way,
    )
    async with Simulator() as simulator:
        await write(simulator, COMMON, mail.as_bytes())
        assert [(one.to, one.text) for one in simulator.messages()] == [
            ("78000000001", "Привіт\n.\nрядок"),
            ("78000000002", "Привіт\n.\nрядок"),
        ]
        assert simulator.messages()[0].fields["timeout"] == "600"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (("password: yourpass", "password: wrong"), 411),
        (("login: yourlogin\n\n", ""), 401),
        (("phones: 78000000001\n\n", ""), 403),
        (("78000000001", "78000000010"), 432),
        (("invoice", "in\n\nvoice"), 404),
        (("MyCompany", "TwelveLetter"), 421),
    ],
)
async def test_what_is_wrong_is_not_told(change: tuple[str, str], code: int) -> None:
    options = ProviderOptions(login="yourlogin", password="yourpass")
    async with Simulator(options) as simulator:
        mail = sample("variant2.txt").decode().replace(*change)
        assert await write(simulator, COMMON, mail) == {}
        assert [answer for answer, _ in simulator.answers] == [code]
        assert simulator.messages() == []


async def test_a_mail_of_nothing() -> None:
    async with Simulator() as simulator:
        mail = "Subject: 78000000001\n\n"
        await write(simulator, "yourlogin@corp.smsmail.ru", mail)
        assert [answer for answer, _ in simulator.answers] == [405]


@pytest.mark.parametrize(
    "to", ["other@corp.smsmail.ru", "multi@smtp.example", "someone@example.org"]
)
async def test_who_is_not_there(to: str) -> None:
    async with Simulator(ProviderOptions(login="yourlogin")) as simulator:
        assert await refusal(simulator, to, sample("variant1-subject.txt")) == 550
        assert simulator.messages() == []


async def test_commands() -> None:
    def act(client: smtplib.SMTP) -> list[int]:
        said = [
            *("DATA", "RCPT TO:<a@b>", "MAIL nobody", f"MAIL FROM:<{FROM}>", "NOOP"),
            *("DATA", f"RCPT TO:<{COMMON}>", "RSET", "DATA", "STARTTLS", "VRFY x"),
            *("HELO client.example", "QUIT"),
        ]
        return [client.docmd(*line.split(" ", 1))[0] for line in said]

    async with Simulator() as simulator:
        assert await talk(simulator, act) == [
            *(503, 503, 501, 250, 250, 503, 250, 250, 503, 502, 502, 250, 221)
        ]


async def test_starttls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("mail", "IP:127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    options = ProviderOptions(tls_certificate=issued.certificate, tls_key=issued.key)

    def act(client: smtplib.SMTP) -> int:
        assert client.has_extn("starttls")
        client._host = "127.0.0.1"  # type: ignore[attr-defined]
        client.starttls(context=trusting)
        client.ehlo()
        assert not client.has_extn("starttls")
        client.sendmail(FROM, COMMON, sample("variant2.txt"))
        return client.docmd("STARTTLS")[0]

    async with Simulator(options) as simulator:
        assert await talk(simulator, act) == 502
        assert len(simulator.messages()) == 1


async def test_tls_at_once(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("mail", "IP:127.0.0.1")
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    options = ProviderOptions(
        tls_certificate=issued.certificate,
        tls_key=issued.key,
        settings={"tls": "tls"},
    )
    async with Simulator(options) as simulator:

        def work() -> None:
            with smtplib.SMTP_SSL(
                "127.0.0.1",
                simulator.port,
                "client.example",
                timeout=LIMIT,
                context=trusting,
            ) as client:
                client.sendmail(FROM, COMMON, sample("variant2.txt"))

        await asyncio.to_thread(work)
        assert len(simulator.messages()) == 1


@pytest.mark.parametrize(
    ("fault", "taken"),
    [(Close(on="send"), 0), (Close(on="send", processed=True), 1)],
)
async def test_hanging_up_at_the_end(fault: ProviderFault, taken: int) -> None:
    async with Simulator(ProviderOptions(faults=(fault,))) as simulator:
        with pytest.raises(smtplib.SMTPServerDisconnected):
            await write(simulator, COMMON, sample("variant2.txt"))
        assert len(simulator.messages()) == taken


@pytest.mark.parametrize("on", ["connect", "recipient"])
async def test_hanging_up_before(on: str) -> None:
    async with Simulator(ProviderOptions(faults=(Close(on=on),))) as simulator:
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            await write(simulator, COMMON, sample("variant2.txt"))
        assert simulator.messages() == []


async def test_codes_on_demand() -> None:
    options = ProviderOptions(faults=(read_fail("450"),))
    async with Simulator(options) as simulator:
        assert await refusal(simulator, COMMON, sample("variant2.txt")) == 450
        assert simulator.answers == []


async def test_every_third_mail() -> None:
    async with Simulator(ProviderOptions(faults=(read_fail("450:every=3"),))) as one:
        for _ in range(2):
            assert await write(one, COMMON, sample("variant2.txt")) == {}
        assert await refusal(one, COMMON, sample("variant2.txt")) == 450
        assert await write(one, COMMON, sample("variant2.txt")) == {}


async def test_later() -> None:
    fault = Delay(on="send", seconds=Seconds(0.05))
    async with Simulator(ProviderOptions(faults=(fault,))) as simulator:
        assert await write(simulator, COMMON, sample("variant2.txt")) == {}


async def test_it_stops_while_somebody_is_there() -> None:
    async with Simulator() as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        assert re.match(b"220 ", await reader.readline())
    assert await reader.read() == b""
    writer.close()
