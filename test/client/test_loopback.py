"""Which hosts mean this machine."""

from __future__ import annotations

import ipaddress

import pytest

from odyssey_ros.client.loopback import LOOPBACK_ADDRESSES, is_loopback_host, parsed_address


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("localhost.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("::", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%lo", False),
        ("mylocalhost", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_a_host_means_this_machine(host, expected):
    assert is_loopback_host(host) is expected


def test_the_loopback_addresses_are_of_both_versions():
    assert [ipaddress.ip_address(one).version for one in LOOPBACK_ADDRESSES] == [4, 6]
    assert all(is_loopback_host(one) for one in LOOPBACK_ADDRESSES)


def test_an_address_is_parsed_without_its_zone_and_its_ipv6_notation():
    assert parsed_address("fe80::1%eth0") == ipaddress.ip_address("fe80::1")
    assert parsed_address("::ffff:192.0.2.1") == ipaddress.ip_address("192.0.2.1")
    assert parsed_address("[::1]") is None
    assert parsed_address("host") is None
