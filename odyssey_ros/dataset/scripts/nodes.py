"""Values of a script file as they are written: their texts, and their places in the file.

YAML reads `NO` as false, `007` as 7, and `12:30` as 750. Therefore no value gets a type here: a scalar keeps
its text, and `scalars.py` gives it a type where one is needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from odyssey_ros.dataset.errors import PlanError

if TYPE_CHECKING:
    from pathlib import Path

MAX_VALUES: Final = 1_000_000
"""More than a script file needs; aliases of YAML can make a small file stand for billions of values."""

MAX_DEPTH: Final = 64
"""Maximum nesting; a script has five levels."""

_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file.

    Attributes:
        path: The file.
        line: The line, from 1.
        column: The column in characters, from 1.
    """

    path: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}: {self.spot}"

    @property
    def spot(self) -> str:
        """The place without the file."""
        return f"line {self.line}, column {self.column}"


class PlacedError(PlanError):
    """An error at a place of a script file.

    Attributes:
        place: The place.
        reason: The text without the place.

    Args:
        place: The place.
        reason: The reason, which follows the place in the text.
        where: What the text says instead of the place; None says the place.
    """

    def __init__(self, place: Place, reason: str, *, where: str | None = None) -> None:
        super().__init__(f"{place if where is None else where}: {reason}")
        self.place = place
        self.reason = reason


class Style(Enum):
    """How a scalar is written."""

    PLAIN = "plain"
    """In YAML, without quotes."""

    QUOTED = "quoted"
    """A text without doubt: in quotes, or a block of YAML."""

    LITERAL = "literal"
    """A number, `true`, `false` or `null` of JSON."""


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value.

    Attributes:
        text: The value as it is written, without quotes and with escape sequences replaced.
        style: How it is written.
        place: The place of its first character.
    """

    text: str
    style: Style
    place: Place

    @property
    def is_null(self) -> bool:
        """Whether it is the value null, or nothing at all."""
        return self.style is not Style.QUOTED and self.text in {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True)
class ListNode:
    """A list.

    Attributes:
        items: The values.
        place: The place of its first character.
    """

    items: list[Node]
    place: Place


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping.

    Attributes:
        fields: The values by the texts of their keys.
        keys: The places of the keys.
        place: The place of its first character.
    """

    fields: dict[str, Node]
    keys: dict[str, Place]
    place: Place


Node: TypeAlias = ScalarNode | ListNode | MappingNode


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read."""

    node: ListNode | MappingNode
    anchor: str | None
    key: ScalarNode | None = None
    merged: list[MappingNode] = field(default_factory=list)
    merges: Place | None = None
    size: int = 1


class NodeBuilder:
    """Builds the nodes of a file from its scalars, and from the beginnings and ends of its collections.

    All methods raise PlanError for what a script file cannot contain; the text names file, line and column.

    Args:
        max_values: Maximum number of values, aliases included; None for `MAX_VALUES`.
    """

    def __init__(self, max_values: int | None = None) -> None:
        self._max_values = MAX_VALUES if max_values is None else max_values
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[int, int] = {}  # of collections, with all aliases expanded
        self._count = 0

    def scalar(self, text: str, style: Style, place: Place, anchor: str | None = None) -> None:
        """Add a scalar."""
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            try:  # two escape sequences of UTF-16 are one character, as in JSON
                text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            except UnicodeDecodeError:
                raise PlacedError(
                    place, "a text has a lone surrogate, which is not a character: remove it"
                ) from None
        self._add(ScalarNode(text, style, place), anchor, 1)

    def alias(self, anchor: str, place: Place) -> None:
        """Add the value with an anchor again."""
        if any(opened.anchor == anchor for opened in self._open):
            raise PlacedError(place, f"the value of *{anchor} contains itself")
        if anchor not in self._anchors:
            raise PlacedError(place, f"*{anchor} has no value: write &{anchor} before a value above it")
        node = self._anchors[anchor]
        self._add(node, None, self._sizes.get(id(node), 1), place)

    def begin(self, node: ListNode | MappingNode, anchor: str | None = None) -> None:
        """Add an empty collection. The next values belong to it, until `end`."""
        if len(self._open) >= MAX_DEPTH:
            raise PlacedError(node.place, f"a value is nested more than {MAX_DEPTH} levels deep")
        self._check_key_is_scalar(node)
        self._anchors.pop(anchor or "", None)
        self._open.append(_Open(node, anchor))

    def end(self) -> None:
        """End the last collection that has begun."""
        closed = self._open.pop()
        if isinstance(closed.node, MappingNode):
            for other in closed.merged:
                for key, value in other.fields.items():
                    # As YAML defines: a key of the mapping itself wins, then that of the first merged one.
                    if key not in closed.node.fields:
                        closed.node.fields[key] = value
                        closed.node.keys[key] = other.keys[key]
        self._sizes[id(closed.node)] = closed.size
        self._add(closed.node, closed.anchor, closed.size)

    def _add(self, node: Node, anchor: str | None, size: int, place: Place | None = None) -> None:
        place = place or node.place
        if anchor is not None:
            self._anchors[anchor] = node
        self._count += 1
        if self._count > self._max_values:
            raise self._too_many(place)
        if not self._open:
            self.root = node
            return
        opened = self._open[-1]
        opened.size += size
        if opened.size > self._max_values:
            raise self._too_many(place)
        if isinstance(opened.node, ListNode):
            opened.node.items.append(node)
        elif opened.key is None:
            opened.key = self._key(opened, opened.node, node, place)
        elif opened.merges is not None and opened.key.text == _MERGE and opened.key.style is Style.PLAIN:
            opened.merged += _merged(node, place)
            opened.key = None
        else:
            opened.node.fields[opened.key.text] = node
            opened.key = None

    def _key(self, opened: _Open, mapping: MappingNode, node: Node, place: Place) -> ScalarNode:
        self._check_key_is_scalar(node)
        assert isinstance(node, ScalarNode)  # noqa: S101 -- just checked
        merges = node.text == _MERGE and node.style is Style.PLAIN
        before = opened.merges if merges else mapping.keys.get(node.text)
        if before is not None:
            raise PlacedError(
                place, f"the key {node.text!r} is already in {before.spot}: remove one of the two"
            )
        if merges:
            opened.merges = place
        else:
            mapping.keys[node.text] = place
        return node

    def _too_many(self, place: Place) -> PlacedError:
        return PlacedError(place, f"the file has more than {self._max_values} values, aliases included")

    def _check_key_is_scalar(self, node: Node) -> None:
        opened = self._open[-1] if self._open else None
        if opened is None or not isinstance(opened.node, MappingNode) or opened.key is not None:
            return
        if not isinstance(node, ScalarNode):
            raise PlacedError(
                node.place,
                f"a key must be a text, not {kind_of(node)}: put a text that begins with {{ or [ in quotes",
            )


def kind_of(node: Node) -> str:
    """Return the kind of a value, for messages."""
    return {ScalarNode: "a text", ListNode: "a list", MappingNode: "a mapping"}[type(node)]


def _merged(node: Node, place: Place) -> list[MappingNode]:
    """Return the mappings that a merge key names."""
    nodes = node.items if isinstance(node, ListNode) else [node]
    mappings = [other for other in nodes if isinstance(other, MappingNode)]
    if len(mappings) != len(nodes):
        raise PlacedError(place, f"{_MERGE} needs a mapping or a list of mappings; put a text in quotes")
    return mappings
