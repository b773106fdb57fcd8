"""Kannel as Debian packages it: bearerbox and smsbox, file store, receipts on."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from bench import load, processes

_CORE = """
group = core
admin-port = {admin}
admin-password = bench
smsbox-port = {box}
log-file = "{folder}/bearerbox.log"
log-level = 4
box-allow-ip = "127.0.0.1"
store-type = file
store-location = "{folder}/kannel.store"
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = bench
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = kannel
smsc-password = bench
system-type = ""
max-pending-submits = 100

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {http}
log-file = "{folder}/smsbox.log"
log-level = 4

group = sendsms-user
username = bench
password = bench

group = sms-service
keyword = default
text = "none"
max-messages = 0
"""


def installed() -> bool:
    """Whether there is a Kannel to compare with."""
    return bool(shutil.which("bearerbox") and shutil.which("smsbox"))


def request(port: int) -> bytes:
    """The same message as the daemon gets, receipts asked for."""
    query = urlencode(
        {
            "username": "bench",
            "password": "bench",
            "to": load.SINGLE["to"],
            "from": load.SINGLE["from"],
            "text": load.SINGLE["text"],
            "dlr-mask": "3",
        }
    )
    return load.get(port, f"/cgi-bin/sendsms?{query}")


@contextlib.contextmanager
def kannel(folder: Path, smsc: int) -> Iterator[int]:
    """Both boxes, bound; the port of sendsms."""
    home = folder / "kannel"
    home.mkdir()
    admin, box, http = (processes.free_port() for _ in range(3))
    config = home / "kannel.conf"
    config.write_text(
        _CORE.format(admin=admin, box=box, http=http, smsc=smsc, folder=home)
    )
    status = f"http://127.0.0.1:{admin}/status.txt?password=bench"
    with processes.running(["bearerbox", str(config)], home / "out") as bearerbox:
        processes.wait_for(status, bearerbox)
        with processes.running(["smsbox", str(config)], home / "out2") as smsbox:
            processes.wait_until(lambda: b"online" in processes.ask(status), bearerbox)
            url = f"http://127.0.0.1:{http}/cgi-bin/sendsms"
            processes.wait_until(lambda: processes.answers(url), smsbox)
            yield http
