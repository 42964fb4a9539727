"""Conversion of an HTTP error response into an error of this client."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from odyssey_ros.client.errors import (
    AccountSuspendedError,
    ConcurrentLimitReachedError,
    MonthlyLimitReachedError,
    OdysseyArgumentError,
    OdysseyAuthError,
    OdysseyConnectionError,
    OdysseyError,
    OdysseyNotFoundError,
    OdysseyUsageError,
    RateLimitError,
    StreamDurationExceededError,
)
from odyssey_ros.client.json_object import JsonObject, MalformedError
from odyssey_ros.client.retry_after import parse_retry_after, utc_now
from odyssey_ros.client.service_text import clean_text, is_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

USAGE_ERRORS: Mapping[str, type[OdysseyUsageError]] = {
    "MONTHLY_LIMIT_REACHED": MonthlyLimitReachedError,
    "CONCURRENT_LIMIT_REACHED": ConcurrentLimitReachedError,
    # The streamer and the HTTP API of the service use different names.
    "CONCURRENT_LIMIT_EXCEEDED": ConcurrentLimitReachedError,
    "STREAM_DURATION_EXCEEDED": StreamDurationExceededError,
    "ACCOUNT_SUSPENDED": AccountSuspendedError,
    "RATE_LIMITED": RateLimitError,
}


def error_of(
    status: int,
    body: bytes,
    *,
    what: str,
    not_found: str = "Not found",
    retry_after: str | None = None,
    date: str | None = None,
) -> OdysseyError:
    """Return the error for an HTTP error response.

    Args:
        status: HTTP status, not 2xx.
        body: The body, unchecked.
        what: Name of the operation, as in "Session request failed: 500 Internal Server Error".
        not_found: Message for status 404.
        retry_after: The Retry-After header.
        date: The Date header, to which a date in `retry_after` is relative.
    """
    answer = _object_of(body)
    details = retry_after_details(retry_after, date)
    usage = _usage_error(status, answer, details)
    if usage is not None:
        return usage
    text = _detail_text(answer)
    if status == 401:
        return OdysseyAuthError(text or "Not authorized", status_code=status)
    if status == 403:
        return OdysseyAuthError(text or f"{what}: access denied", status_code=status)
    if status == 404:
        return OdysseyNotFoundError(not_found, status_code=status)
    if status in {400, 409, 422}:
        return OdysseyArgumentError(text or f"{what}: refused with status {status}", status_code=status)
    if status == 402:
        return OdysseyUsageError(text or "Payment required", status_code=status)
    if status == 429:
        return RateLimitError(text or "Request limit exceeded", details=details, status_code=status)
    suffix = f" ({text})" if text else ""
    return OdysseyConnectionError(
        f"{what} failed: {status} {_phrase(status)}{suffix}", details=details, status_code=status
    )


def detail_text(body: bytes) -> str:
    """Return the cleaned `detail` of a FastAPI-like body: a text, or the messages of validation errors.

    A validation error echoes the input, which may be a secret, so only its location and message are used.
    The result is empty when the body has no such text.
    """
    return _detail_text(_object_of(body))


def _detail_text(answer: JsonObject | None) -> str:
    detail = None if answer is None else answer.get("detail")
    if isinstance(detail, dict):
        detail = detail.get("message")
    elif isinstance(detail, list):
        detail = "; ".join(filter(None, map(_validation_text, detail)))
    return clean_text(detail) if isinstance(detail, str) else ""


def _usage_error(
    status: int, answer: JsonObject | None, details: dict[str, object]
) -> OdysseyUsageError | None:
    if answer is None or status not in {402, 403, 429}:
        return None
    detail = answer.get("detail")
    fields = JsonObject(detail) if isinstance(detail, dict) else answer
    try:
        name = fields.message("error") or fields.message("code")
        message = fields.message("message")
        action = fields.message("action")
        action_url = _page(fields, "action_url")
        details = {**details, **fields.details("details")}
    except MalformedError:
        return None
    if name not in USAGE_ERRORS and (not message or not action):
        return None
    return USAGE_ERRORS.get(name, OdysseyUsageError)(
        message or "Request limit exceeded",
        reason=name,
        action=action,
        action_url=action_url,
        details=details,
        status_code=status,
    )


def _page(fields: JsonObject, name: str) -> str | None:
    """Return the address of a page for users; None without a valid one."""
    url = fields.get(name)
    if url is not None and not isinstance(url, str):
        raise MalformedError(f"{name} must be a string")
    return url if url and url.startswith("https://") and len(url) <= 2000 and is_plain(url) else None


def _object_of(body: bytes) -> JsonObject | None:
    try:
        return JsonObject.parse(body)
    except MalformedError:
        return None


def _validation_text(item: object) -> str:
    if not isinstance(item, dict):
        return ""
    location, message = item.get("loc"), item.get("msg")
    where = ".".join(str(part) for part in location) if isinstance(location, list) else ""
    return f"{where}: {message}" if where and isinstance(message, str) else str(message or "")


def retry_after_details(retry_after: str | None, date: str | None = None) -> dict[str, object]:
    """Return the details of an error with these Retry-After and Date headers; the wait is capped."""
    wait_s = parse_retry_after(retry_after, date=date, now=utc_now)
    return {} if wait_s is None else {"retry_after_seconds": wait_s}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"
