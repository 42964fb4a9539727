"""Tables of figures for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, object]
"""One line of a table: column headings and values."""


def table(title: str, rows: Sequence[Mapping[str, object]]) -> str:
    """Return a title and aligned rows; all rows have the same columns, and the first one names the row."""
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
    """Return the text of a cell, with three significant digits for small numbers."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return str(value)
