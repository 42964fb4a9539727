"""What the console reads from files when it starts: the token of the people, and the certificate."""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.bridge.api_key import SecretError, read_secret_file
from odyssey_ros.client.key_file import MAX_KEY_BYTES
from odyssey_ros.client.regular_file import RegularFileError, open_regular_file, read_bounded
from odyssey_ros.console.server.serve_errors import CannotServeError
from odyssey_ros.web.hosts import is_loopback

if TYPE_CHECKING:
    from odyssey_ros.console.console_parameters import ConsoleParameters

MIN_TOKEN: Final = 16
MAX_TOKEN: Final = 1024
"""Length of a token, in characters."""

MAKE_ONE: Final = "(umask 077; openssl rand -hex 16 > ~/console_token)"


@dataclass(frozen=True, slots=True)
class ServerSecrets:
    """The secrets of a server.

    Attributes:
        token: The token with which people log in; empty if they need not.
        tls: The certificate; None for http.
    """

    token: str
    tls: ssl.SSLContext | None


def read_server_secrets(parameters: ConsoleParameters) -> ServerSecrets:
    """Read the files that the parameters name. Blocks on the disk.

    Raises:
        CannotServeError: A file is missing or cannot be used.
    """
    if not parameters.address:
        raise CannotServeError("address is empty: set it to 127.0.0.1, or to an address of this machine")
    token = ""
    if parameters.token_file:
        token = _read_token(parameters.token_file)
    elif not is_loopback(parameters.address):
        raise CannotServeError(
            f"{parameters.address} can be reached from other machines, and there is no token: make one with "
            f"`{MAKE_ONE}`, and set token_file to ~/console_token"
        )
    return ServerSecrets(token, _tls(parameters.certificate_file, parameters.certificate_key_file))


def _read_token(path: str) -> str:
    try:
        token = read_secret_file(path, "token")
    except SecretError as error:
        raise CannotServeError(str(error)) from None
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN or not token.isprintable() or " " in token:
        raise CannotServeError(
            f"the token in {path} has to be one word of {MIN_TOKEN} to {MAX_TOKEN} characters: make one with "
            f"`{MAKE_ONE}`"
        )
    return token


def _tls(certificate: str, key: str) -> ssl.SSLContext | None:
    if not certificate:
        if key:
            raise CannotServeError("certificate_key_file is set without certificate_file: set both")
        return None
    has_key = _check_pem(certificate, "certificate_file")
    if key:
        has_key = _check_pem(key, "certificate_key_file")
    if not has_key:
        raise CannotServeError(
            f"{key or certificate} contains no key: set certificate_key_file to the PEM file with the key"
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password, OpenSSL would ask for it on the terminal.
        context.load_cert_chain(certificate, key or None, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise CannotServeError(
            f"certificate_file {certificate} and its key cannot be used ({reason}): both have to be PEM, and "
            "the key has to be that of the certificate, without a password"
        ) from None
    return context


def _check_pem(path: str, parameter: str) -> bool:
    """Check a file that a library opens by its name; return whether it contains a key.

    Raises:
        CannotServeError: The file cannot be read, or contains a key and is open to others.
    """
    try:
        with open_regular_file(path, MAX_KEY_BYTES) as file:
            mode = os.fstat(file.fileno()).st_mode
            has_key = b"PRIVATE KEY-" in read_bounded(file, MAX_KEY_BYTES)
    except RegularFileError as error:
        raise CannotServeError(f"cannot read {parameter} {path}: {error.reason}") from None
    if has_key and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CannotServeError(
            f"{parameter} {path} contains a key, and can be read by others: chmod 600 {path}"
        )
    return has_key
