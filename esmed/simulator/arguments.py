"""What the commands of `esmed simulate` share: arguments, and running."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import yaml

from esmed.simulator.faults import F, parse

T = TypeVar("T")


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """`read`, its errors as argparse shows them."""

    def shown(text: str) -> T:
        try:
            return read(text)
        except (ValueError, OSError, yaml.YAMLError) as exc:
            raise argparse.ArgumentTypeError(str(exc)) from exc

    return shown


def adder(parser: argparse.ArgumentParser) -> Callable[..., None]:
    """`add_argument`, which takes a `read` for `type` and shows defaults."""

    def option(name: str, help_text: str, **kwargs: Any) -> None:
        read = kwargs.pop("read", None)
        if read is not None:
            kwargs["type"] = argument(read)
        if kwargs.get("default"):
            help_text += " (%(default)s)"
        parser.add_argument(name, help=help_text, **kwargs)

    return option


def whole(least: int, most: float = inf) -> Callable[[str], int]:
    """A whole number within bounds."""

    def read(text: str) -> int:
        number = int(text)
        if number < least:
            raise ValueError(f"{number} is below {least}")
        if number > most:
            raise ValueError(f"{number} is above {most}")
        return number

    return read


def read_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:8080`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def faults_of(path: str, kinds: Mapping[str, type[F]]) -> list[F]:
    """The faults of a YAML file: a list of mappings, or of texts as `--fault` takes."""
    specs = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if isinstance(specs, list):
        return [
            parse(spec if isinstance(spec, dict) else str(spec), kinds)
            for spec in specs
        ]
    raise ValueError(f"{path} is not a list of faults")


async def serve(
    command: str,
    running: AbstractAsyncContextManager[dict[str, str]],
    *,
    quiet: bool,
) -> int:
    """Run until SIGTERM or SIGINT, what `running` gives shown on one line; the exit
    code."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING if quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    try:
        async with running as started:
            sys.stdout.write(json.dumps(started) + "\n")
            sys.stdout.flush()
            await stopped.wait()
    except OSError as exc:
        sys.stderr.write(f"{command}: {exc}\n")
        return 1
    return 0


def shown_address(host: str, port: int) -> str:
    """`127.0.0.1:2775`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
