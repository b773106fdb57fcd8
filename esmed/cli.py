"""The command line: what the arguments mean, and which part of the program does it.

Parts are imported when their command is asked for, so that ``esmed --version`` and a
mistyped option cost nothing. Exit codes: 0 done, 1 failed, 2 wrong use or wrong
configuration.
"""

# ruff: noqa: PLC0415 - see above

import argparse
import asyncio
import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from esmed import __version__
from esmed.errors import ConfigError, ConfigFault, EsmedError, TransportError

if TYPE_CHECKING:
    from esmed.app import App
    from esmed.config import Config

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

DEFAULT_CONFIG: Final = Path("config.yaml")
DONE, FAILED, WRONG = 0, 1, 2
GC_THRESHOLDS: Final = (20_000, 20, 20)

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code. argparse exits by itself on wrong use."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parser(simulating=simulated(arguments)).parse_args(arguments)
    command: Command = args.command
    try:
        return command(args)
    except ConfigError as exc:
        for fault in exc.faults:
            _complain(str(fault))
        return WRONG
    except EsmedError as exc:
        _complain(f"esmed: {exc}")
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def simulated(arguments: Sequence[str]) -> str:
    """Return which peer a command line simulates: only its options are imported."""
    return "".join(arguments[1:2]) if arguments[:1] == ["simulate"] else ""


def _complain(line: str) -> None:
    print(line, file=sys.stderr)


# --- the daemon and what comes with it -----------------------------------------------


def _load(path: Path) -> "Config":
    from esmed import config

    return config.load(path)


def _run(args: argparse.Namespace) -> int:
    from esmed import log

    def follow(config: "Config") -> None:
        log.configure(
            args.log_format,
            level=config.log.level,
            numbers=config.log.numbers,
            texts=config.log.texts,
        )

    # Until it can be heard: by itself it ends a process.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    log.configure(args.log_format)
    # The watchdog's SIGABRT then tells where each thread hangs.
    faulthandler.enable(2)
    config = _load(args.config)
    follow(config)
    warn = log.get("config").warning
    for advice in config.warnings:
        warn("config.advice", path=advice.path, message=advice.message)
    asyncio.run(_serve(config, lambda: _load_whole(args.config), follow))
    return DONE


async def _serve(
    config: "Config",
    load: Callable[[], "Config"],
    follow: Callable[["Config"], None],
) -> None:
    """Serve until SIGTERM or SIGINT; a second one does not wait for the end.

    At SIGHUP the daemon goes on with what ``load`` returns then; if that can be,
    ``follow`` does what is not the daemon's.
    """
    from esmed import log
    from esmed.app import App

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.tell_fault)
    stopped = asyncio.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stopped.set)
    hung_up = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, hung_up.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    app = App(config)
    await app.start()
    _collect_rarely()
    reloading = asyncio.create_task(_reload_at(hung_up, app, load, follow))
    try:
        await stopped.wait()
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        await app.stop()


async def _reload_at(
    hung_up: asyncio.Event,
    app: "App",
    load: Callable[[], "Config"],
    follow: Callable[["Config"], None],
) -> None:
    """Reload one at a time; of what comes during one all is done by the next."""
    from esmed import log

    while True:
        await hung_up.wait()
        hung_up.clear()
        try:
            if await app.reload(load):
                follow(app.config)
        except Exception as error:  # noqa: BLE001 - the task's root: log, go on
            log.get("config").error("config.broken", exc=error)


def _collect_rarely() -> None:
    """Spare the cycle collector what lives for ever, and most of its rounds.

    Messages are trees without cycles and die by reference count; looking through them
    at every few hundred allocations costs a quarter of the daemon's time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _check_config(args: argparse.Namespace) -> int:
    config = _load_whole(args.config)
    for advice in config.warnings:
        _complain(f"warning: {advice}")
    if args.print:
        from esmed.config import render

        print(render(config), end="")
    else:
        print(f"{args.config}: ok")
    return DONE


def _load_whole(path: Path) -> "Config":
    """What `_load` reads, with the files that it names and that are read later."""
    config = _load(path)
    faults = list(_unusable_certificates(config))
    if faults:
        raise ConfigError(faults)
    return config


def _unusable_certificates(config: "Config") -> Iterator[ConfigFault]:
    """What the daemon would only find when it connects, since files may be renewed."""
    for path, read in _certificates(config):
        try:
            read()
        except TransportError as error:
            yield ConfigFault(path=path, message=str(error))


def _certificates(config: "Config") -> Iterator[tuple[str, Callable[[], object]]]:
    """Where certificates are named, and what reads them."""
    from esmed.api.callbacks import server_context
    from esmed.bridge.config import HttpProviderConfig, MailProviderConfig
    from esmed.smpp.config import Config as SmppConfig
    from esmed.tls import client_context

    if config.callbacks is not None and config.callbacks.tls is not None:
        yield "callbacks.tls", partial(server_context, config.callbacks.tls)
    for name, connector in config.connectors.items():
        where = f"connectors.{name}"
        match connector:
            case SmppConfig(hosts=hosts):
                for index, host in enumerate(hosts):
                    if host.tls is not None:
                        path = f"{where}.hosts[{index}].tls"
                        yield path, partial(client_context, host.tls)
            case HttpProviderConfig(tls=tls):
                yield f"{where}.tls", partial(client_context, tls)
            case MailProviderConfig(encryption=tls) if tls is not None:
                yield f"{where}.tls", partial(client_context, tls)


def _demo(args: argparse.Namespace) -> int:
    from esmed import demo, log

    # A lost link is part of the show.
    log.configure(level="error")
    return asyncio.run(demo.run(args))


def _simulate(args: argparse.Namespace) -> int:
    from esmed.simulator import cli

    return asyncio.run(cli.run(args))


def _simulate_provider(args: argparse.Namespace) -> int:
    from esmed.simulator.bridge import cli

    return asyncio.run(cli.run(args))


# --- clients of the daemon -----------------------------------------------------------


def _client(name: str) -> Command:
    """Return the command that is a coroutine function of `esmed.client`."""

    def command(args: argparse.Namespace) -> int:
        from esmed import client

        try:
            code = asyncio.run(client.run(name, args))
            sys.stdout.flush()
        except BrokenPipeError:
            # Who reads our answer has seen enough (`| head`). What is left of it must
            # not be written once more when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        return code

    return command


def _checked(send: argparse.ArgumentParser) -> Command:
    """Return ``send``, with what argparse cannot say about its arguments."""
    command = _client("send")

    def checked(args: argparse.Namespace) -> int:
        if args.text is None and args.csv is None:
            send.error("TEXT is needed")
        if args.csv is None and (args.rejects or args.resume or args.ignore_unknown):
            send.error("--rejects, --resume and --ignore-unknown are for --csv")
        if args.text == args.csv == "-":
            send.error("only one of --csv and TEXT can be stdin")
        return command(args)

    return checked


# --- arguments -----------------------------------------------------------------------


def _parser(*, simulating: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="esmed",
        description="An SMS gateway: local HTTP in; SMPP, or a provider, out.",
    )
    parser.add_argument("--version", action="version", version=f"esmed {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_daemon(commands, simulating=simulating)
    _add_clients(commands)
    return parser


def _add_daemon(commands: "Commands", *, simulating: str) -> None:
    configured = argparse.ArgumentParser(add_help=False)
    configured.add_argument(
        "-c",
        "--config",
        type=Path,
        default=DEFAULT_CONFIG,
        metavar="FILE",
        help="default: %(default)s",
    )
    run = _command(
        commands, "run", _run, "be the daemon, in the foreground", configured
    )
    run.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="of the log on stderr; default: %(default)s",
    )
    check = _command(
        commands,
        "check-config",
        _check_config,
        "say what is wrong with a configuration, and where",
        configured,
    )
    check.add_argument(
        "--print", action="store_true", help="show what is in effect, secrets redacted"
    )
    demo = _command(
        commands, "demo", _demo, "show it at work, no account or network needed"
    )
    demo.add_argument("--messages", type=_count, default=10, metavar="N")
    demo.add_argument(
        "--keep", action="store_true", help="stay up afterwards and show the URL"
    )
    simulate = commands.add_parser("simulate", help="be a peer, for tests")
    kinds = simulate.add_subparsers(title="peers", required=True, metavar="PEER")
    smsc = _command(kinds, "smsc", _simulate, "an SMSC that speaks SMPP 3.4")
    provider = _command(
        kinds, "provider", _simulate_provider, "an HTTP, SOAP or mail provider"
    )
    if simulating == "smsc":
        from esmed.simulator import cli

        cli.add_arguments(smsc)
    if simulating == "provider":
        from esmed.simulator.bridge import cli as providers

        providers.add_arguments(provider)


def _add_clients(commands: "Commands") -> None:
    daemon = argparse.ArgumentParser(add_help=False)
    daemon.add_argument(
        "--url",
        help="of the daemon, or unix:PATH; default: $ESMED_URL, else "
        "http://127.0.0.1:8775. Its token: $ESMED_TOKEN",
    )

    def client(name: str, text: str) -> argparse.ArgumentParser:
        return _command(commands, name, _client(name), text, daemon)

    send = client("send", "send a message, or a file of them")
    _add_send(send)
    send.set_defaults(command=_checked(send))
    client("status", "show the daemon and its connectors")
    trace = client("trace", "show the way of a message")
    trace.add_argument("id", metavar="ID")
    estimate = client("estimate", "say how many parts a text takes; sends nothing")
    estimate.add_argument("--to", metavar="NUMBER", help="decides which connector")
    estimate.add_argument("--from", dest="from_", metavar="SENDER")
    estimate.add_argument("--connector", metavar="NAME", help="instead of the routes'")
    estimate.add_argument("text", metavar="TEXT", help="-: what stdin holds")
    cancel = client("cancel", "cancel a message, if need be at the SMSC that has it")
    cancel.add_argument("id", metavar="ID")
    for name, text in (
        ("pause", "stop sending over a connector; receipts and MO are still taken"),
        ("resume", "send over it again"),
    ):
        client(name, text).add_argument("connector", metavar="CONNECTOR")
    operation = client("operation", "have a connector do something else it can")
    operation.add_argument("connector", metavar="CONNECTOR")
    operation.add_argument(
        "operation", nargs="?", metavar="NAME", help="none: show what it can do"
    )
    operation.add_argument("arguments", nargs="*", metavar="KEY=VALUE")
    replay = client("replay", "send webhooks again")
    replay.add_argument(
        "--since",
        required=True,
        metavar="TIME",
        help="2026-01-31T09:00:00Z, 2026-01-31, or 30m, 24h, 7d ago",
    )
    replay.add_argument("--dead", action="store_true", help="only those given up")


def _add_send(send: argparse.ArgumentParser) -> None:
    what = send.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", action="append", metavar="NUMBER")
    what.add_argument(
        "--csv",
        metavar="FILE",
        help="a message a row, its fields in columns of their names (to, from, text, "
        "reference, …); the other arguments stand for empty ones. -: stdin",
    )
    send.add_argument("--from", dest="from_", metavar="SENDER")
    send.add_argument("--connector", metavar="NAME", help="instead of the routes'")
    send.add_argument("--priority", choices=("bulk", "normal", "high"))
    send.add_argument("--reference", metavar="TEXT", help="your own, for this message")
    send.add_argument("--wait", action="store_true", help="until the final state")
    send.add_argument("text", nargs="?", metavar="TEXT", help="-: what stdin holds")
    of_files = send.add_argument_group("with --csv")
    of_files.add_argument(
        "--rejects", type=Path, metavar="FILE", help="gets the rows that are refused"
    )
    of_files.add_argument(
        "--resume",
        type=_key,
        metavar="KEY",
        help="of a run that broke off, within 24 h; sends nothing twice",
    )
    of_files.add_argument(
        "--ignore-unknown", action="store_true", help="columns that are no field"
    )
    of_files.add_argument(
        "--batch", type=_count, default=1000, metavar="N", help="default: %(default)s"
    )


def _command(
    commands: "Commands",
    name: str,
    command: Command,
    text: str,
    *parents: argparse.ArgumentParser,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", parents=parents
    )
    parser.set_defaults(command=command)
    return parser


def _key(text: str) -> str:
    if not (text.isascii() and text.isprintable() and 1 <= len(text) <= 200):
        raise argparse.ArgumentTypeError("1 to 200 printable ASCII characters")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("a whole number, at least 1")
    return int(text)
