"""A fuzz target: a parser of outside input, the inputs for it, and what it may do with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class FuzzTarget:
    """One parser of outside input.

    Attributes:
        name: The name on the command line.
        inputs: The malformed inputs. Every input is a byte string, so that it can be saved and repeated.
        parse: Parses one input and checks the result with the functions of `oracle`. It returns for an
            accepted input, and raises one of `refusals` for a refused one.
        refusals: The documented exceptions. Any other exception is a failure.
        memory_mib: The memory that all inputs together may use beyond that of the loaded modules, in MiB.
        clean_refusals: Whether the text of a refusal must be fit for a log, a topic and a terminal.
        share: The share of the requested number of inputs, for a parser that takes milliseconds per input in
            the tests. `make fuzz` ignores it.
    """

    name: str
    inputs: SearchStrategy[bytes]
    parse: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
    memory_mib: int = 128
    clean_refusals: bool = True
    share: float = 1.0
