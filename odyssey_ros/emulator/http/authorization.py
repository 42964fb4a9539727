"""Bearer authorization of HTTP requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey_ros.emulator.http.http_answers import HttpError
from odyssey_ros.emulator.tokens import InvalidTokenError

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.emulator.config import Account
    from odyssey_ros.emulator.service_context import ServiceContext


def authorize(context: ServiceContext, request: web.Request) -> Account:
    """Return the account of a request's bearer token.

    Raises:
        HttpError: the token is missing, invalid or expired (401).
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HttpError(401, "Not authenticated")
    try:
        account = context.accounts.by_name(context.tokens.check("access", token))
    except InvalidTokenError as error:
        raise HttpError(401, str(error)) from None
    if account is None:
        raise HttpError(401, "Invalid token")
    return account
