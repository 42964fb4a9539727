"""Which proxy a URL gets, from variables in all their forms."""

from __future__ import annotations

import traceback

import pytest

from odyssey_ros.client import (
    ErrorCode,
    OdysseyArgumentError,
    OdysseyConfigurationError,
    OdysseyError,
    proxies,
)
from odyssey_ros.client.proxies import Proxy, ProxySettings

HTTPS = "https://api.example.org/x"


@pytest.fixture(autouse=True)
def socks_extra(monkeypatch):
    """Let the tests of values pass without the extra `socks`; returns a setter of its packages."""

    def require(**packages):
        monkeypatch.setattr(proxies, "EXTRAS", {"socks": packages})

    require()
    return require


def proxy_for(url):
    proxy = ProxySettings().proxy_for(url)
    return None if proxy is None else (proxy.kind, proxy.host, proxy.port)


def test_without_variables_there_is_no_proxy(environment):
    assert proxy_for(HTTPS) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("http://proxy:3128", ("http", "proxy", 3128)),
        ("HTTP://Proxy:3128/", ("http", "proxy", 3128)),
        ("http://proxy", ("http", "proxy", 80)),
        ("https://proxy", ("https", "proxy", 443)),
        ("proxy:3128", ("http", "proxy", 3128)),
        ("proxy", ("http", "proxy", 80)),
        ("//proxy:3128", ("http", "proxy", 3128)),
        (" proxy:3128\r\n", ("http", "proxy", 3128)),
        ("192.0.2.1:3128", ("http", "192.0.2.1", 3128)),
        ("[2001:db8::1]:3128", ("http", "2001:db8::1", 3128)),
        ("http://[2001:db8::1]", ("http", "2001:db8::1", 80)),
        ("2001:db8::1", ("http", "2001:db8::1", 80)),
        ("socks://proxy:1080/", ("socks5", "proxy", 1080)),
        ("socks5://proxy", ("socks5", "proxy", 1080)),
        ("socks5h://[::1]:1081", ("socks5", "::1", 1081)),
    ],
)
def test_all_forms_of_a_proxy(environment, value, expected):
    environment(HTTPS_PROXY=value)
    assert proxy_for(HTTPS) == expected


@pytest.mark.parametrize(
    ("value", "username", "password", "url"),
    [
        ("http://user:secret@proxy:1", "user", "secret", "http://user:secret@proxy:1"),
        ("user:secret@proxy:1", "user", "secret", "http://user:secret@proxy:1"),
        ("http://a%40b:p%3A%2F%23@proxy:1", "a@b", "p:/#", "http://a%40b:p%3A%2F%23@proxy:1"),
        ("http://user:p@ss@proxy:1", "user", "p@ss", "http://user:p%40ss@proxy:1"),
        ("http://user@proxy:1", "user", "", "http://user:@proxy:1"),
        ("http://@proxy:1", None, None, "http://proxy:1"),
    ],
)
def test_credentials_of_a_proxy(environment, value, username, password, url):
    environment(HTTPS_PROXY=value)
    proxy = ProxySettings().proxy_for(HTTPS)
    assert (proxy.username, proxy.password) == (username, password)
    assert proxy.url() == url
    assert proxy.url(scheme="socks5h") == url.replace("http:", "socks5h:")
    if password:
        assert password not in repr(proxy) + proxy.address
    assert not username or username not in repr(proxy)


@pytest.mark.parametrize(
    ("variables", "url", "host"),
    [
        ({"HTTP_PROXY": "a", "HTTPS_PROXY": "b"}, "http://x.org", "a"),
        ({"HTTP_PROXY": "a", "HTTPS_PROXY": "b"}, "ws://x.org", "a"),
        ({"HTTP_PROXY": "a", "HTTPS_PROXY": "b"}, "https://x.org", "b"),
        ({"HTTP_PROXY": "a", "HTTPS_PROXY": "b"}, "wss://x.org", "b"),
        ({"HTTP_PROXY": "a"}, "https://x.org", None),
        ({"HTTP_PROXY": "a", "ALL_PROXY": "c"}, "https://x.org", "c"),
        ({"ALL_PROXY": "c", "SOCKS_PROXY": "d"}, "https://x.org", "c"),
        ({"SOCKS_PROXY": "d"}, "https://x.org", "d"),
        ({"SOCKS_PROXY": "d"}, "ws://x.org", "d"),
        ({"HTTPS_PROXY": "A", "https_proxy": "b"}, "https://x.org", "b"),
        ({"HTTPS_PROXY": "a", "https_proxy": ""}, "https://x.org", None),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "c"}, "https://x.org", "c"),
        ({"all_proxy": "c"}, "http://x.org", "c"),
        ({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, "http://x.org", None),
    ],
)
def test_the_variable_that_applies(environment, variables, url, host):
    environment(**variables)
    proxy = ProxySettings().proxy_for(url)
    assert (None if proxy is None else proxy.host) == host


def test_a_socks_variable_without_a_scheme_names_a_socks_proxy(environment):
    environment(SOCKS_PROXY="proxy:9050")
    assert proxy_for(HTTPS) == ("socks5", "proxy", 9050)


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", HTTPS, True),
        ("example.org", HTTPS, True),
        ("example.org", "https://example.org", True),
        ("example.org", "https://notexample.org", False),
        ("example.org", "https://example.org.evil.net", False),
        (".example.org", HTTPS, True),
        (".example.org", "https://example.org", True),
        ("*.example.org", HTTPS, True),
        ("EXAMPLE.ORG", "https://API.example.org", True),
        ("example.org.", "https://example.org", True),
        ("example.org", "https://example.org.", True),
        ("other.net, api.example.org", HTTPS, True),
        ("other.net api.example.org", HTTPS, True),
        (",,api.example.org,", HTTPS, True),
        ("api.example.org:443", HTTPS, True),
        ("api.example.org:8443", HTTPS, False),
        ("api.example.org:8443", "wss://api.example.org:8443/s", True),
        ("https://api.example.org/", HTTPS, True),
        ("192.0.2.7", "https://192.0.2.7", True),
        ("192.0.2.7", "https://192.0.2.70", False),
        ("192.0.2.7:8443", "https://192.0.2.7:8443", True),
        ("192.0.2.0/24", "https://192.0.2.7", True),
        ("192.0.2.9/24", "https://192.0.2.7", True),
        ("192.0.2.0/28", "https://192.0.2.77", False),
        ("192.0.2.*", "https://192.0.2.77", True),
        ("192.0.2.0/24", HTTPS, False),
        ("192.0.2.0/24", "https://[::ffff:192.0.2.7]", True),
        ("2001:db8::1", "https://[2001:db8::1]", True),
        ("2001:DB8:0:0::1", "https://[2001:db8::1]:8443", True),
        ("[2001:db8::1]", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443", True),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]", False),
        ("2001:db8::/32", "https://[2001:db8:5::1]", True),
        ("[2001:db8::]/32", "https://[2001:db8:5::1]", True),
        ("2001:db8::/32", "https://[2001:db9::1]", False),
        ("fe80::1%eth0", "https://[fe80::1]", True),
        ("localhost,127.0.0.1,::1", HTTPS, False),
        ("<local>", HTTPS, False),
        ("", HTTPS, False),
    ],
)
def test_all_forms_of_an_exception(environment, no_proxy, url, direct):
    environment(ALL_PROXY="http://proxy:1", NO_PROXY=no_proxy)
    assert (proxy_for(url) is None) is direct


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LocalHost.", "a.localhost", "[::1]", "127.1.2.3", "0.0.0.0", "[::]"]
)
@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_nothing_is_read_for_loopback(environment, host, scheme):
    environment(HTTP_PROXY="%%%", HTTPS_PROXY="%%%", ALL_PROXY="gopher://x", NO_PROXY="10.0.0.0/99")
    assert proxy_for(f"{scheme}://{host}:8765/x") is None


SECRET = "s3cret"


@pytest.mark.parametrize(
    "value",
    [
        f"gopher://user:{SECRET}@proxy:1",
        f"http://user:{SECRET}@proxy:port",
        f"http://user:{SECRET}@proxy:99999",
        f"http://user:{SECRET}@proxy:0",
        f"http://user:{SECRET}#x@proxy:1",
        f"http://user:12/{SECRET}@proxy:1",
        f"http://user:{SECRET}@",
        f"http://user:{SECRET}@[::1",
        f"http://user:{SECRET}@two words:1",
        f"http://user:{SECRET}@prox\u00ff:1",
        f"http://user:{SECRET}@proxy:1/path",
        f"http://proxy:1?{SECRET}",
        f"socks4://user:{SECRET}@proxy:1",
        f"socks4a://{SECRET}@proxy:1",
        "direct://",
        "http://",
        "%%%",
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "SOCKS_PROXY"])
def test_an_unusable_value_is_an_error_that_names_the_variable(environment, variable, value):
    environment(**{variable: value})
    with pytest.raises(OdysseyConfigurationError) as caught:
        proxy_for(HTTPS)
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert str(caught.value).startswith(f"{variable} ")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_an_unusable_value_does_not_affect_other_urls(environment):
    environment(HTTPS_PROXY="gopher://x", HTTP_PROXY="proxy:1", NO_PROXY="direct.org")
    assert proxy_for("http://example.org") == ("http", "proxy", 1)
    assert proxy_for("https://direct.org") is None


@pytest.mark.parametrize(
    "entry", ["10.0.0.0/99", "[::1", "2001:db8::/200", "a/b", "user@host", "host:port", "[x]"]
)
def test_an_unusable_exception_is_an_error_that_names_the_variable(environment, entry):
    environment(HTTPS_PROXY="proxy:1", no_proxy=f"localhost,{entry}")
    with pytest.raises(OdysseyConfigurationError, match="Entry 2 of no_proxy is not a host name") as caught:
        proxy_for(HTTPS)
    assert caught.value.code is ErrorCode.CONFIGURATION


def test_an_unusable_exception_matters_only_with_a_proxy(environment):
    environment(NO_PROXY="10.0.0.0/99")
    assert proxy_for(HTTPS) is None


def test_a_socks_proxy_without_the_extra_is_an_error_that_names_it(environment, socks_extra):
    socks_extra(httpx="0.27", a_missing_package="1.5")
    environment(ALL_PROXY=f"socks5://user:{SECRET}@proxy:1")
    with pytest.raises(OdysseyConfigurationError, match=r"ALL_PROXY .*a_missing_package.*pip") as caught:
        proxy_for(HTTPS)
    assert caught.value.code is ErrorCode.CONFIGURATION
    assert SECRET not in str(caught.value)


def test_the_errors_of_a_proxy():
    proxy = Proxy("http", "proxy", 3128, "HTTPS_PROXY", "user", SECRET)
    for error in (proxy.refused(407, "x.org"), proxy.refused(403, "x.org"), proxy.login_refused()):
        assert isinstance(error, OdysseyConfigurationError)
        assert isinstance(error, OdysseyArgumentError)
        assert "proxy:3128" in str(error)
        assert "HTTPS_PROXY" in str(error)
        assert SECRET not in str(error)
    for error in (proxy.refused(502, "x.org"), proxy.failed("x.org", "no route")):
        assert isinstance(error, OdysseyError)
        assert error.code is ErrorCode.UNREACHABLE
        assert "x.org cannot be reached through the proxy proxy:3128 (HTTPS_PROXY)" in str(error)
    assert Proxy("socks5", "2001:db8::1", 1080, "ALL_PROXY").address == "[2001:db8::1]:1080"
