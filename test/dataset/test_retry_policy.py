"""Retries of requests: only after transient errors, and within a bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odyssey_ros.client import OdysseyAuthError, OdysseyConnectionError, OdysseyError
from odyssey_ros.dataset.retry_policy import RetryPolicy


class Service:
    """Fails with each of `errors`, then responds."""

    def __init__(self, *errors: OdysseyError) -> None:
        self.errors = list(errors)
        self.requests = 0

    async def ask(self) -> str:
        self.requests += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def _lost() -> OdysseyError:
    return OdysseyConnectionError("no connection", code="connection_failed")


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def retry_policy(waits: list[float]) -> RetryPolicy:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return RetryPolicy(retries=2, initial_s=1.0, max_s=8.0, sleep=sleep, uniform=lambda _least, most: most)


async def test_transient_errors_are_retried_and_reported(
    retry_policy: RetryPolicy, waits: list[float]
) -> None:
    reported: list[str] = []
    service = Service(_lost(), _lost())
    assert await replace(retry_policy, on_retry=reported.append).call(service.ask) == "answer"
    assert service.requests == 3
    assert len(waits) == 2
    assert reported == [f"no connection; trying again in {seconds:.0f} s" for seconds in waits]


async def test_retries_are_bounded(retry_policy: RetryPolicy, waits: list[float]) -> None:
    service = Service(*(_lost() for _ in range(9)))
    with pytest.raises(OdysseyConnectionError):
        await retry_policy.call(service.ask)
    assert service.requests == 3


async def test_a_permanent_error_is_not_retried(retry_policy: RetryPolicy, waits: list[float]) -> None:
    service = Service(OdysseyAuthError("refused"))
    with pytest.raises(OdysseyAuthError):
        await retry_policy.call(service.ask)
    assert (service.requests, waits) == (1, [])
