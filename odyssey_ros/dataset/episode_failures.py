"""The failure of one episode, whatever its cause: it must not end the work on the others."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Final, TypeVar

from odyssey_ros.client.error_codes import ErrorCode
from odyssey_ros.client.redaction import redact_logs
from odyssey_ros.client.service_text import error_text
from odyssey_ros.dataset.errors import DatasetError, EpisodeError, disk_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

_logger: Final = logging.getLogger(__name__)
redact_logs(__name__)

T = TypeVar("T")


async def contained(episode: str, work: Awaitable[T]) -> T:
    """Return the result of the work on an episode; errors as in `containing`."""
    with containing(episode):
        return await work


@contextlib.contextmanager
def containing(episode: str) -> Iterator[None]:
    """Return a context for the work on an episode.

    Args:
        episode: Name of the episode.

    Raises:
        DatasetError: The error of the work. Any other exception becomes an `EpisodeError`: `DISK_FULL` if
            there is no space, otherwise `INTERNAL`, whose traceback is logged.
    """
    try:
        yield
    except DatasetError:
        raise
    except Exception as error:
        if isinstance(error, OSError):
            failure = disk_error(error, "the episode")
            if failure.code is ErrorCode.DISK_FULL:
                raise failure from error
        _logger.error("%s: an internal error; please report it", episode, exc_info=error)
        text = error_text(f"internal error: {type(error).__name__}: {error}")
        raise EpisodeError(ErrorCode.INTERNAL, text) from error
