"""`esmed simulate smsc`: its arguments, and running it."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from esmed.simulator.arguments import (
    adder,
    faults_of,
    read_address,
    serve,
    shown_address,
    whole,
)
from esmed.simulator.faults import parse
from esmed.simulator.hooks import Kind
from esmed.simulator.identifiers import IdForm
from esmed.simulator.kinds import KINDS
from esmed.simulator.options import SmscOptions
from esmed.simulator.outcomes import STANDARD, parse_rule
from esmed.simulator.smsc import SmscSimulator
from esmed.simulator.smsccontrol import SmscControl
from esmed.simulator.values import seconds
from esmed.simulator.wire import ReceiptForm
from pdu.segment import Alphabet


def read_fault(text: str) -> Kind:
    """A fault in one argument: `drop at=10 every=30s`."""
    return parse(text, KINDS)


def read_faults(path: str) -> list[Kind]:
    """The faults of a YAML file."""
    return faults_of(path, KINDS)


def read_outcome(text: str) -> str:
    """A rule, or `none`."""
    if text != "none":
        parse_rule(text)
    return text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `esmed simulate smsc`."""
    defaults = SmscOptions()

    option = adder(parser)
    option("--host", "where to listen", default=defaults.host)
    option("--port", "0: any free one", read=whole(0, 65535), default=2775)
    option("--tls-certificate", "PEM; makes the listener TLS", type=Path)
    option("--tls-key", "PEM, if not in the certificate's file", type=Path)
    option("--system-id", "the only one to accept; default: any")
    option("--password", "the only one to accept; default: any")
    option("--smsc-id", "system_id of the SMSC", default=defaults.smsc_id)
    option("--max-binds", "per system_id, then ESME_RALYBND", read=whole(1))
    option("--max-transceivers", "likewise, of binds of that kind", read=whole(1))
    option("--enquire-link", "send it after that much silence", read=seconds)
    option(
        "--id-form",
        "how message ids are written: %(choices)s",
        choices=list(map(str, IdForm)),
        default=str(defaults.id_form),
    )
    option("--first-id", "default: microseconds of the clock", read=whole(0))
    option(
        "--outcome",
        f"SUFFIX=STEP[,STEP…] (repeatable), beside {' '.join(STANDARD)}; "
        "none: without those",
        read=read_outcome,
        action="append",
        default=[],
    )
    option(
        "--receipt-form",
        "where receipts say what they say: %(choices)s",
        choices=list(map(str, ReceiptForm)),
        default=str(defaults.receipt_form),
    )
    option("--receipt-delay", "after the response", read=seconds, default=0.0)
    option("--response-delay", "of submit_sm_resp", read=seconds, default=0.0)
    option(
        "--deliver-window",
        "unanswered deliver_sm per bind",
        read=whole(1),
        default=defaults.deliver_window,
    )
    option(
        "--redeliver-after",
        "an unanswered deliver_sm is sent again",
        read=seconds,
        default=defaults.redeliver_after,
    )
    option(
        "--attempts",
        "to deliver, then it is given up",
        read=whole(1),
        default=defaults.attempts,
    )
    option(
        "--fault",
        '"KIND at=10 every=30s …" (repeatable); docs/simulator.md lists them',
        read=read_fault,
        action="append",
        default=[],
    )
    option("--faults", "YAML file with a list of faults", read=read_faults, default=[])
    option("--seed", "of the faults' probabilities", read=whole(0), default=0)
    option("--mo-text", "send an MO message once somebody is bound")
    option("--mo-from", "its sender")
    option("--mo-to", "its destination")
    option("--mo-every", "and again every so often", read=seconds)
    option(
        "--alphabet",
        "what data_coding 0 means: %(choices)s",
        choices=get_args(Alphabet),
        default=defaults.alphabet,
    )
    option("--keep", "messages to remember", read=whole(1), default=defaults.keep)
    option("--journal", "file for one JSON line per message accepted", type=Path)
    option("--control", "HOST:PORT of an HTTP interface for tests", read=read_address)
    option("--quiet", "log warnings only", action="store_true")


def options_of(args: argparse.Namespace) -> SmscOptions:
    """The options that the arguments come to."""
    given = vars(args)
    plain = {
        name: given[name]
        for name in SmscOptions.__slots__
        if name in given and name not in {"faults", "id_form", "receipt_form"}
    }
    rules = [rule for rule in args.outcome if rule != "none"]
    standard = () if "none" in args.outcome else STANDARD
    return SmscOptions(
        **plain,
        id_form=IdForm(args.id_form),
        receipt_form=ReceiptForm(args.receipt_form),
        outcomes=(*standard, *rules),
        faults=(*args.faults, *args.fault, *_mo(args)),
    )


def _mo(args: argparse.Namespace) -> list[Kind]:
    fields = {
        "text": args.mo_text,
        "from": args.mo_from,
        "to": args.mo_to,
        "every": args.mo_every,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if not given:
        return []
    return [parse({"kind": "mo", "since": "bind", **given}, KINDS)]


async def run(args: argparse.Namespace) -> int:
    """Simulate until SIGTERM or SIGINT; the exit code."""
    return await serve("esmed simulate smsc", _running(args), quiet=args.quiet)


@asynccontextmanager
async def _running(args: argparse.Namespace) -> AsyncIterator[dict[str, str]]:
    simulator = SmscSimulator(options_of(args))
    control = SmscControl(simulator)
    try:
        await simulator.start()
        host = simulator.options.host
        started = {"listening": shown_address(host, simulator.port)}
        if args.control is not None:
            host, port = args.control
            port = await control.start(host, port)
            started["control"] = shown_address(host, port)
        yield started
    finally:
        await control.stop()
        await simulator.stop()
