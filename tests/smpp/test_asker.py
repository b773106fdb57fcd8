"""esmed.smpp.asker: requests beside the window, and whoever waits for an answer."""

import asyncio

from fakes.sink import request
from fakes.wait import settle

from esmed.connector import Sent
from esmed.models import Fault, FaultClass
from esmed.smpp.asker import answered, lost
from pdu import CancelSm, CancelSmResp, SubmitSm


def sent(smsc_id: str = "m1", from_: str = "Shop") -> Sent:
    return Sent(request=request(from_=from_), host="127.0.0.1:1", smsc_id=smsc_id)


async def test_what_cannot_be_made_is_not_asked(smsc, make):
    rig = await make(smsc)
    found = await rig.connector.cancel(sent(from_="Магазин"))
    assert isinstance(found, Fault)
    assert (found.cls, found.code) == (FaultClass.MESSAGE, "from")
    assert not smsc.bound[0].of(CancelSm)


async def test_an_id_that_no_pdu_can_carry(smsc, make):
    """SMSCs answer with ids that are longer than they take (SMPP 3.4 §5.2.23)."""
    rig = await make(smsc)
    found = await rig.connector.cancel(sent("9" * 65))
    assert isinstance(found, Fault)
    assert (found.cls, found.code) == (FaultClass.MESSAGE, "message_id")
    rig.submit("after it")
    await rig.answered(1)
    assert not smsc.bound[0].of(CancelSm)
    assert len(smsc.bound[0].of(SubmitSm)) == 1


async def test_no_answer_in_time_is_no_answer_of_the_smsc(smsc, make):
    rig = await make(smsc, response_timeout=0.05)
    smsc.silent = True
    (found,) = await rig.connector.query([sent()])
    assert isinstance(found, Fault)
    assert found.cls is FaultClass.TEMPORARY
    assert found.detail == "no answer to query_sm within 0.05 s"


async def test_an_answer_for_somebody_who_has_gone():
    """Whichever comes first counts; what comes later is nobody's, and no error."""
    gone = asyncio.get_running_loop().create_future()
    gone.cancel()
    answered(gone, CancelSmResp())
    lost(gone, "link lost")
    assert gone.cancelled()
    waiting = asyncio.get_running_loop().create_future()
    lost(waiting, "link lost")
    answered(waiting, CancelSmResp())
    await settle()
    assert waiting.result() == Fault(FaultClass.TEMPORARY, None, "link lost")
