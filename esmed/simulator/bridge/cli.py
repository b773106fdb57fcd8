"""`esmed simulate provider`: its arguments, and running it."""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from esmed.simulator.arguments import (
    adder,
    faults_of,
    read_address,
    serve,
    shown_address,
    whole,
)
from esmed.simulator.bridge.control import ProviderControl
from esmed.simulator.bridge.faults import ProviderFault, Refuse
from esmed.simulator.bridge.frame import Mo, ProviderSimulator
from esmed.simulator.bridge.httpfaults import HTTP_FAULTS
from esmed.simulator.bridge.options import ProviderOptions
from esmed.simulator.bridge.outcomes import parse_rule
from esmed.simulator.bridge.registry import kinds, simulator
from esmed.simulator.faults import parse
from esmed.simulator.values import seconds


def read_outcome(text: str) -> str:
    """A rule, or `none`."""
    if text != "none":
        parse_rule(text)
    return text


def read_fail(text: str) -> ProviderFault:
    """`CODE`: every submit is refused with it; `CODE:every=5`: each fifth one."""
    code, colon, rest = text.partition(":")
    if not colon:
        return Refuse(code=code, on="send")
    name, _, count = rest.partition("=")
    if name != "every":
        raise ValueError(f"{text!r} is neither CODE nor CODE:every=N")
    return Refuse(code=code, on="send", each=int(count), times=1)


def read_setting(text: str) -> tuple[str, str]:
    """`name=value`."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not NAME=VALUE")
    return name, value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `esmed simulate provider`."""
    defaults = ProviderOptions()
    option = adder(parser)
    parser.add_argument("kind", choices=kinds(), metavar="KIND", help="%(choices)s")
    option("--host", "where to listen", default=defaults.host)
    option("--port", "0: any free one", read=whole(0, 65535), default=8080)
    option("--tls-certificate", "PEM; makes the listener TLS", type=Path)
    option("--tls-key", "PEM, if not in the certificate's file", type=Path)
    option("--login", "the only one to accept; default: any")
    option("--password", "the only one to accept; default: any")
    option("--api-key", "the only one to accept; default: any")
    option("--callback-url", "where to push statuses")
    option("--mo-url", "where to push messages from subscribers")
    option("--short-url", "where to ask what to answer to a short number")
    option(
        "--push-attempts",
        "until a push is answered with 2xx",
        read=whole(1),
        default=defaults.push_attempts,
    )
    option(
        "--push-pause",
        "between them",
        read=seconds,
        default=defaults.push_pause,
    )
    option(
        "--deliver-after",
        "from a message's start to its last state",
        read=seconds,
        default=defaults.deliver_after,
    )
    option(
        "--outcome",
        "SUFFIX=STEP[,STEP…] (repeatable), beside the kind's own; none: without those",
        read=read_outcome,
        action="append",
        default=[],
    )
    option(
        "--set",
        "NAME=VALUE (repeatable): a setting of the kind",
        read=read_setting,
        action="append",
        default=[],
    )
    option(
        "--fail",
        "CODE[:every=N] (repeatable): submits are refused with the provider's code",
        read=read_fail,
        action="append",
        default=[],
    )
    option(
        "--fault",
        '"KIND at=10 every=30s …" (repeatable); docs/simulator.md lists them',
        read=lambda text: parse(text, HTTP_FAULTS),
        action="append",
        default=[],
    )
    option(
        "--faults",
        "YAML file with a list of faults",
        read=lambda path: faults_of(path, HTTP_FAULTS),
        default=[],
    )
    option("--seed", "of the faults' probabilities", read=whole(0), default=0)
    option("--mo-text", "a message from a subscriber, right after the start")
    option("--mo-from", "its sender", default=Mo().from_)
    option("--mo-to", "its destination", default=Mo().to)
    option("--first-id", "default: microseconds of the clock", read=whole(0))
    option("--keep", "messages to remember", read=whole(1), default=defaults.keep)
    option("--journal", "file for one JSON line per message accepted", type=Path)
    option("--control", "HOST:PORT of an HTTP interface for tests", read=read_address)
    option("--quiet", "log warnings only", action="store_true")


def options_of(args: argparse.Namespace) -> ProviderOptions:
    """The options that the arguments come to."""
    given = vars(args)
    plain = {
        name: given[name]
        for name in ProviderOptions.__slots__
        if name in given and name not in {"faults", "outcomes", "settings"}
    }
    return ProviderOptions(
        **plain,
        outcomes=tuple(args.outcome),
        settings=dict(args.set),
        faults=(*args.faults, *args.fault, *args.fail),
    )


async def run(args: argparse.Namespace) -> int:
    """Simulate until SIGTERM or SIGINT; the exit code."""
    command = f"esmed simulate provider {args.kind}"
    try:
        provider = simulator(args.kind)(options_of(args))
    except ValueError as exc:
        sys.stderr.write(f"{command}: {exc}\n")
        return 2
    return await serve(command, _running(provider, args), quiet=args.quiet)


@asynccontextmanager
async def _running(
    provider: ProviderSimulator, args: argparse.Namespace
) -> AsyncIterator[dict[str, str]]:
    control = ProviderControl(provider)
    async with provider:
        started = {"listening": provider.url}
        try:
            if args.control is not None:
                host, port = args.control
                port = await control.start(host, port)
                started["control"] = shown_address(host, port)
            if args.mo_text is not None:
                mo = Mo(from_=args.mo_from, to=args.mo_to, text=args.mo_text)
                provider.inject_mo(mo)
            yield started
        finally:
            await control.stop()
