"""The end of a process in which a library is blocked, and would crash at the end of the interpreter."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Final

_blocked: Final = threading.Event()


def skip_clean_up() -> None:
    """Let `ended` end the process without the clean-up of the interpreter and of libraries."""
    _blocked.set()


def ended(status: int) -> int:
    """Return the exit status, or end the process with it after `skip_clean_up`."""
    if _blocked.is_set():
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
