"""Figures as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, object]
"""One line of a table: what stands above a column, and the value."""


def table(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    """A title and rows that share their columns; the first column is the name of the row."""
    columns = list(rows[0])
    cells = [columns, *([text(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = [f"\n{title}"]
    for line in cells:
        name = f"  {line[0]:<{widths[0]}}"
        lines.append(
            "  ".join([name, *(f"{cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))])
        )
    return "\n".join(lines)


def text(value: object) -> str:
    """A cell; numbers with as many digits as they are worth."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return str(value)
