"""`python -m odyssey_ros.emulator`: the service as a program."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import sys
from typing import TYPE_CHECKING

from .config import CODECS, DEFAULT_API_KEY, Account, ConfigurationError, EmulatorConfig, IceServer
from .service import Emulator

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """The command line's options."""
    options = argparse.ArgumentParser(
        prog="python -m odyssey_ros.emulator",
        description="A local Odyssey service: the real service's API on your own machine.",
        epilog="Point a client at it with api_url=, or with the environment variable ODYSSEY_API_URL.",
    )
    options.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    options.add_argument(
        "--port", type=int, default=8765, help="TCP port; 0 takes a free one (default: %(default)s)"
    )
    options.add_argument(
        "--api-key",
        action="append",
        metavar="KEY",
        help=f"an API key that the service accepts; may be repeated (default: {DEFAULT_API_KEY})",
    )
    options.add_argument("--fps", type=float, default=20.0, help="frames per second (default: %(default)g)")
    options.add_argument(
        "--codec", choices=CODECS, default="h264", help="preferred codec (default: %(default)s)"
    )
    options.add_argument(
        "--bitrate", type=int, default=2_500_000, help="video bits per second (default: %(default)s)"
    )
    options.add_argument("--region", action="append", metavar="NAME", help="a region's name; may be repeated")
    options.add_argument(
        "--streamers",
        type=int,
        metavar="N",
        help="sessions served at once; then requests queue (default: no bound)",
    )
    options.add_argument(
        "--no-image-to-video", action="store_true", help="announce and accept no input images"
    )
    options.add_argument(
        "--ice-server",
        action="append",
        metavar="URL[,USERNAME,CREDENTIAL]",
        help="a STUN or TURN server for /config; may be repeated (default: none)",
    )
    options.add_argument("--trickle", action="store_true", help="send candidates one by one after the offer")
    options.add_argument("--verbose", "-v", action="count", default=0, help="log to stderr; twice for more")
    return options


def configuration(arguments: argparse.Namespace) -> EmulatorConfig:
    """The service's settings from parsed options.

    Raises:
        ConfigurationError: a value makes no sense.
    """
    keys: list[str] = arguments.api_key or [DEFAULT_API_KEY]
    return EmulatorConfig(
        host=arguments.host,
        port=arguments.port,
        accounts=tuple(
            Account(api_key=key, name="local" if index == 0 else f"local-{index + 1}")
            for index, key in enumerate(keys)
        ),
        fps=arguments.fps,
        codec=arguments.codec,
        bitrate=arguments.bitrate,
        regions=tuple(arguments.region or ["local"]),
        streamers=arguments.streamers,
        image_to_video=not arguments.no_image_to_video,
        ice_servers=tuple(_ice_server(text) for text in arguments.ice_server or []),
        trickle=arguments.trickle,
    )


def _ice_server(text: str) -> IceServer:
    url, *rest = text.split(",")
    if not url.startswith(("stun:", "turn:", "turns:")) or len(rest) not in {0, 2}:
        raise ConfigurationError("--ice-server takes stun:host:port or turn:host:port,USERNAME,CREDENTIAL")
    return IceServer(url=url, username=rest[0], credential=rest[1]) if rest else IceServer(url=url)


async def serve(config: EmulatorConfig) -> None:
    """Serve until SIGINT or SIGTERM; says on stdout when the service is ready.

    Raises:
        OSError: the address cannot be bound.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with Emulator(config) as emulator:
        sys.stdout.write(f"odyssey emulator ready at {emulator.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    arguments = parser().parse_args(argv)
    level = (logging.ERROR, logging.INFO, logging.DEBUG)[min(arguments.verbose, 2)]
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    try:
        config = configuration(arguments)
    except ConfigurationError as error:
        sys.stderr.write(f"odyssey emulator: {error}\n")
        return 2
    try:
        asyncio.run(serve(config))
    except OSError as error:
        sys.stderr.write(f"odyssey emulator: {_explain(error, config)}\n")
        return 1
    return 0


def _explain(error: OSError, config: EmulatorConfig) -> str:
    address = f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use; choose another port with --port, or --port 0 for a free one"
    if error.errno == errno.EACCES:
        return f"{address} may not be bound; choose a port above 1023 with --port"
    return f"cannot serve at {address} ({error.strerror or error}); check --host and --port"
