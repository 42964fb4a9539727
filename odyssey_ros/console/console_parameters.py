"""The parameters of the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from odyssey_ros.bridge.runtime.parameter_table import Change, Setting

DEFAULT_PORT: Final = 8088


def _origins_fault(values: tuple[str, ...] | list[str]) -> str | None:
    """Return what is wrong with addresses. The client checks them again; a launch file cannot import it."""
    for value in values:
        try:
            parts = urlsplit(value)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_address = False
        if value and not is_address:
            return "write addresses such as http://127.0.0.1:8000"
    return None


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "address",
        "127.0.0.1",
        "IP address or host name on which the page is served. Any other than a loopback address needs "
        "token_file.",
        Change.NEVER,
    ),
    Setting(
        "port",
        DEFAULT_PORT,
        "TCP port of the page; 0 selects a free one.",
        Change.NEVER,
        bounds=(0, 65535),
    ),
    Setting(
        "token_file",
        "",
        "File (chmod 600) with the token with which people log in; required for an address that is not "
        "loopback.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "allowed_hosts",
        (),
        "Further host names under which the page is opened, such as the name of the robot.",
        Change.NEVER,
    ),
    Setting(
        "certificate_file",
        "",
        "PEM file with a certificate: the page is served over https, which browsers require to decode H.264 "
        "from another machine. Empty serves http.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "certificate_key_file",
        "",
        "PEM file (chmod 600) with the key of the certificate; empty if certificate_file contains it.",
        Change.NEVER,
        is_path=True,
    ),
    Setting(
        "media_origins",
        (),
        "Addresses that are not on the public internet from which the files of recordings and jobs may be "
        "fetched, such as http://127.0.0.1:8000 for an emulator; a path is ignored. Other files are fetched "
        "only from public addresses with https, since any node on the graph can name an address.",
        Change.NEVER,
        fault=_origins_fault,
    ),
)


@dataclass(frozen=True, slots=True)
class ConsoleParameters:
    """A snapshot of the parameters; `SETTINGS` has their meanings."""

    address: str
    port: int
    token_file: str
    allowed_hosts: tuple[str, ...]
    certificate_file: str
    certificate_key_file: str
    media_origins: tuple[str, ...]
