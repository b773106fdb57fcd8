"""An SMSC as an ESME sees it, without faults."""

import ssl
from pathlib import Path

import pytest
from simulator.conftest import Connect, Simulate
from simulator.peer import connect, until

from esmed.simulator import MoMessage, SmscOptions, SmscSimulator
from esmed.simulator.identifiers import IdForm
from esmed.simulator.wire import ReceiptForm
from pdu import (
    BindReceiver,
    BindReceiverResp,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CancelSm,
    CancelSmResp,
    CommandStatus,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    EsmClass,
    GenericNack,
    MessageState,
    QuerySm,
    QuerySmResp,
    RawPdu,
    ReplaceSm,
    SubmitSmResp,
    Tag,
    Unbind,
    UnbindResp,
    encode,
    tlv,
    udh,
)


def states_of(pdu: DeliverSm) -> tuple[str | None, int | None]:
    return (
        tlv.get_str(pdu.tlvs, Tag.RECEIPTED_MESSAGE_ID),
        tlv.get_int(pdu.tlvs, Tag.MESSAGE_STATE),
    )


class TestBinding:
    async def test_each_kind_of_bind(self, simulate: Simulate, open_peer: Connect):
        simulator = await simulate(smsc_id="test-smsc")
        for request, answer, mode in (
            (BindTransmitter, BindTransmitterResp, "transmitter"),
            (BindReceiver, BindReceiverResp, "receiver"),
        ):
            peer = await open_peer(simulator)
            bound = await peer.bind(request, system_id=mode)
            assert isinstance(bound, answer)
            assert (bound.status, bound.system_id) == (0, "test-smsc")
            assert tlv.get_int(bound.tlvs, Tag.SC_INTERFACE_VERSION) == 0x34
            assert simulator.stats.bound[mode] == [mode]
        assert simulator.stats.binds == 2

    async def test_credentials_are_checked_if_given(
        self, simulate: Simulate, open_peer: Connect
    ):
        simulator = await simulate(system_id="me", password="secret")
        peer = await open_peer(simulator)
        wrong_id = await peer.bind(system_id="you", password="secret")
        wrong_password = await peer.bind(system_id="me", password="guess")
        right = await peer.bind(system_id="me", password="secret")
        assert [pdu.status for pdu in (wrong_id, wrong_password, right)] == [
            CommandStatus.ESME_RINVSYSID,
            CommandStatus.ESME_RINVPASWD,
            CommandStatus.ESME_ROK,
        ]
        assert simulator.stats.bind_refusals == {
            "ESME_RINVPASWD": 1,
            "ESME_RINVSYSID": 1,
        }
        assert "secret" not in repr(simulator.options)

    async def test_a_second_bind_is_refused(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate())
        assert (await peer.bind()).status == CommandStatus.ESME_RALYBND

    async def test_no_more_binds_than_allowed(
        self, simulate: Simulate, bound_peer: Connect, open_peer: Connect
    ):
        simulator = await simulate(max_binds=1)
        first = await bound_peer(simulator)
        await bound_peer(simulator, system_id="another")
        second = await open_peer(simulator)
        assert (await second.bind()).status == CommandStatus.ESME_RALYBND
        first.close()
        await until(lambda: not simulator.stats.bound["esme"])
        assert (await second.bind()).status == 0

    async def test_no_more_transceivers_than_allowed(
        self, simulate: Simulate, bound_peer: Connect, open_peer: Connect
    ):
        simulator = await simulate(max_transceivers=1)
        await bound_peer(simulator)
        second = await open_peer(simulator)
        assert (await second.bind()).status == CommandStatus.ESME_RALYBND
        assert (await second.bind(BindTransmitter)).status == 0

    async def test_unbind_is_answered_and_closes(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate())
        peer.send(Unbind(sequence=9))
        assert (await peer.next(UnbindResp)).sequence == 9
        assert await peer.ended() is None

    async def test_messages_need_the_right_bind(
        self, simulate: Simulate, open_peer: Connect
    ):
        peer = await open_peer(await simulate())
        assert (await peer.submit()).status == CommandStatus.ESME_RINVBNDSTS
        await peer.bind(BindReceiver)
        assert (await peer.submit()).status == CommandStatus.ESME_RINVBNDSTS
        peer.send(QuerySm(sequence=5, message_id="1"))
        assert (await peer.next(QuerySmResp)).status == CommandStatus.ESME_RINVBNDSTS

    async def test_tls(self, simulate: Simulate, certified: tuple[Path, Path]):
        certificate, key = certified
        simulator = await simulate(tls_certificate=certificate, tls_key=key)
        context = ssl.create_default_context(cafile=certificate)
        peer = await connect(simulator.port, context)
        assert isinstance(await peer.bind(), BindTransceiverResp)
        await peer.submit()
        await peer.delivery()
        simulator.drop("rst")
        await peer.ended()


class TestKeepingAlive:
    async def test_enquire_link_is_answered_even_unbound(
        self, simulate: Simulate, open_peer: Connect
    ):
        simulator = await simulate()
        peer = await open_peer(simulator)
        peer.send(EnquireLink(sequence=77))
        assert (await peer.next(EnquireLinkResp)).sequence == 77
        assert simulator.stats.enquiries == 1

    async def test_it_asks_by_itself_and_gives_up_without_answer(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(enquire_link=1.5)
        peer = await bound_peer(simulator)
        first = await peer.next(EnquireLink)
        peer.send(EnquireLinkResp(sequence=first.sequence))
        second = await peer.next(EnquireLink)
        assert second.sequence != first.sequence
        assert isinstance(await peer.ended(), ConnectionResetError)

    async def test_it_asks_only_in_silence(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(enquire_link=2.5)
        peer = await bound_peer(simulator)
        gone = await bound_peer(simulator)
        gone.close()
        bound_at = simulator.agenda.now()
        await until(lambda: simulator.agenda.now() - bound_at > 0.5)
        before = simulator.agenda.now()
        peer.send(DeliverSmResp(sequence=999))
        await peer.next(EnquireLink)
        assert simulator.agenda.now() - before >= 2.5
        assert simulator.stats.connections == 1


class TestOrdinaryMessages:
    async def test_a_message_is_answered_and_reported_on(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(first_id=1000)
        peer = await bound_peer(simulator)
        answer = await peer.submit(
            source_addr="shop",
            source_addr_ton=5,
            destination_addr="380671112233",
            dest_addr_ton=1,
            dest_addr_npi=1,
        )
        assert (answer.status, answer.message_id) == (0, "1000")
        receipt = await peer.delivery()
        assert receipt.esm_class == EsmClass.DELIVERY_RECEIPT
        assert (
            receipt.source_addr_ton,
            receipt.source_addr_npi,
            receipt.source_addr,
        ) == (1, 1, "380671112233")
        assert (receipt.dest_addr_ton, receipt.destination_addr) == (5, "shop")
        text = receipt.short_message
        assert text.startswith(b"id:1000 sub:001 dlvrd:001 submit date:")
        assert text.endswith(b"stat:DELIVRD err:000 text:Hello")
        assert states_of(receipt) == ("1000", MessageState.DELIVERED)
        await until(lambda: simulator.stats.receipts.acknowledged == 1)
        stats = simulator.stats
        assert (stats.submits, stats.statuses, stats.waiting) == (
            1,
            {"ESME_ROK": 1},
            0,
        )

    async def test_many_in_one_segment_get_their_answers_in_order(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate(receipt_delay=0.05))
        sequences = [peer.start_submit() for _ in range(50)]
        answers = [await peer.next(SubmitSmResp) for _ in sequences]
        assert [answer.sequence for answer in answers] == sequences
        ids = [answer.message_id for answer in answers]
        assert len(set(ids)) == 50
        reported = [states_of(await peer.delivery())[0] for _ in sequences]
        assert reported == ids

    @pytest.mark.parametrize(
        ("form", "answer", "receipt"),
        [
            (IdForm.DECIMAL, "48879", "48879"),
            (IdForm.HEX, "beef", "beef"),
            (IdForm.HEX_IN_RESPONSE, "beef", "48879"),
            (IdForm.HEX_IN_RECEIPT, "48879", "beef"),
            (IdForm.UPPER, "beef", "BEEF"),
            (IdForm.PADDED, "48879", "00000000000000048879"),
        ],
    )
    async def test_forms_of_message_ids(
        self,
        simulate: Simulate,
        bound_peer: Connect,
        form: IdForm,
        answer: str,
        receipt: str,
    ):
        peer = await bound_peer(await simulate(id_form=form, first_id=0xBEEF))
        assert (await peer.submit()).message_id == answer
        reported = await peer.delivery()
        assert states_of(reported)[0] == receipt
        assert reported.short_message.startswith(f"id:{receipt} ".encode())

    @pytest.mark.parametrize(
        ("form", "text", "tlvs"),
        [
            (ReceiptForm.TEXT, True, False),
            (ReceiptForm.TLV, False, True),
            (ReceiptForm.BOTH, True, True),
        ],
    )
    async def test_forms_of_receipts(
        self,
        simulate: Simulate,
        bound_peer: Connect,
        form: ReceiptForm,
        text: bool,
        tlvs: bool,
    ):
        peer = await bound_peer(await simulate(receipt_form=form))
        await peer.submit()
        receipt = await peer.delivery()
        assert (bool(receipt.short_message), bool(receipt.tlvs)) == (text, tlvs)

    async def test_delays(self, simulate: Simulate, bound_peer: Connect):
        simulator = await simulate(response_delay=0.1, receipt_delay=0.1)
        peer = await bound_peer(simulator)
        began = simulator.agenda.now()
        await peer.submit()
        assert simulator.agenda.now() - began > 0.09
        await peer.delivery()
        assert simulator.agenda.now() - began > 0.19

    async def test_what_an_smsc_refuses_by_itself(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        without_destination = await peer.submit(destination_addr="")
        frame = bytearray(encode(DeliverSm(source_addr="x" * 20)))
        frame[4:8] = b"\0\0\0\x04"
        too_long = bytes(frame).replace(b"x" * 20, b"x" * 21)
        peer.transport.write(
            (len(too_long)).to_bytes(4, "big")
            + too_long[4:12]
            + b"\0\0\0\x63"
            + too_long[16:]
        )
        long_source = await peer.next(SubmitSmResp)
        assert [without_destination.status, long_source.status] == [
            CommandStatus.ESME_RINVDSTADR,
            CommandStatus.ESME_RINVSRCADR,
        ]
        assert simulator.stats.statuses == {
            "ESME_ROK": 0,
            "ESME_RINVSRCADR": 1,
            "ESME_RINVDSTADR": 1,
        }

    async def test_data_sm(self, simulate: Simulate, bound_peer: Connect):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        payload = tlv.build(Tag.MESSAGE_PAYLOAD, "Привет".encode("utf-16-be"))
        peer.send(
            DataSm(
                sequence=40,
                source_addr="1",
                destination_addr="2",
                data_coding=8,
                registered_delivery=1,
                tlvs=(payload,),
            )
        )
        answer = await peer.next(DataSmResp)
        assert answer.sequence == 40
        assert states_of(await peer.delivery())[0] == answer.message_id
        assert [each.text for each in simulator.messages()] == ["Привет"]


class TestReceiptsAskedFor:
    """registered_delivery, SMPP 3.4 §5.2.17."""

    @pytest.mark.parametrize(
        ("registered", "destination", "stats"),
        [
            (0, "1", []),
            (0, "101", []),
            (1, "1", [b"DELIVRD"]),
            (1, "101", [b"UNDELIV"]),
            (1, "104", [b"ENROUTE", b"DELIVRD"]),
            (2, "1", []),
            (2, "101", [b"UNDELIV"]),
            (3, "1", [b"DELIVRD"]),
            (3, "101", []),
            (0x10, "104", [b"ENROUTE"]),
            (0x11, "104", [b"ENROUTE", b"DELIVRD"]),
            (1, "106", []),
        ],
    )
    async def test_which(
        self,
        simulate: Simulate,
        bound_peer: Connect,
        registered: int,
        destination: str,
        stats: list[bytes],
    ):
        rules = ("01=UNDELIV", "04=ENROUTE,DELIVRD", "06=none")
        simulator = await simulate(outcomes=rules)
        peer = await bound_peer(simulator)
        await peer.submit(registered_delivery=registered, destination_addr=destination)
        for stat in stats:
            assert b"stat:" + stat in (await peer.delivery()).short_message
        await peer.nothing()
        assert simulator.stats.receipts.sent == len(stats)

    async def test_an_intermediate_one_asked_for_is_marked_as_such(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate(outcomes=("=ENROUTE,DELIVRD",)))
        await peer.submit(registered_delivery=0x11)
        assert (await peer.delivery()).esm_class == EsmClass.INTERMEDIATE_NOTIFICATION
        assert (await peer.delivery()).esm_class == EsmClass.DELIVERY_RECEIPT

    async def test_refusals_by_destination(
        self, simulate: Simulate, bound_peer: Connect
    ):
        rules = ("05=ESME_RINVDSTADR", "07=ESME_RMSGQFUL*2,DELIVRD")
        peer = await bound_peer(await simulate(outcomes=rules))
        statuses = [
            (await peer.submit(destination_addr=to, registered_delivery=0)).status
            for to in ("105", "105", "107", "107", "107", "107")
        ]
        bad, full = CommandStatus.ESME_RINVDSTADR, CommandStatus.ESME_RMSGQFUL
        assert statuses == [bad, bad, full, full, 0, full]


class TestDelivering:
    """Where a receipt goes, and how often."""

    async def test_a_transmitter_s_receipts_go_to_a_receiver(
        self, simulate: Simulate, open_peer: Connect
    ):
        simulator = await simulate()
        sender, receiver = await open_peer(simulator), await open_peer(simulator)
        await sender.bind(BindTransmitter)
        await receiver.bind(BindReceiver)
        answer = await sender.submit()
        assert states_of(await receiver.delivery())[0] == answer.message_id
        await sender.nothing()

    async def test_they_go_to_the_submitting_session_first(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        peers = [await bound_peer(simulator) for _ in range(3)]
        for peer in peers:
            answer = await peer.submit()
            assert states_of(await peer.delivery())[0] == answer.message_id

    async def test_they_wait_for_a_receiver(
        self, simulate: Simulate, open_peer: Connect, bound_peer: Connect
    ):
        simulator = await simulate()
        sender = await open_peer(simulator)
        await sender.bind(BindTransmitter)
        answer = await sender.submit()
        await until(lambda: simulator.stats.waiting == 1)
        other = await bound_peer(simulator, system_id="stranger")
        receiver = await bound_peer(simulator)
        assert states_of(await receiver.delivery())[0] == answer.message_id
        await other.nothing()
        assert simulator.stats.waiting == 0

    async def test_what_waits_is_bounded(self, simulate: Simulate, open_peer: Connect):
        simulator = await simulate(keep=2)
        sender = await open_peer(simulator)
        await sender.bind(BindTransmitter)
        ids = [(await sender.submit()).message_id for _ in range(5)]
        await until(lambda: simulator.stats.receipts.abandoned == 3)
        receiver = await open_peer(simulator)
        await receiver.bind(BindReceiver)
        assert [states_of(await receiver.delivery())[0] for _ in range(2)] == ids[3:]

    async def test_unanswered_ones_come_again(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(redeliver_after=0.1, attempts=3)
        peer = await bound_peer(simulator)
        await peer.submit()
        copies = [await peer.next(DeliverSm) for _ in range(3)]
        assert len({copy.sequence for copy in copies}) == 3
        assert len({copy.short_message for copy in copies}) == 1
        await until(lambda: simulator.stats.receipts.abandoned == 1)
        await peer.nothing()
        receipts = simulator.stats.receipts
        assert (receipts.sent, receipts.redelivered) == (1, 2)

    async def test_refused_for_now_comes_again_refused_for_good_does_not(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(redeliver_after=1.5)
        peer = await bound_peer(simulator)
        await peer.submit()
        first = await peer.delivery(CommandStatus.ESME_RX_T_APPN)
        second = await peer.delivery(CommandStatus.ESME_RX_P_APPN)
        assert first.short_message == second.short_message
        await until(lambda: simulator.stats.receipts.refused == 2)
        await peer.nothing()

    async def test_generic_nack_refuses_too(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(redeliver_after=0.1)
        peer = await bound_peer(simulator)
        await peer.submit()
        first = await peer.next(DeliverSm)
        peer.send(
            GenericNack(sequence=first.sequence, status=CommandStatus.ESME_RINVCMDID)
        )
        assert (await peer.delivery()).short_message == first.short_message

    async def test_unanswered_when_the_bind_is_lost_they_go_elsewhere(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        first = await bound_peer(simulator)
        ids = [(await first.submit()).message_id]
        await first.next(DeliverSm)
        first.close()
        await until(lambda: simulator.stats.waiting == 1)
        second = await bound_peer(simulator)
        assert [states_of(await second.delivery())[0]] == ids
        assert simulator.stats.receipts.redelivered == 1

    async def test_no_more_unanswered_than_the_window(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(deliver_window=2)
        peer = await bound_peer(simulator)
        for _ in range(5):
            peer.start_submit()
        for _ in range(5):
            await peer.next(SubmitSmResp)
        first, _ = await peer.next(DeliverSm), await peer.next(DeliverSm)
        await peer.nothing()
        peer.send(DeliverSmResp(sequence=first.sequence))
        await peer.next(DeliverSm)
        await peer.nothing()
        assert simulator.stats.waiting == 2

    async def test_who_does_not_read_gets_no_more(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate(deliver_window=1_000_000)
        peer = await bound_peer(simulator)
        peer.transport.pause_reading()
        # More than fits the sockets' buffers and a write buffer of a megabyte.
        count, size = 700, 35_000
        mo = MoMessage(data="00" * size, concat="payload")
        for _ in range(count):
            simulator.inject_mo(mo)
        assert 0 < simulator.stats.waiting < count
        peer.transport.resume_reading()
        for _ in range(count):
            await peer.delivery()
        await until(lambda: simulator.stats.mo.acknowledged == count)

    async def test_answers_to_nothing_are_ignored(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate())
        peer.send(DeliverSmResp(sequence=12345))
        peer.send(SubmitSmResp(sequence=1))
        await peer.nothing()


class TestQueryAndCancel:
    async def test_on_its_way_then_final(self, simulate: Simulate, bound_peer: Connect):
        simulator = await simulate(receipt_delay=2, outcomes=("=EXPIRED",))
        peer = await bound_peer(simulator)
        message_id = (await peer.submit()).message_id
        peer.send(QuerySm(sequence=50, message_id=message_id))
        early = await peer.next(QuerySmResp)
        assert (early.message_state, early.final_date) == (MessageState.ENROUTE, "")
        await peer.delivery()
        peer.send(QuerySm(sequence=51, message_id=message_id))
        late = await peer.next(QuerySmResp)
        assert (late.status, late.message_state) == (0, MessageState.EXPIRED)
        assert late.final_date.endswith("000+")
        peer.send(CancelSm(sequence=52, message_id=message_id))
        too_late = await peer.next(CancelSmResp)
        assert too_late.status == CommandStatus.ESME_RCANCELFAIL

    async def test_without_receipt_it_is_delivered_all_the_same(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate(outcomes=("=none",)))
        message_id = (await peer.submit()).message_id
        peer.send(QuerySm(sequence=50, message_id=message_id))
        found = await peer.next(QuerySmResp)
        assert found.message_state == MessageState.DELIVERED

    async def test_cancelled(self, simulate: Simulate, bound_peer: Connect):
        rules = ("=ENROUTE,DELIVRD",)
        peer = await bound_peer(await simulate(receipt_delay=2, outcomes=rules))
        message_id = (await peer.submit()).message_id
        peer.send(CancelSm(sequence=60, message_id=message_id))
        assert (await peer.next(CancelSmResp)).status == 0
        peer.send(QuerySm(sequence=61, message_id=message_id))
        state = (await peer.next(QuerySmResp)).message_state
        assert state == MessageState.DELETED
        assert b"stat:DELETED" in (await peer.delivery()).short_message
        await peer.nothing()

    async def test_unknown_or_forgotten(self, simulate: Simulate, bound_peer: Connect):
        peer = await bound_peer(await simulate(keep=1, outcomes=("=none",)))
        forgotten = (await peer.submit()).message_id
        await peer.submit()
        for message_id in (forgotten, "nonsense"):
            peer.send(QuerySm(sequence=70, message_id=message_id))
            asked = await peer.next(QuerySmResp)
            peer.send(CancelSm(sequence=71, message_id=message_id))
            cancelled = await peer.next(CancelSmResp)
            assert asked.status == cancelled.status == CommandStatus.ESME_RINVMSGID


class TestNoise:
    async def test_a_request_nobody_knows(
        self, simulate: Simulate, bound_peer: Connect
    ):
        peer = await bound_peer(await simulate())
        for request in (
            RawPdu(command_id=0x00010999, sequence=80, body=b"??"),
            ReplaceSm(sequence=81, message_id="1"),
        ):
            peer.send(request)
            answer = await peer.next(GenericNack)
            assert answer.status == CommandStatus.ESME_RINVCMDID
            assert answer.sequence == request.sequence

    @pytest.mark.parametrize("length", [0, 15, 0x7FFFFFFF])
    async def test_a_length_that_cannot_be(
        self, simulate: Simulate, bound_peer: Connect, length: int
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        enquiry = encode(EnquireLink(sequence=3))
        peer.transport.write(enquiry + length.to_bytes(4, "big") + b"\0" * 12)
        assert (await peer.next(EnquireLinkResp)).sequence == 3
        answer = await peer.next(GenericNack)
        assert answer.status == CommandStatus.ESME_RINVCMDLEN
        assert await peer.ended() is None
        assert simulator.stats.protocol_errors == 1

    @pytest.mark.parametrize("command", [0x04, 0x09, 0x103])
    async def test_a_body_cut_short(
        self, simulate: Simulate, bound_peer: Connect, command: int
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        peer.transport.write(
            (18).to_bytes(4, "big")
            + command.to_bytes(4, "big")
            + b"\0\0\0\0"
            + b"\0\0\0\x21"
            + b"xx"
        )
        answer = await peer.next(object)
        assert getattr(answer, "sequence", 0) == 0x21
        assert getattr(answer, "status", 0) != 0
        assert simulator.stats.protocol_errors == 1

    async def test_a_text_longer_than_its_pdu(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        frame = encode(
            DeliverSm(sequence=5, destination_addr="1", short_message=b"abc")
        )
        frame = frame[:4] + b"\0\0\0\x04" + frame[8:-4] + b"\x40abc"
        peer.transport.write(frame)
        answer = await peer.next(SubmitSmResp)
        assert answer.status != 0
        assert simulator.stats.protocol_errors == 1


class TestMo:
    async def test_it_goes_to_whoever_is_named(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        one = await bound_peer(simulator, system_id="one")
        two = await bound_peer(simulator, system_id="two")
        parts = simulator.inject_mo(MoMessage(text="Hi", system_id="one"))
        received = await one.delivery()
        assert (parts, received.short_message) == (1, b"Hi")
        assert (received.source_addr, received.destination_addr) == (
            "380500000000",
            "1234",
        )
        simulator.inject_mo()
        assert (await two.delivery()).short_message == b"Hello"
        await until(lambda: simulator.stats.mo.acknowledged == 2)

    async def test_it_waits_for_the_first_to_bind(
        self, simulate: Simulate, open_peer: Connect, bound_peer: Connect
    ):
        simulator = await simulate()
        sender = await open_peer(simulator)
        await sender.bind(BindTransmitter)
        simulator.inject_mo(MoMessage(text="early"))
        assert simulator.stats.waiting == 1
        peer = await bound_peer(simulator, system_id="other")
        assert (await peer.delivery()).short_message == b"early"

    async def test_parts_in_the_order_asked_for(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        mo = MoMessage(text="x" * 400, parts_order=(3, 1, 2))
        assert simulator.inject_mo(mo) == 3
        order = []
        for _ in range(3):
            header, _ = udh.split((await peer.delivery()).short_message)
            assert header is not None
            assert header.concatenation is not None
            order.append(header.concatenation.part)
        assert order == [3, 1, 2]


class TestItsLife:
    async def test_stop_closes_connections_and_port(
        self, simulate: Simulate, bound_peer: Connect, open_peer: Connect
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        await simulator.stop()
        assert await peer.ended() is None
        with pytest.raises(OSError, match="Connect"):
            await open_peer(simulator)
        await simulator.stop()

    async def test_stop_does_not_wait_for_who_does_not_read(
        self, simulate: Simulate, bound_peer: Connect
    ):
        simulator = await simulate()
        peer = await bound_peer(simulator)
        peer.transport.pause_reading()
        mo = MoMessage(data="00" * 35_000, concat="payload")
        for _ in range(700):
            simulator.inject_mo(mo)
        await simulator.stop()
        assert simulator.stats.connections == 0

    async def test_a_port_in_use(self, simulate: Simulate):
        simulator = await simulate()
        second = SmscSimulator(SmscOptions(port=simulator.port))
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await second.stop()

    async def test_the_port_is_kept_over_a_stop_of_its_own(self, simulate: Simulate):
        first = await simulate()
        await first.stop()
        again = await simulate(port=first.port)
        assert again.port == first.port
