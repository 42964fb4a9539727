"""Which requests come from the page of the console: decided by host, origin and fetch metadata.

A page of any site can make a browser on this machine send requests here. These rules refuse them before a
handler runs:

- `Host` is a name of this console. A page whose host name is made to resolve to this machine (DNS rebinding)
  has another name.
- `Origin` is the origin of the page itself. Browsers send it with WebSockets and with every POST request.
- `Sec-Fetch-Site` is `same-origin`: pages of another port of the same host are `same-site`. Only a page that
  the user opens, by its address or a bookmark, has `none`. A link on any site opens `/`, in a tab or window
  that the site can neither read nor embed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.web.hosts import host_of

if TYPE_CHECKING:
    from aiohttp import web

    from odyssey_ros.web.hosts import HostRule

PAGES: Final = ("/", "/login")
"""What the user opens by an address."""

SOCKETS: Final = "/socket/"
"""The beginning of the path of each WebSocket."""

METHODS: Final = ("GET", "HEAD", "POST")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused.

    Attributes:
        status: The status of the answer.
        message: The reason, for the user.
    """

    status: int
    message: str


class AccessRules:
    """The rules of a console.

    Args:
        hosts: The hosts to which the console answers.
        scheme: `http` or `https`.
    """

    def __init__(self, hosts: HostRule, scheme: str) -> None:
        self._hosts = hosts
        self._scheme = scheme

    def refusal(self, request: web.BaseRequest) -> Refusal | None:
        """Return why a request is refused, or None."""
        return (
            self._refused_target(request)
            or self._refused_host(request)
            or self._refused_origin(request)
            or self._refused_site(request)
        )

    @staticmethod
    def _refused_target(request: web.BaseRequest) -> Refusal | None:
        if request.method not in METHODS:
            return Refusal(405, f"The console knows the methods {', '.join(METHODS)} only")
        if not request.raw_path.startswith("/"):
            return Refusal(400, "The request has to name a path, not a whole URL")
        return None

    def accepts_host(self, request: web.BaseRequest) -> bool:
        """Return whether the console answers to the host of a request."""
        host = _host(request)
        return host is not None and self._hosts.accepts(host)

    def _refused_host(self, request: web.BaseRequest) -> Refusal | None:
        if _host(request) is None:
            return Refusal(400, "The request needs one valid Host header")
        if not self.accepts_host(request):
            return Refusal(
                421,
                "The console does not answer to this host name: open it by its address, or add the name to "
                "the parameter allowed_hosts",
            )
        return None

    def _refused_origin(self, request: web.BaseRequest) -> Refusal | None:
        values = request.headers.getall("Origin", [])
        if not values and not needs_origin(request):
            return None
        own = f"{self._scheme}://{request.headers['Host']}".lower()
        if len(values) == 1 and values[0].lower() == own:
            return None
        return Refusal(403, "Only the page of the console itself may send this request")

    @staticmethod
    def _refused_site(request: web.BaseRequest) -> Refusal | None:
        values = request.headers.getall("Sec-Fetch-Site", [])
        if not values or values == ["same-origin"]:
            return None
        if (values == ["none"] and opens_page(request)) or follows_link(request):
            return None
        return Refusal(403, "Another web site has sent this request: open the first page of the console")


def _host(request: web.BaseRequest) -> str | None:
    """Return the host in the header of a request; None without exactly one valid header."""
    values = request.headers.getall("Host", [])
    return host_of(values[0]) if len(values) == 1 else None


def needs_origin(request: web.BaseRequest) -> bool:
    """Return whether a request has to have an `Origin`: it changes something, or opens a WebSocket."""
    return request.method == "POST" or request.path.startswith(SOCKETS) or "Upgrade" in request.headers


def follows_link(request: web.BaseRequest) -> bool:
    """Return whether a link on another site opens the page as a document of its own."""
    return (
        request.method == "GET"
        and request.path == "/"
        and request.headers.getall("Sec-Fetch-Site", []) in (["cross-site"], ["same-site"])
        and request.headers.getall("Sec-Fetch-Mode", []) == ["navigate"]
        and request.headers.getall("Sec-Fetch-Dest", []) == ["document"]
    )


def opens_page(request: web.BaseRequest) -> bool:
    """Return whether a request opens the page as a document of its own, by what the browser says."""
    return (
        request.method in ("GET", "HEAD")
        and request.path in PAGES
        and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
        and request.headers.get("Sec-Fetch-Dest", "document") == "document"
    )
