"""Bearer tokens (JWTs) of accounts, sessions and spectators, and signed URL paths of files."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING, Literal

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = re.compile(r"[0-9]{1,12}")

Audience = Literal["access", "session", "spectator"]

_CLAIM: dict[Audience, str] = {"access": "sub", "session": "session_id", "spectator": "stream_id"}


class InvalidTokenError(Exception):
    """A token or signature is malformed, has a wrong key or audience, or has expired.

    Attributes:
        expired: whether the token is valid except for its expiry.
    """

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__(expired)
        self.expired = expired

    def __str__(self) -> str:
        return "Token has expired" if self.expired else "Invalid token"


class TokenAuthority:
    """Issues and checks the tokens of one running service.

    Args:
        now: the wall clock, in seconds since the epoch.
        secret: signing key, at least 32 bytes; random by default, so that a restart invalidates all tokens.
    """

    def __init__(self, now: Callable[[], float], secret: bytes | None = None) -> None:
        self._now = now
        self._secret = secret or secrets.token_bytes(32)

    def issue(self, audience: Audience, identity: str, lifetime: float) -> str:
        """Return a token for `identity` that is valid for `lifetime` seconds.

        The identity is in the claim that clients read: `sub`, `session_id` or `stream_id`.
        """
        now = self._now()
        claims = {
            _CLAIM[audience]: identity,
            "aud": audience,
            "iat": int(now),
            "exp": now + lifetime,
            "jti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def check(self, audience: Audience, token: str) -> str:
        """Return the identity in a token of this service.

        Raises:
            InvalidTokenError: the token is invalid or has expired.
        """
        if not token.isascii():
            raise InvalidTokenError  # bytes of a header that are no text become lone surrogates
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                audience=audience,
                options={"verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, UnicodeError):  # a header may hold what cannot be encoded
            raise InvalidTokenError from None
        identity, expiry = claims.get(_CLAIM[audience]), claims.get("exp")
        if not isinstance(identity, str) or not isinstance(expiry, (int, float)):
            raise InvalidTokenError
        if self._now() >= expiry:
            raise InvalidTokenError(expired=True)
        return identity

    def sign_path(self, path: str, lifetime: float) -> str:
        """Return the query string that makes the URL path `path` readable for `lifetime` seconds."""
        expires = int(self._now() + lifetime)
        return f"expires={expires}&signature={self._signature(path, expires)}"

    def check_path(self, path: str, expires: str, signature: str) -> None:
        """Check a query string made by `sign_path`.

        Raises:
            InvalidTokenError: the query string is invalid for this path or has expired.
        """
        if not (_SECONDS.fullmatch(expires) and signature.isascii()):
            raise InvalidTokenError
        if not hmac.compare_digest(self._signature(path, int(expires)), signature):
            raise InvalidTokenError
        if self._now() >= int(expires):
            raise InvalidTokenError(expired=True)

    def _signature(self, path: str, expires: int) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
