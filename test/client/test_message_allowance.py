"""The number of messages that the other side may send."""

from __future__ import annotations

from odyssey_ros.client.message_allowance import MAX_AT_ONCE, MAX_PER_S, UNIT_LENGTH, MessageAllowance


def test_a_burst_and_a_rate_are_allowed():
    now = 10.0
    allowance = MessageAllowance(lambda: now)
    assert [allowance.take() for _ in range(MAX_AT_ONCE + 1)] == [True] * MAX_AT_ONCE + [False]
    now += 2.5 / MAX_PER_S
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now += 3600
    assert [allowance.take() for _ in range(MAX_AT_ONCE + 1)] == [True] * MAX_AT_ONCE + [False]


def test_replies_to_requests_are_always_allowed():
    allowance = MessageAllowance(lambda: 10.0)
    for _ in range(MAX_AT_ONCE):
        allowance.take()
    for _ in range(3 * MAX_AT_ONCE):
        allowance.expect_reply()
        assert allowance.take()
    assert not allowance.take()


def test_a_long_message_counts_more_than_once():
    allowance = MessageAllowance(lambda: 10.0)
    long = 9 * UNIT_LENGTH  # counts ten times
    assert [allowance.take(long) for _ in range(MAX_AT_ONCE // 10 + 1)] == [True] * (MAX_AT_ONCE // 10) + [
        False
    ]
