"""An address that has sent too many wrong tokens waits."""

from __future__ import annotations

from odyssey_ros.console.server.login_attempts import MAX_ADDRESSES, MAX_FAILURES, WINDOW_S, LoginAttempts


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def fail(attempts, address, times=MAX_FAILURES):
    for _ in range(times):
        attempts.failed(address)


def test_an_address_waits_until_the_first_failure_is_old():
    clock = Clock()
    attempts = LoginAttempts(clock)
    fail(attempts, "192.0.2.1", MAX_FAILURES - 1)
    assert attempts.wait_s("192.0.2.1") == 0
    attempts.failed("192.0.2.1")
    assert attempts.wait_s("192.0.2.1") == WINDOW_S
    assert attempts.wait_s("192.0.2.2") == 0
    clock.now += WINDOW_S
    assert attempts.wait_s("192.0.2.1") == 0


def test_a_login_forgets_the_failures():
    attempts = LoginAttempts(Clock())
    fail(attempts, "192.0.2.1", MAX_FAILURES - 1)
    attempts.succeeded("192.0.2.1")
    fail(attempts, "192.0.2.1", MAX_FAILURES - 1)
    assert attempts.wait_s("192.0.2.1") == 0


def test_a_network_counts_as_one_address():
    attempts = LoginAttempts(Clock())
    for number in range(MAX_FAILURES):
        attempts.failed(f"2001:db8::{number}")
    assert attempts.wait_s("2001:db8::ffff%eth0") > 0
    assert attempts.wait_s("2001:db8:0:1::1") == 0
    fail(attempts, "::ffff:192.0.2.1")
    assert attempts.wait_s("::ffff:192.0.2.2") == 0


def test_the_number_of_addresses_is_bounded():
    attempts = LoginAttempts(Clock())
    fail(attempts, "192.0.2.1")
    for number in range(MAX_ADDRESSES):
        attempts.failed(f"unknown {number}")
    assert attempts.wait_s("192.0.2.1") == 0
    fail(attempts, "unknown 1")
    assert attempts.wait_s("unknown 1") > 0
