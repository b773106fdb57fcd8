"""Starting and stopping the assembled daemon."""

import gc
import socket

import pytest
from fakes.smsc import FakeSmsc
from integration.site import Site, connector

from esmed.errors import StoreError, TransportError


async def test_a_start_that_fails_leaves_nothing(site: Site, smsc: FakeSmsc):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        site.listen = ["127.0.0.1:0", f"127.0.0.1:{port}"]
        with pytest.raises(TransportError, match=f"127.0.0.1:{port}: Address already"):
            await site.start(carrier=connector(smsc))
    site.app = None
    assert not smsc.connections
    # Neither the store nor the first port is held.
    await site.start()
    await site.reaches(await site.submit(), "submitted")


async def test_one_store_one_daemon(site: Site, smsc: FakeSmsc):
    await site.start(carrier=connector(smsc))
    first, site.app = site.app, None
    with pytest.raises(StoreError, match="in use by another esmed"):
        await site.start()
    site.app = first
    await site.reaches(await site.submit(), "submitted")


async def test_both_kinds_of_address(site: Site, smsc: FakeSmsc):
    path = site.store.parent / "http.sock"
    site.listen = ["127.0.0.1:0", f"unix:{path}"]
    await site.start(carrier=connector(smsc))
    assert site.app is not None
    assert site.app.addresses[1] == f"unix:{path}"
    await site.reaches(await site.submit(), "submitted")
    await site.stop()
    # A second time does no harm, nor does nobody being there any more.
    await site.stop()
    assert not path.exists()


async def test_a_stop_right_after_the_start(
    site: Site, smsc: FakeSmsc, recwarn: pytest.WarningsRecorder
):
    """Before the loop has turned once: what watches beside has not begun."""
    await site.start(carrier=connector(smsc))
    await site.stop()
    gc.collect()
    assert not [str(one.message) for one in recwarn]
    await site.start()
    await site.reaches(await site.submit(), "submitted")
