"""The certificates that TLS connections trust: those of the environment, or the public ones.

`SSL_CERT_FILE` and `SSL_CERT_DIR` replace the public certificates. They are read for the first https or wss
connection, and not for http or ws.
"""

from __future__ import annotations

import asyncio
import functools
import os
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from odyssey_ros.client.errors import OdysseyConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE, _FOLDERS, _KEY_LOG = "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"
# OpenSSL finds a certificate in a folder by the hash of its subject, the name that `openssl rehash` makes.
_HASHED_NAME: Final = re.compile(r"[0-9a-f]{8}\.\d+")


async def shared_tls_context() -> ssl.SSLContext:
    """Return the TLS context for all connections. Its files are read once, and not on the event loop.

    Raises:
        OdysseyConfigurationError: A variable names certificates that cannot be used.
    """
    return await asyncio.to_thread(
        _tls_context, os.environ.get(_FILE, ""), os.environ.get(_FOLDERS, ""), os.environ.get(_KEY_LOG, "")
    )


def untrusted_certificate(error: BaseException) -> str | None:
    """Return why a certificate was refused, if that is the cause of an exception; else None."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            reason = getattr(cause, "verify_message", "") or "verification failed"
            return (
                f"its certificate is not trusted ({reason}): name the file of its certificate authority in "
                f"{_FILE}, and check the clock of this machine"
            )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


@functools.cache
def _tls_context(file: str, folders: str, key_log: str) -> ssl.SSLContext:
    if file:
        _check_file(file)
    if folders:
        _check_folders(folders)
    try:
        if not file and not folders:
            return httpx.create_ssl_context(trust_env=False)
        context = ssl.create_default_context(capath=folders or None, cafile=file or None)
    except OSError as error:  # also an SSLError
        if key_log and not isinstance(error, ssl.SSLError):
            raise _unusable(_KEY_LOG, key_log, "cannot be written", error) from None
        raise _unusable(
            _FILE if file else _FOLDERS, file or folders, "contains no valid certificate", error
        ) from None
    return context


def _check_file(file: str) -> None:
    path = Path(file)
    try:
        if not path.is_file():
            problem = "is not a regular file" if path.exists() else "does not exist"
            raise _unusable(_FILE, file, problem)
        with path.open("rb"):
            pass
    except OSError as error:
        raise _unusable(_FILE, file, "cannot be read", error) from None


def _check_folders(folders: str) -> None:
    """Check that one of the folders has certificates by the names that OpenSSL looks for."""
    listed = [_has_certificates(folder) for folder in folders.split(os.pathsep) if folder]
    if not any(listed):
        raise OdysseyConfigurationError(
            f"{_FOLDERS}: {folders} contains no certificate under its hash: run `openssl rehash` on it, or "
            f"unset {_FOLDERS}"
        )


def _has_certificates(folder: str) -> bool:
    try:
        if not Path(folder).is_dir():
            raise _unusable(_FOLDERS, folder, "is not a folder")
        return any(_HASHED_NAME.fullmatch(path.name) for path in Path(folder).iterdir())
    except OSError as error:
        raise _unusable(_FOLDERS, folder, "cannot be read", error) from None


def _unusable(
    variable: str, value: str, problem: str, error: OSError | None = None
) -> OdysseyConfigurationError:
    reason = "" if error is None else f" ({error.strerror or type(error).__name__})"
    return OdysseyConfigurationError(
        f"{variable}: {value} {problem}{reason}: correct the variable, or unset it"
    )
