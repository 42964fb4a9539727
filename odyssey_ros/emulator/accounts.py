"""The accounts of the service, their usage, and the limits on it."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from odyssey_ros.emulator.limits import (
    Limits,
    UsageError,
    account_suspended,
    concurrent_limit_reached,
    monthly_limit_reached,
    rate_limited,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from odyssey_ros.emulator.config import Account


class AccountBook:
    """The accounts and their usage in this run of the service.

    Args:
        accounts: all accounts.
        limits: the limits on usage.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, accounts: tuple[Account, ...], limits: Limits, now: Callable[[], float]) -> None:
        self._by_key = {account.api_key: account for account in accounts}
        self._by_name = {account.name: account for account in accounts}
        self._limits = limits
        self._now = now
        self._streamed_seconds: defaultdict[tuple[str, int, int], float] = defaultdict(float)
        self._requests: defaultdict[str, deque[float]] = defaultdict(deque)

    def by_key(self, api_key: str) -> Account | None:
        """Return the account with this API key, or None."""
        return self._by_key.get(api_key)

    def by_name(self, name: str) -> Account | None:
        """Return the account with this name, or None."""
        return self._by_name.get(name)

    def add_streamed(self, account: Account, seconds: float) -> None:
        """Add the duration of an ended stream, in seconds."""
        self._streamed_seconds[self._month(account)] += seconds

    def streamed_hours(self, account: Account) -> float:
        """Return the hours streamed in the current calendar month (UTC)."""
        return self._streamed_seconds[self._month(account)] / 3600

    def refusal(self, account: Account, active_sessions: int) -> UsageError | None:
        """Return the reason for refusing another session, or None; counts the request.

        Args:
            account: the requester.
            active_sessions: number of sessions that the account already holds.
        """
        if account.suspended is not None:
            return account_suspended(account.suspended)
        limits = self._limits
        if limits.session_requests_per_minute is not None:
            retry_after = self._count_request(account, limits.session_requests_per_minute)
            if retry_after is not None:
                return rate_limited(retry_after)
        if limits.monthly_hours is not None and self.streamed_hours(account) >= limits.monthly_hours:
            return self._monthly_limit(account, limits.monthly_hours)
        if limits.concurrent_sessions is not None and active_sessions >= limits.concurrent_sessions:
            return concurrent_limit_reached(active_sessions, limits.concurrent_sessions)
        return None

    def _monthly_limit(self, account: Account, limit_hours: float) -> UsageError:
        today = datetime.fromtimestamp(self._now(), timezone.utc)
        reset = datetime(today.year + today.month // 12, today.month % 12 + 1, 1, tzinfo=timezone.utc)
        return monthly_limit_reached(self.streamed_hours(account), limit_hours, reset.date().isoformat())

    def _count_request(self, account: Account, per_minute: int) -> int | None:
        now, recent = self._now(), self._requests[account.name]
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= per_minute:
            return max(1, round(60 - (now - recent[0])))
        recent.append(now)
        return None

    def _month(self, account: Account) -> tuple[str, int, int]:
        today = datetime.fromtimestamp(self._now(), timezone.utc)
        return account.name, today.year, today.month
