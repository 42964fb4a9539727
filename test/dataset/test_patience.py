"""Requests that are made again: as long as it may help, and not longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from odyssey_ros.client import OdysseyAuthError, OdysseyConnectionError, OdysseyError
from odyssey_ros.dataset.patience import Patience


class Service:
    """Fails with each of `errors`, then answers."""

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
def patience(waits: list[float]) -> Patience:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Patience(retries=2, initial_s=1.0, longest_s=8.0, sleep=sleep, uniform=lambda _least, most: most)


async def test_what_may_pass_is_tried_again_and_told(patience: Patience, waits: list[float]) -> None:
    heard: list[str] = []
    service = Service(_lost(), _lost())
    assert await replace(patience, on_retry=heard.append).call(service.ask) == "answer"
    assert service.requests == 3
    assert len(waits) == 2
    assert heard == [f"no connection; trying again in {seconds:.0f} s" for seconds in waits]


async def test_within_a_bound(patience: Patience, waits: list[float]) -> None:
    service = Service(*(_lost() for _ in range(9)))
    with pytest.raises(OdysseyConnectionError):
        await patience.call(service.ask)
    assert service.requests == 3


async def test_what_stays_is_not(patience: Patience, waits: list[float]) -> None:
    service = Service(OdysseyAuthError("refused"))
    with pytest.raises(OdysseyAuthError):
        await patience.call(service.ask)
    assert (service.requests, waits) == (1, [])
