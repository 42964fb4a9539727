"""An engine that runs tasks at once, in this process, for tests that need no processes."""

from __future__ import annotations

import pickle
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
R = TypeVar("R")


class InlineEngine:
    """Runs each task when it is submitted. Arguments and results are pickled, as in other engines."""

    width = 1

    def submit(self, function: Callable[[T], R], argument: T) -> Future[R]:
        future: Future[R] = Future()
        try:
            result = function(pickle.loads(pickle.dumps(argument)))
            future.set_result(pickle.loads(pickle.dumps(result)))
        except Exception as error:  # noqa: BLE001 -- the future has it
            future.set_exception(pickle.loads(pickle.dumps(error)))
        return future

    def close(self) -> None:
        pass


@contextmanager
def inline_engine(arguments: object) -> Iterator[InlineEngine]:
    """Return the engine in place of `selected_engine`, whatever the options."""
    yield InlineEngine()
