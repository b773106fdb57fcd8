"""PDUs written by hand from the tables of SMPP 3.4, one line a field.

``EXACT`` go both ways.
``LIBERAL`` are what carriers send although the standard does not: they are only read.
What stands behind a ``#`` is for the reader.
"""

from typing import NamedTuple

from pdu import (
    AlertNotification,
    BindReceiver,
    BindReceiverResp,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    CancelSm,
    CancelSmResp,
    DataSm,
    DataSmResp,
    DeliverSm,
    DeliverSmResp,
    DistributionList,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    QuerySm,
    QuerySmResp,
    RawPdu,
    ReplaceSm,
    ReplaceSmResp,
    SmeAddress,
    SubmitMulti,
    SubmitMultiResp,
    SubmitSm,
    SubmitSmResp,
    Unbind,
    UnbindResp,
    UnsuccessSme,
)


class Vector(NamedTuple):
    name: str
    hex: str
    pdu: Pdu

    @property
    def frame(self) -> bytes:
        lines = self.hex.splitlines()
        return bytes.fromhex(" ".join(line.split("#")[0] for line in lines))


EXACT = [
    Vector(
        # The layout example of the standard itself, §3.2.
        "bind_transmitter",
        """
        0000002F 00000002 00000000 00000001
        53 4D 50 50 33 54 45 53 54 00   # system_id SMPP3TEST
        73 65 63 72 65 74 30 38 00      # password secret08
        53 55 42 4D 49 54 31 00         # system_type SUBMIT1
        00                              # interface_version
        01 01                           # addr_ton, addr_npi
        00                              # address_range
        """,
        BindTransmitter(
            sequence=1,
            system_id="SMPP3TEST",
            password="secret08",
            system_type="SUBMIT1",
            interface_version=0,
            addr_ton=1,
            addr_npi=1,
        ),
    ),
    Vector(
        "bind_transmitter_resp",
        """
        0000001F 80000002 00000000 00000001
        53 4D 50 50 33 54 45 53 54 00   # system_id SMPP3TEST
        0210 0001 34                    # sc_interface_version
        """,
        BindTransmitterResp(
            sequence=1, system_id="SMPP3TEST", tlvs=((0x0210, b"\x34"),)
        ),
    ),
    Vector(
        "bind_receiver",
        """
        00000021 00000001 00000000 00000002
        72 78 00                        # system_id rx
        70 77 00                        # password pw
        00                              # system_type
        34                              # interface_version
        00 00                           # addr_ton, addr_npi
        5E 33 38 2E 2A 24 00            # address_range ^38.*$
        """,
        BindReceiver(sequence=2, system_id="rx", password="pw", address_range="^38.*$"),
    ),
    Vector(
        "bind_receiver_resp, refused",
        "00000010 80000001 0000000E 00000002",  # ESME_RINVPASWD, no body (§4.1.4)
        BindReceiverResp(sequence=2, status=0x0E),
    ),
    Vector(
        "bind_transceiver, password of 64 octets",
        """
        0000005A 00000009 00000000 7FFFFFFF
        74 72 78 00                     # system_id trx
        30313233343536373839414243444546 30313233343536373839414243444546
        30313233343536373839414243444546 30313233343536373839414243444546 00
        00                              # system_type
        34 00 00                        # interface_version, addr_ton, addr_npi
        00                              # address_range
        """,
        BindTransceiver(
            sequence=0x7FFFFFFF, system_id="trx", password="0123456789ABCDEF" * 4
        ),
    ),
    Vector(
        "bind_transceiver_resp",
        """
        00000014 80000009 00000000 7FFFFFFF
        73 6D 63 00                     # system_id smc
        """,
        BindTransceiverResp(sequence=0x7FFFFFFF, system_id="smc"),
    ),
    Vector(
        "outbind",
        """
        00000019 0000000B 00000000 00000001
        53 4D 53 43 00                  # system_id SMSC
        6B 65 79 00                     # password key
        """,
        Outbind(sequence=1, system_id="SMSC", password="key"),
    ),
    Vector("unbind", "00000010 00000006 00000000 00000021", Unbind(sequence=0x21)),
    Vector(
        "unbind_resp", "00000010 80000006 00000000 00000021", UnbindResp(sequence=0x21)
    ),
    Vector(
        # The sequence number is 0 where that of the request was not understood.
        "generic_nack",
        "00000010 80000000 00000002 00000000",
        GenericNack(sequence=0, status=2),
    ),
    Vector(
        "submit_sm, every field",
        """
        0000006E 00000004 00000000 00000003
        43 4D 54 00                     # service_type CMT
        05 00                           # source_addr_ton, source_addr_npi
        4D 79 43 6F 6D 70 61 6E 79 00   # source_addr MyCompany
        01 01                           # dest_addr_ton, dest_addr_npi
        33 38 30 35 30 31 32 33 34 35 36 37 00  # destination_addr 380501234567
        43                              # esm_class: store and forward, UDHI
        7F                              # protocol_id
        01                              # priority_flag
        32 36 30 31 30 32 30 33 30 34 30 35 36 30 38 2B 00  # 260102030405608+
        30 30 30 30 30 31 30 30 30 30 30 30 30 30 30 52 00  # 000001000000000R
        11                              # registered_delivery
        01                              # replace_if_present_flag
        08                              # data_coding
        02                              # sm_default_msg_id
        08                              # sm_length
        05 00 03 A7 02 01 04 16         # short_message: UDH, Cyrillic zhe
        0204 0002 01F4                  # user_message_reference
        1401 0003 61 62 63              # a vendor's
        """,
        SubmitSm(
            sequence=3,
            service_type="CMT",
            source_addr_ton=5,
            source_addr_npi=0,
            source_addr="MyCompany",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="380501234567",
            esm_class=0x43,
            protocol_id=0x7F,
            priority_flag=1,
            schedule_delivery_time="260102030405608+",
            validity_period="000001000000000R",
            registered_delivery=0x11,
            replace_if_present_flag=1,
            data_coding=8,
            sm_default_msg_id=2,
            short_message=b"\x05\x00\x03\xa7\x02\x01\x04\x16",
            tlvs=((0x0204, b"\x01\xf4"), (0x1401, b"abc")),
        ),
    ),
    Vector(
        "submit_sm, nothing in it",
        """
        00000021 00000004 00000000 00000004
        00                              # service_type
        00 00 00                        # source
        00 00 00                        # destination
        00 00 00                        # esm_class, protocol_id, priority_flag
        00 00                           # schedule_delivery_time, validity_period
        00 00 00 00                     # registered_delivery to sm_default_msg_id
        00                              # sm_length
        """,
        SubmitSm(sequence=4),
    ),
    Vector(
        "submit_sm_resp",
        """
        00000015 80000004 00000000 00000003
        31 41 32 46 00                  # message_id 1A2F
        """,
        SubmitSmResp(sequence=3, message_id="1A2F"),
    ),
    Vector(
        "submit_sm_resp, throttled",
        "00000010 80000004 00000058 00000003",  # no body (§4.4.2)
        SubmitSmResp(sequence=3, status=0x58),
    ),
    Vector(
        "submit_multi",
        """
        00000047 00000021 00000000 00000005
        00                              # service_type
        00 00 31 30 30 00               # source_addr 100
        03                              # number_of_dests
        01 01 01 33 38 30 35 30 00      # dest_flag 1: 1/1 38050
        02 66 72 69 65 6E 64 73 00      # dest_flag 2: friends
        01 00 00 37 37 00               # dest_flag 1: 0/0 77
        00 00 00                        # esm_class, protocol_id, priority_flag
        00 00                           # schedule_delivery_time, validity_period
        01 00 00 00                     # registered_delivery to sm_default_msg_id
        02 48 69                        # short_message Hi
        0424 0003 50 61 79              # message_payload
        0427 0000                       # message_state, empty
        """,
        SubmitMulti(
            sequence=5,
            source_addr="100",
            dest_address=(
                SmeAddress(dest_addr_ton=1, dest_addr_npi=1, destination_addr="38050"),
                DistributionList(dl_name="friends"),
                SmeAddress(destination_addr="77"),
            ),
            registered_delivery=1,
            short_message=b"Hi",
            tlvs=((0x0424, b"Pay"), (0x0427, b"")),
        ),
    ),
    Vector(
        "submit_multi_resp",
        """
        00000029 80000021 00000000 00000005
        6D 31 00                        # message_id m1
        02                              # no_unsuccess
        01 01 33 38 30 35 30 00 0000000B    # ESME_RINVDSTADR
        00 00 37 37 00 00000455             # a vendor's
        """,
        SubmitMultiResp(
            sequence=5,
            message_id="m1",
            unsuccess_sme=(
                UnsuccessSme(
                    dest_addr_ton=1,
                    dest_addr_npi=1,
                    destination_addr="38050",
                    error_status_code=0x0B,
                ),
                UnsuccessSme(destination_addr="77", error_status_code=0x455),
            ),
        ),
    ),
    Vector(
        "deliver_sm, a receipt",
        """
        00000048 00000005 00000000 00000006
        00                              # service_type
        01 01 33 38 30 00               # source_addr 380
        05 00 4D 79 00                  # destination_addr My
        04                              # esm_class: SMSC delivery receipt
        00 00                           # protocol_id, priority_flag
        00 00                           # schedule_delivery_time, validity_period
        00 00 00 00                     # registered_delivery to sm_default_msg_id
        0D 69 64 3A 31 20 73 74 61 74 3A 41 42 43   # id:1 stat:ABC
        001E 0005 31 41 32 46 00        # receipted_message_id 1A2F
        0427 0001 02                    # message_state DELIVERED
        0423 0003 03 00 00              # network_error_code, GSM
        """,
        DeliverSm(
            sequence=6,
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="380",
            dest_addr_ton=5,
            destination_addr="My",
            esm_class=4,
            short_message=b"id:1 stat:ABC",
            tlvs=((0x001E, b"1A2F\0"), (0x0427, b"\x02"), (0x0423, b"\x03\0\0")),
        ),
    ),
    Vector(
        "deliver_sm_resp",
        "00000011 80000005 00000000 00000006 00",
        DeliverSmResp(sequence=6),
    ),
    Vector(
        "deliver_sm_resp, refused",
        "00000011 80000005 00000064 00000006 00",  # §4.6.2 keeps the body
        DeliverSmResp(sequence=6, status=0x64),
    ),
    Vector(
        "data_sm",
        """
        00000028 00000103 00000000 00000007
        57 41 50 00                     # service_type WAP
        01 01 31 00                     # source_addr 1
        01 01 32 00                     # destination_addr 2
        00 01 04                        # esm_class, registered_delivery, data_coding
        0424 0005 48 65 6C 6C 6F        # message_payload Hello
        """,
        DataSm(
            sequence=7,
            service_type="WAP",
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="1",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="2",
            registered_delivery=1,
            data_coding=4,
            tlvs=((0x0424, b"Hello"),),
        ),
    ),
    Vector(
        "data_sm_resp, failed",
        """
        00000016 80000103 000000FE 00000007
        00                              # message_id
        0425 0001 01                    # delivery_failure_reason
        """,
        DataSmResp(sequence=7, status=0xFE, tlvs=((0x0425, b"\x01"),)),
    ),
    Vector(
        "query_sm",
        """
        0000001A 00000003 00000000 00000008
        31 41 32 46 00                  # message_id 1A2F
        00 00 31 31 00                  # source_addr 11
        """,
        QuerySm(sequence=8, message_id="1A2F", source_addr="11"),
    ),
    Vector(
        "query_sm_resp",
        """
        00000028 80000003 00000000 00000008
        31 41 32 46 00                  # message_id 1A2F
        32 36 30 31 30 32 30 33 30 34 30 35 30 30 38 2D 00  # 260102030405008-
        05                              # message_state UNDELIVERABLE
        7B                              # error_code
        """,
        QuerySmResp(
            sequence=8,
            message_id="1A2F",
            final_date="260102030405008-",
            message_state=5,
            error_code=0x7B,
        ),
    ),
    Vector(
        "cancel_sm",
        """
        0000001E 00000008 00000000 00000009
        00                              # service_type
        31 41 32 46 00                  # message_id 1A2F
        00 00 31 00                     # source_addr 1
        01 01 32 00                     # destination_addr 2
        """,
        CancelSm(
            sequence=9,
            message_id="1A2F",
            source_addr="1",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr="2",
        ),
    ),
    Vector(
        "cancel_sm_resp, failed",
        "00000010 80000008 00000011 00000009",
        CancelSmResp(sequence=9, status=0x11),
    ),
    Vector(
        "replace_sm",
        """
        0000002F 00000007 00000000 0000000A
        31 41 32 46 00                  # message_id 1A2F
        00 00 31 00                     # source_addr 1
        00                              # schedule_delivery_time
        30 30 30 30 30 31 30 30 30 30 30 30 30 30 30 52 00  # 000001000000000R
        01 00                           # registered_delivery, sm_default_msg_id
        01 58                           # short_message X
        """,
        ReplaceSm(
            sequence=10,
            message_id="1A2F",
            source_addr="1",
            validity_period="000001000000000R",
            registered_delivery=1,
            short_message=b"X",
        ),
    ),
    Vector(
        "replace_sm_resp",
        "00000010 80000007 00000000 0000000A",
        ReplaceSmResp(sequence=10),
    ),
    Vector(
        "enquire_link",
        "00000010 00000015 00000000 0000000B",
        EnquireLink(sequence=11),
    ),
    Vector(
        "enquire_link_resp",
        "00000010 80000015 00000000 0000000B",
        EnquireLinkResp(sequence=11),
    ),
    Vector(
        "alert_notification",
        """
        0000001F 00000102 00000000 0000000C
        01 01 33 38 30 00               # source_addr 380
        00 00 31 00                     # esme_addr 1
        0422 0001 02                    # ms_availability_status: unavailable
        """,
        AlertNotification(
            sequence=12,
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr="380",
            esme_addr="1",
            tlvs=((0x0422, b"\x02"),),
        ),
    ),
    Vector(
        # broadcast_sm of SMPP 5.0
        "an unknown command",
        "00000013 00000111 00000000 0000000D 01 02 03",
        RawPdu(command_id=0x111, sequence=13, body=b"\x01\x02\x03"),
    ),
    Vector(
        "a vendor's status",
        "00000010 80000004 00000455 0000000E",
        SubmitSmResp(sequence=14, status=0x455),
    ),
]

LIBERAL = [
    Vector(
        "submit_sm_resp, status 0 without a body",
        "00000010 80000004 00000000 00000003",
        SubmitSmResp(sequence=3),
    ),
    Vector(
        "submit_sm_resp, message_id without its NUL",
        "00000014 80000004 00000000 00000003 31 41 32 46",
        SubmitSmResp(sequence=3, message_id="1A2F"),
    ),
    Vector(
        "submit_sm_resp, an empty message_id with an error",
        "00000011 80000004 00000058 00000003 00",
        SubmitSmResp(sequence=3, status=0x58),
    ),
    Vector(
        "submit_sm_resp, message_id of 80 octets",
        "00000061 80000004 00000000 00000003" + "41" * 80 + "00",
        SubmitSmResp(sequence=3, message_id="A" * 80),
    ),
    Vector(
        "submit_sm_resp, half a TLV behind it",
        "0000001A 80000004 00000000 00000003 31 00 1401 0009 61 62 63 64",
        SubmitSmResp(sequence=3, message_id="1"),
    ),
    Vector(
        "submit_sm_resp, three stray octets behind it",
        "00000015 80000004 00000000 00000003 31 00 14 01 00",
        SubmitSmResp(sequence=3, message_id="1"),
    ),
    Vector(
        "bind_transceiver_resp, no body at all",
        "00000010 80000009 00000000 00000001",
        BindTransceiverResp(sequence=1),
    ),
    Vector(
        "bind_transceiver_resp, system_id without its NUL",
        "00000013 80000009 00000000 00000001 73 6D 63",
        BindTransceiverResp(sequence=1, system_id="smc"),
    ),
    Vector(
        "deliver_sm_resp without a body",
        "00000010 80000005 00000000 00000006",
        DeliverSmResp(sequence=6),
    ),
    Vector(
        "query_sm_resp, ends behind the message_id",
        "00000012 80000003 00000067 00000008 31 00",
        QuerySmResp(sequence=8, status=0x67, message_id="1"),
    ),
    Vector(
        "submit_multi_resp without a body",
        "00000010 80000021 00000045 00000005",
        SubmitMultiResp(sequence=5, status=0x45),
    ),
    Vector(
        "data_sm_resp without a body",
        "00000010 80000103 000000FE 00000005",
        DataSmResp(sequence=5, status=0xFE),
    ),
    Vector(
        "enquire_link that brings a TLV",
        "00000017 00000015 00000000 0000000B 1401 0003 616263",
        EnquireLink(sequence=11, tlvs=((0x1401, b"abc"),)),
    ),
    Vector(
        "deliver_sm, everything longer than allowed or out of range",
        """
        00000149 00000005 0000FFFF FFFFFFFF
        41 42 43 44 45 46 47 00         # service_type of 7
        FF FE
        31313131313131313131 31313131313131313131 31313131313131313131 00
        FD FC
        E4 00                           # destination_addr, Latin-1
        FF FF FF
        31 32 00                        # schedule_delivery_time of 2
        33 00                           # validity_period of 1
        FF FF FF FF
        FF"""
        + "7A" * 255,
        DeliverSm(
            status=0xFFFF,
            sequence=0xFFFFFFFF,
            service_type="ABCDEFG",
            source_addr_ton=0xFF,
            source_addr_npi=0xFE,
            source_addr="1" * 30,
            dest_addr_ton=0xFD,
            dest_addr_npi=0xFC,
            destination_addr="\xe4",
            esm_class=0xFF,
            protocol_id=0xFF,
            priority_flag=0xFF,
            schedule_delivery_time="12",
            validity_period="3",
            registered_delivery=0xFF,
            replace_if_present_flag=0xFF,
            data_coding=0xFF,
            sm_default_msg_id=0xFF,
            short_message=b"z" * 255,
        ),
    ),
]
