"""The headers of every response: what the page may load and do, and what other sites may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from multidict import CIMultiDict

_POLICY: Final = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

_FEATURES: Final = (
    *("accelerometer", "browsing-topics", "camera", "display-capture", "geolocation"),
    *("gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment"),
    *("publickey-credentials-get", "serial", "usb", "xr-spatial-tracking"),
)

_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _FEATURES),
}


def set_headers(headers: CIMultiDict[str], connect: str = "") -> None:
    """Set the headers of a response. No other site can read or embed it, and nothing names the server.

    Args:
        headers: The headers of the response.
        connect: Further sources for connections of the page: its WebSockets, which older browsers do not
            count as `'self'`.
    """
    headers["Content-Security-Policy"] = "; ".join((*_POLICY, f"connect-src 'self' {connect}".rstrip()))
    headers.update(_HEADERS)
    headers.setdefault("Cache-Control", "no-store")
    headers.popall("Server", None)
