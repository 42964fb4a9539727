"""The command line of `python -m odyssey_ros.emulator`."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import math
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey_ros.emulator.config import (
    CODECS,
    DEFAULT_API_KEY,
    Account,
    ConfigurationError,
    EmulatorConfig,
    IceServer,
)
from odyssey_ros.emulator.faults.fault_parsing import parse_fault_option
from odyssey_ros.emulator.http.json_fields import InvalidFieldError
from odyssey_ros.emulator.limits import UNLIMITED_LIFETIME, Limits
from odyssey_ros.number_text import decimal_number, whole_number
from odyssey_ros.requirements import exit_unless_installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from odyssey_ros.emulator.faults import Fault
    from odyssey_ros.emulator.faults.schedule import Schedule


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(
        prog="python -m odyssey_ros.emulator",
        description="A local Odyssey service: the real service's API on your own machine.",
        epilog="Point a client at it with api_url=, or with the environment variable ODYSSEY_API_URL. "
        "docs/emulator.md describes all options and faults.",
    )
    options.add_argument("--verbose", "-v", action="count", default=0, help="log to stderr; twice for more")
    _add_service_options(options.add_argument_group("service"))
    _add_video_options(options.add_argument_group("video"))
    _add_limit_options(options.add_argument_group("limits (a number, or off)"))
    return options


def _add_service_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--host",
        default="127.0.0.1",
        type=lambda text: text.removeprefix("[").removesuffix("]"),
        help="address to bind, such as ::1; 0.0.0.0 binds all IPv4 addresses, :: all IPv6 and IPv4 addresses "
        "(default: %(default)s)",
    )
    add(
        "--port",
        type=whole_number,
        default=8765,
        help="TCP port; 0 selects a free one (default: %(default)s)",
    )
    add(
        "--api-key",
        action="append",
        metavar="KEY",
        help=f"an API key; each key is a separate account; may be repeated (default: {DEFAULT_API_KEY})",
    )
    add(
        "--suspend", metavar="REASON", help="suspend the accounts: session requests get 429 ACCOUNT_SUSPENDED"
    )
    add("--allow-prompt-bypass", action="store_true", help="accounts may bypass prompt expansion")
    add(
        "--region", action="append", metavar="NAME", help="name of a region; may be repeated (default: local)"
    )
    add(
        "--streamers",
        type=whole_number,
        metavar="N",
        help="sessions served at once; further requests get 503 and the client polls (default: no bound)",
    )
    add(
        "--ice-server",
        action="append",
        metavar="URL[,USERNAME,CREDENTIAL]",
        help="a STUN or TURN server for /config; may be repeated (default: none)",
    )
    add("--trickle", action="store_true", help="send the candidates one by one after the offer")
    add(
        "--data-dir",
        type=_folder,
        metavar="DIR",
        help="folder of recordings and jobs (default: a temporary folder)",
    )
    add("--no-recordings", action="store_true", help="do not record streams")
    add(
        "--render-workers",
        type=whole_number,
        default=1,
        metavar="N",
        help="simulation jobs rendered at once (default: %(default)s)",
    )
    add("--no-control", action="store_true", help="do not serve the control endpoint")
    add(
        "--allow-host",
        action="append",
        metavar="NAME",
        help="a further host name under which the service answers, for example behind a proxy; may be "
        "repeated (default: none)",
    )
    add(
        "--cors-origin",
        action="append",
        metavar="ORIGIN",
        help="a further origin whose web pages may use the service, such as https://app.example.org, or "
        "* for all; may be repeated (default: only pages of this machine)",
    )
    add(
        "--allow-private-script-urls",
        action="store_true",
        help="fetch a script_url from a private address too, such as 127.0.0.1",
    )
    add(
        "--fault",
        action="append",
        metavar="NAME[,FIELD=VALUE...]",
        help="arm a fault, for example http_status,endpoint=regions,status=500; may be repeated",
    )


def _add_video_options(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--fps", type=decimal_number, default=20.0, help="frames per second (default: %(default)g)")
    add("--codec", choices=CODECS, default="h264", help="preferred codec (default: %(default)s)")
    add("--bitrate", type=whole_number, default=2_500_000, help="bits per second (default: %(default)s)")
    add(
        "--key-frame-interval",
        type=decimal_number,
        default=2.0,
        metavar="SECONDS",
        help="longest time between two key frames of a stream; 0: only when a viewer requests one; at most "
        "2 s while H.264 is recorded (default: %(default)g)",
    )
    add("--no-image-to-video", action="store_true", help="refuse input images, and announce that to clients")
    add(
        "--broadcast-seconds",
        type=decimal_number,
        default=1.0,
        metavar="S",
        help="seconds from the start of a stream to broadcast_ready (default: %(default)g)",
    )


_LIMIT_HELP = {
    "stream_seconds": "longest stream",
    "connection_seconds": "longest connection",
    "idle_seconds": "longest connection without a stream",
    "concurrent_sessions": "sessions of an account at once",
    "queued_jobs": "unfinished simulation jobs of an account",
    "monthly_hours": "streaming hours of an account per month",
    "session_requests_per_minute": "session requests of an account per minute",
    "keepalive_seconds": "longest time without a message on the signaling socket",
    "session_token_seconds": "lifetime of a session token, and of a session without a connection",
    "access_token_seconds": "lifetime of an access token",
    "url_seconds": "lifetime of a presigned URL",
    "recording_megabytes": "disk space of all recordings in MB; the oldest are deleted for a new one",
}
_LIFETIMES = {"session_token_seconds", "access_token_seconds", "url_seconds"}
_WHOLE_NUMBERS = {"concurrent_sessions", "queued_jobs", "session_requests_per_minute"}


def _add_limit_options(group: argparse._ArgumentGroup) -> None:
    defaults = Limits()
    for name, text in _LIMIT_HELP.items():
        default: float | None = getattr(defaults, name)
        shown = "off" if default is None else f"{default:g}"
        group.add_argument(
            f"--{name.replace('_', '-')}",
            default=default,
            type=partial(
                _limit, whole=name in _WHOLE_NUMBERS, off=UNLIMITED_LIFETIME if name in _LIFETIMES else None
            ),
            metavar="N",
            help=f"{text} (default: {shown})",
        )
    group.add_argument(
        "--close-at-stream-limit",
        action="store_true",
        help="close the connection too when a stream reaches --stream-seconds",
    )


def _folder(text: str) -> Path:
    """Parse a path. A leading `~` is the home folder; a shell leaves it in `--data-dir=~/data` as it is."""
    expanded = os.path.expanduser(text)  # noqa: PTH111 - in pathlib, ./~x is ~x
    if expanded.startswith("~"):
        user = text.partition("/")[0]
        raise argparse.ArgumentTypeError(
            f"{text}: {user} has no home folder; if this is a file name, write ./{text}"
        )
    return Path(expanded)


def _limit(text: str, *, whole: bool, off: float | None) -> float | None:
    if text == "off":
        return off
    try:
        value = whole_number(text) if whole else decimal_number(text)
    except ValueError:
        value = -1
    if value < 0 or not math.isfinite(value):
        expected = "a whole number" if whole else "a number"
        raise argparse.ArgumentTypeError(f"{text!r} is not {expected} or off")
    return value


def configuration(arguments: argparse.Namespace) -> EmulatorConfig:
    """Return the service's settings from parsed options.

    Raises:
        ConfigurationError: a value is invalid.
    """
    keys: list[str] = arguments.api_key or [DEFAULT_API_KEY]
    return EmulatorConfig(
        host=arguments.host,
        port=arguments.port,
        accounts=tuple(
            Account(
                api_key=key,
                name="local" if index == 0 else f"local-{index + 1}",
                suspended=arguments.suspend,
                may_bypass_expansion=arguments.allow_prompt_bypass,
            )
            for index, key in enumerate(keys)
        ),
        fps=arguments.fps,
        codec=arguments.codec,
        bitrate=arguments.bitrate,
        key_frame_interval=arguments.key_frame_interval,
        regions=tuple(arguments.region or ["local"]),
        streamers=arguments.streamers,
        image_to_video=not arguments.no_image_to_video,
        ice_servers=tuple(_ice_server(text) for text in arguments.ice_server or []),
        trickle=arguments.trickle,
        close_at_stream_limit=arguments.close_at_stream_limit,
        record=not arguments.no_recordings,
        data_dir=arguments.data_dir,
        render_workers=arguments.render_workers,
        broadcast_seconds=arguments.broadcast_seconds,
        control=not arguments.no_control,
        allow_hosts=tuple(arguments.allow_host or []),
        cors_origins=tuple(arguments.cors_origin or []),
        allow_private_script_urls=arguments.allow_private_script_urls,
        faults=tuple(_fault(text) for text in arguments.fault or []),
        limits=Limits(**{name: getattr(arguments, name) for name in _LIMIT_HELP}),
    )


def _fault(text: str) -> tuple[Fault, Schedule]:
    try:
        return parse_fault_option(text)
    except InvalidFieldError as error:
        raise ConfigurationError(f"--fault {text.partition(',')[0]}: {error}") from None


def _ice_server(text: str) -> IceServer:
    url, *rest = text.split(",")
    if not url.startswith(("stun:", "turn:", "turns:")) or len(rest) not in {0, 2}:
        raise ConfigurationError("--ice-server takes stun:host:port or turn:host:port,USERNAME,CREDENTIAL")
    return IceServer(url=url, username=rest[0], credential=rest[1]) if rest else IceServer(url=url)


def _handle_signals(handler: Callable[..., object] | signal.Handlers) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


async def serve(config: EmulatorConfig) -> None:
    """Serve until SIGINT or SIGTERM; print a line to stdout when the service is ready.

    Raises:
        OSError: the address cannot be bound, or the data directory cannot be used.
    """
    # Imported here, because the import takes about a second, during which signals must be handled.
    from odyssey_ros.emulator.service import Emulator  # noqa: PLC0415

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def interrupted(*_: object) -> None:
        # A handler of the loop itself would be removed when the loop closes; a second signal, even after
        # that, must have no effect.
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    _handle_signals(interrupted)
    async with Emulator(config) as emulator:
        sys.stdout.write(f"odyssey emulator ready at {emulator.url}\n")
        sys.stdout.flush()
        await stop.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status.

    The function installs handlers of SIGINT and SIGTERM, and ignores both signals at its end, so the process
    must exit after it.
    """
    _handle_signals(lambda *_: sys.exit())
    arguments = parser().parse_args(argv)
    level = (logging.ERROR, logging.INFO, logging.DEBUG)[min(arguments.verbose, 2)]
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    logging.getLogger("odyssey_ros").setLevel(min(level, logging.WARNING))
    try:
        config = configuration(arguments)
    except ConfigurationError as error:
        sys.stderr.write(f"odyssey emulator: {error}\n")
        return 2
    exit_unless_installed("odyssey emulator", "emulator")
    try:
        asyncio.run(serve(config))
    except OSError as error:
        sys.stderr.write(f"odyssey emulator: {_explain(error, config)}\n")
        return 1
    finally:
        _handle_signals(signal.SIG_IGN)
    return 0


def _explain(error: OSError, config: EmulatorConfig) -> str:
    if error.filename is not None and error.filename == os.environ.get("SSLKEYLOGFILE"):
        return f"cannot use SSLKEYLOGFILE={error.filename} ({error.strerror}); correct or unset the variable"
    if error.filename is not None:
        return f"cannot use {error.filename} ({error.strerror}); check --data-dir"
    address = f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use; choose another port with --port, or --port 0 for a free one"
    if error.errno == errno.EACCES:
        return f"no permission to bind {address}; choose a port above 1023 with --port"
    if isinstance(error, socket.gaierror):
        return f"cannot resolve the host {config.host}; check --host"
    return f"cannot serve at {address}; check --host and --port"
