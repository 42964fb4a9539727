"""HTML elements whose texts and attributes are always escaped.

A text becomes part of a page only through `element` or `escaped`, so that a prompt or a name cannot add
markup. Characters that a browser does not show, or that change the order of others, are shown by their
numbers.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from odyssey_ros.dataset.file_names import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Content: TypeAlias = "str | Iterable[Content]"

_VOID: Final = frozenset(("br", "col", "img", "input", "link", "meta"))

# Controls, marks of the bidirectional algorithm (UAX 9), invisible operators and tags, lone surrogates and
# noncharacters. The joiners U+200C and U+200D stay: scripts and emojis need them.
_HIDDEN: Final = re.compile(
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f])"
)


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Return a text as HTML. A character that would not be seen becomes a `code` with its number."""
    parts = _HIDDEN.split(text)
    return Html(
        "".join(
            f'<code class="hidden-character">U+{ord(part):04X}</code>' if number % 2 else html.escape(part)
            for number, part in enumerate(parts)
        )
    )


def plain(text: str) -> str:
    """Return a text for an attribute, with the numbers of hidden characters. Nothing is escaped."""
    return _HIDDEN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)


def element(name: str, /, *children: Content, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: Name of the element.
        children: Texts, which are escaped, `Html`, or iterables of both.
        attributes: Values of the attributes; None and False leave one out, True gives it no value. A `_`
            at the end of a name is removed, and the others become `-`.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(f" {attribute}" if value is True else f' {attribute}="{html.escape(plain(str(value)))}"')
    parts.append(">")
    if name not in _VOID:
        parts += [joined(children), f"</{name}>"]
    return Html("".join(parts))


def joined(children: Iterable[Content]) -> Html:
    """Return texts and elements one after the other, as HTML."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Html):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(escaped(child))
        else:
            parts.append(joined(child))
    return Html("".join(parts))


def anchor(episode: str) -> str:
    """Return the id of an episode's section, for any name."""
    return f"episode-{safe_name(episode)}"
