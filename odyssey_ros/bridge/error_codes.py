"""The stable, machine-readable name of an error, as topics and services give it."""

from __future__ import annotations

import asyncio

from odyssey_ros.client import (
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyImageError,
    OdysseyNotFoundError,
    OdysseyScriptError,
    OdysseyStreamError,
    OdysseyUsageError,
)

# For errors that bring no code of their own; the narrower class comes first.
CODES: tuple[tuple[type[BaseException], str], ...] = (
    (OdysseyImageError, "BAD_IMAGE"),
    (OdysseyScriptError, "BAD_SCRIPT"),
    (OdysseyArgumentError, "BAD_ARGUMENT"),
    (OdysseyNotFoundError, "NOT_FOUND"),
    (OdysseyAuthError, "NOT_AUTHORIZED"),
    (OdysseyUsageError, "LIMIT_REACHED"),
    (OdysseyStreamError, "STREAM_FAILED"),
    (OdysseyConnectionError, "CONNECTION_FAILED"),
    (OdysseyError, "ODYSSEY_ERROR"),
    (asyncio.TimeoutError, "TIMEOUT"),
)


def error_code(error: BaseException) -> str:
    """Return the name of an error, in capitals: the service's own code for it, else that of its kind."""
    if isinstance(error, OdysseyError) and error.code:
        return error.code.upper()
    return next((code for kind, code in CODES if isinstance(error, kind)), "INTERNAL")


def error_text(error: BaseException) -> str:
    """Return what happened, for people, and what they can do about it."""
    if isinstance(error, OdysseyError):
        return f"{error.message}. {error.action}" if error.action else error.message
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    return f"internal error: {type(error).__name__}: {error}"


def internal_error(error: BaseException) -> OdysseyError:
    """Return a defect of this package as an error that can be told."""
    return OdysseyError(f"internal error: {type(error).__name__}: {error}", code="INTERNAL")
