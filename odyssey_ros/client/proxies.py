"""Proxies from the variables of the environment: one policy for every connection of this package.

`HTTP_PROXY` applies to http and ws URLs, `HTTPS_PROXY` to https and wss URLs, `ALL_PROXY` and then
`SOCKS_PROXY` to all other URLs. `NO_PROXY` lists destinations without a proxy. A lower-case name takes
precedence. No variable is read for a service on loopback.

A proxy URL may contain a password. No text of this module contains more of a value than host and port.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies_environment

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.errors import OdysseyConfigurationError, OdysseyConnectionError
from odyssey_ros.client.loopback import is_loopback_host, parsed_address
from odyssey_ros.requirements import EXTRAS, MissingPackageError, require

if TYPE_CHECKING:
    from typing import TypeAlias

    from odyssey_ros.client.errors import OdysseyError

    _Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_SECURE_SCHEMES: Final = frozenset({"https", "wss"})
# The schemes of a proxy URL. Every SOCKS 5 proxy resolves the names of hosts, as with `socks5h`, since httpx
# offers nothing else; desktops write `socks`.
_PROXY_KINDS: Final = {
    "http": "http",
    "https": "https",
    "socks": "socks5",
    "socks5": "socks5",
    "socks5h": "socks5",
}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080}
_HOST_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)
_BYPASS_ENTRY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:/@]+)(?::(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy server.

    Attributes:
        kind: `http`, `https` or `socks5`.
        host: Host name or address literal, without brackets.
        port: TCP port.
        variable: Name of the variable that names the proxy.
        username: User name; None without credentials.
        password: Password, a secret; None without credentials.
    """

    kind: str
    host: str
    port: int
    variable: str
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    @property
    def is_socks(self) -> bool:
        """Return whether the proxy is a SOCKS proxy."""
        return self.kind == "socks5"

    @property
    def address(self) -> str:
        """Return `host:port`, for texts."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def url(self, *, scheme: str | None = None) -> str:
        """Return the URL with the credentials, a secret. `scheme` replaces the kind."""
        credentials = ""
        if self.username is not None:
            credentials = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}@"
        return f"{scheme or self.kind}://{credentials}{self.address}"

    def refused(self, status: int, host: str) -> OdysseyError:
        """Return the error for an HTTP error status of the proxy itself."""
        if status == 407:
            return self.login_refused()
        if 400 <= status < 500:
            return OdysseyConfigurationError(
                f"The proxy {self.address} ({self.variable}) refuses connections to {host} (status "
                f"{status}): allow them in the proxy, add {host} to NO_PROXY, or unset {self.variable}"
            )
        return self.failed(host, f"status {status}")

    def login_refused(self) -> OdysseyConfigurationError:
        """Return the error of a proxy that requires other credentials."""
        problem = "requires a user name and a password" if self.username is None else "refuses the login"
        return OdysseyConfigurationError(
            f"The proxy {self.address} ({self.variable}) {problem}: write {self.variable} as "
            f"{'socks5h' if self.is_socks else self.kind}://user:password@{self.address}, with special "
            "characters percent-encoded"
        )

    def failed(self, host: str, reason: str) -> OdysseyConnectionError:
        """Return the error of a proxy that does not connect to a host."""
        return OdysseyConnectionError(
            f"{host} cannot be reached through the proxy {self.address} ({self.variable}): {reason}",
            code=ErrorCode.UNREACHABLE,
        )


class ProxySettings:
    """The proxy variables of the environment at the time of creation.

    A variable is parsed only when a URL needs it, so an unusable value affects no other connection.
    """

    def __init__(self) -> None:
        self._values = getproxies_environment()

    def proxy_for(self, url: str) -> Proxy | None:
        """Return the proxy for an http, https, ws or wss URL; None for a direct connection.

        Raises:
            OdysseyConfigurationError: A variable that concerns this URL cannot be used.
        """
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".")
        if is_loopback_host(host):
            return None
        secure = parts.scheme in _SECURE_SCHEMES
        for name in ("https" if secure else "http", "all", "socks"):
            if value := self._values.get(name, "").strip():
                break
        else:
            return None
        if self._bypasses(host, parts.port or (443 if secure else 80)):
            return None
        default_scheme = "socks5" if name == "socks" else "http"
        proxy = _parse_proxy(value, self._variable(name), default_scheme)
        if proxy.is_socks:
            _require_socks_packages(proxy.variable)
        return proxy

    def _bypasses(self, host: str, port: int) -> bool:
        entries = re.split(r"[,\s]+", self._values.get("no", "").strip())
        address = parsed_address(host)
        for number, entry in enumerate(entries, start=1):
            if entry and self._matches(number, entry.lower(), host, address, port):
                return True
        return False

    def _matches(self, number: int, entry: str, host: str, address: _Address | None, port: int) -> bool:
        try:
            return _matches(entry, host, address, port)
        except ValueError:
            raise OdysseyConfigurationError(
                f"Entry {number} of {self._variable('no')} is not a host name, an address or a network: "
                "correct it, for example example.org, .example.org, 192.0.2.1:8080, [2001:db8::1] or "
                "192.0.2.0/24, or remove it"
            ) from None

    def _variable(self, name: str) -> str:
        """Return the name of a variable as it is spelled in the environment."""
        spellings = [spelling for spelling in os.environ if spelling.lower() == f"{name}_proxy"]
        lower_first = sorted(spellings, key=lambda spelling: not spelling.islower())
        return lower_first[0] if lower_first else f"{name}_proxy".upper()


def _parse_proxy(value: str, variable: str, default_scheme: str) -> Proxy:
    unusable = OdysseyConfigurationError(
        f"{variable} is not the URL of a proxy: write http://host:port, https://host:port or "
        "socks5h://host:port, with a user as http://user:password@host:port and special characters of the "
        "password percent-encoded, or unset it"
    )
    if _is_ipv6(value):
        value = f"[{value}]"
    url = value if "://" in value else f"{default_scheme}://{value.removeprefix('//')}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise unusable from None
    if parts.scheme in {"socks4", "socks4a"}:
        raise OdysseyConfigurationError(
            f"{variable} names a SOCKS 4 proxy, which is not supported: name an http:// or socks5h:// proxy, "
            "or unset it"
        )
    kind, host = _PROXY_KINDS.get(parts.scheme), parts.hostname or ""
    if kind is None or parts.path not in {"", "/"} or parts.query or parts.fragment or port == 0:
        raise unusable
    if not _is_ipv6(host) and not _HOST_NAME.fullmatch(host):
        raise unusable
    username = parts.username or None
    return Proxy(
        kind=kind,
        host=host,
        port=port or _DEFAULT_PORTS[kind],
        variable=variable,
        username=None if username is None else unquote(username),
        password=None if username is None else unquote(parts.password or ""),
    )


def _is_ipv6(text: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _matches(entry: str, host: str, address: _Address | None, port: int) -> bool:
    """Return whether an entry of `NO_PROXY`, in lower case, means this host and port.

    Raises:
        ValueError: The entry has no meaning.
    """
    entry = entry.partition("://")[2].rstrip("/") if "://" in entry else entry
    network = _parse_network(entry)
    if network is None:
        found = _BYPASS_ENTRY.fullmatch(entry)
        if found is None:
            raise ValueError(entry)
        if found[2] is not None and int(found[2]) != port:
            return False
        entry = found[1]
        network = _parse_network(entry)
        if network is None and entry.startswith("["):
            raise ValueError(entry)
    if network is not None:
        return address is not None and address in network
    pattern = entry.rstrip(".")
    if "*" in pattern.removeprefix("*."):
        return fnmatch.fnmatchcase(host, pattern)
    domain = pattern.removeprefix("*").lstrip(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Parse an address or a network, also with the address in brackets; return None for any other text."""
    literal, slash, prefix = text.partition("/")
    if literal.startswith("[") and literal.endswith("]"):
        literal = literal[1:-1]
    address = parsed_address(literal)
    if address is None:
        if slash:
            raise ValueError(text)
        return None
    return ipaddress.ip_network(f"{address}{slash}{prefix}", strict=False)


def _require_socks_packages(variable: str) -> None:
    try:
        require("socks", packages=EXTRAS["socks"])
    except MissingPackageError as error:
        raise OdysseyConfigurationError(
            f"{variable} names a SOCKS proxy, but {error}, or unset {variable}"
        ) from None
