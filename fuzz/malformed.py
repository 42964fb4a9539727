"""Strategies of malformed inputs: valid messages that are damaged in structure or in bytes, and plain noise.

Every strategy gives byte strings. Most of the inputs keep the syntax and damage the structure, because a
parser refuses damaged syntax before its own checks. Hypothesis chooses the valid message, the number of
changes and a seed; the changes themselves come from the seed, which takes a tenth of the time of single
choices.
"""

from __future__ import annotations

import copy
import functools
import json
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from oracle import SECRET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from random import Random

LONG = 20_000
HOSTILE_TEXTS = (
    "",
    " ",
    "\ud800",
    "a\udfffb",
    "line\nbreak\r\n[ERROR] forged",
    "\x1b[31m\x1b]0;title\x07",
    "\x00",
    "\x85\u2028\u2029",
    "\u202egpj.exe",
    "\ufeff",
    "é漢字\U0001f98a",
    "%s%n%(x)s{0}{x}",
    "../../../../etc/passwd",
    "/dev/zero",
    "-1",
    "1e999",
    "0x10",
    "9" * 400,
    "http://[oops/",
    "http://" + "a" * 300 + ".example/",
    "ws://user:pass@host:99999/",
    "https://127.0.0.1:0/?q#f",
    "javascript:alert(1)",
    f"key {SECRET} refused",
    f"https://host/?token={SECRET}",
)
HOSTILE_NUMBERS: tuple[float, ...] = (
    *(0, -1, 1, 5.0, 0.5, -0.0, 1e-320, 1e300, float("nan"), float("inf"), float("-inf")),
    *(2**31, 2**32, 2**63, -(2**63) - 1, 2**64, 2**1100, 10**4000),
)
_LENGTHS = (1, 63, 64, 255, 256, 501, 4096, LONG)
_CHARACTERS = ((0, 0x20), (0x20, 0x7F), (0x7F, 0xA0), (0xA0, 0x2FF), (0x2000, 0x2070), (0xD800, 0xE000))
_DEPTHS = (10, 500, 990, 1010, 5000, 100_000)


def hostile_text(random: Random) -> str:
    """Return a text with surrogates, control characters, an address, a secret, or of a great length."""
    kind = random.randrange(4)
    if kind < 2:
        return random.choice(HOSTILE_TEXTS)
    if kind == 2:
        return random.choice(("x", "é", "\ud800", "\n", "[", "a.")) * random.choice(_LENGTHS)
    return "".join(chr(random.randrange(*random.choice(_CHARACTERS))) for _ in range(random.randrange(12)))


def hostile_value(random: Random) -> object:
    """Return a JSON value of any type, an extreme one more often than not."""
    kind = random.randrange(12)
    if kind < 4:
        return hostile_text(random)
    if kind < 6:
        return random.choice(HOSTILE_NUMBERS)
    if kind < 7:
        return random.randint(-(2**70), 2**70)
    if kind < 9:
        return random.choice((True, False, None, {}, []))
    if kind == 9:
        return [hostile_value(random) for _ in range(random.randrange(3))]
    if kind == 10:
        return {hostile_text(random): hostile_value(random) for _ in range(random.randrange(3))}
    return random.choice((nested(300, lists=True), nested(300, lists=False), ["x"] * 1000, [{}] * 1000))


def nested(depth: int, *, lists: bool) -> object:
    """Return lists or objects within each other."""
    value: object = 0
    for _ in range(depth):
        value = [value] if lists else {"data": value}
    return value


def texts() -> st.SearchStrategy[str]:
    """Return hostile texts."""
    return _seeds().map(hostile_text)


def _seeds() -> st.SearchStrategy[Random]:
    return st.randoms(use_true_random=True)


def _changed(valid: Sequence[Any], change: Callable[[Any, int, Random], bytes]) -> st.SearchStrategy[bytes]:
    return st.builds(change, st.sampled_from(valid), st.integers(0, 5), _seeds())


def damaged_json(*valid: object, lines: bool = False) -> st.SearchStrategy[bytes]:
    """Return JSON texts.

    Args:
        valid: Valid documents, of which most inputs are damaged copies.
        lines: Whether the format is one document a line.
    """
    encoded = tuple(json.dumps(document).encode() for document in valid)
    change = functools.partial(_json_lines, valid) if lines else _json_document
    structure = _changed(valid, change)
    return st.one_of(structure, structure, structure, structure, damaged_bytes(*encoded), _bombs())


def _json_document(document: object, changes: int, random: Random) -> bytes:
    document = copy.deepcopy(document)
    for _ in range(changes):
        document = _damage(document, random)
    # Characters arrive as themselves and as escapes.
    return json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _json_lines(valid: Sequence[object], document: object, changes: int, random: Random) -> bytes:
    documents = [document, *(random.choice(valid) for _ in range(random.randrange(4)))]
    end = random.choice((b"", b"\n", b"\r\n", b"\n\n"))
    return b"\n".join(_json_document(one, random.randrange(changes + 1), random) for one in documents) + end


def _damage(document: object, random: Random) -> object:
    """Change one place of a document: replace, remove, add, copy or wrap a value."""
    places = list(_places(document, 8))
    kind = random.choice(("value", "value", "value", "text", "remove", "add", "copy", "wrap"))
    if not places or (kind == "wrap" and random.random() < 0.3):
        return random.choice(([document], {"data": document}, None, document))
    parent, key = random.choice(places)
    if kind == "remove":
        del parent[key]
    elif kind == "add" and isinstance(parent, dict):
        parent[hostile_text(random)] = hostile_value(random)
    elif kind == "add":
        parent.insert(key, hostile_value(random))
    elif kind == "copy":
        other, name = random.choice(places)
        parent[key] = copy.deepcopy(other[name])
    elif kind == "wrap":
        parent[key] = random.choice(([parent[key]], {"data": parent[key]}))
    else:
        parent[key] = hostile_text(random) if kind == "text" else hostile_value(random)
    return document


def _places(value: Any, depth: int) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of the values within a document."""
    if depth and isinstance(value, (dict, list)):
        for key in list(value)[:40] if isinstance(value, dict) else range(min(len(value), 40)):
            yield value, key
            yield from _places(value[key], depth - 1)


def _bombs() -> st.SearchStrategy[bytes]:
    """Return deep nesting, long numbers, and other texts that are cheap to send."""
    units = (b"[", b'{"a":', b'[{"events":', b'"', b"- ", b"a: &a [*a,", b"9")
    repeated = st.builds(lambda unit, count: unit * count, st.sampled_from(units), st.sampled_from(_DEPTHS))
    closed = st.builds(
        lambda depth, lists: b"[" * depth + b"]" * depth if lists else b'{"a":' * depth + b"1" + b"}" * depth,
        st.sampled_from(_DEPTHS),
        st.booleans(),
    )
    others = (b"", b"null", b"NaN", b"-Infinity", b'"\\ud800"', b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}", b"[]")
    return st.one_of(repeated, closed, st.sampled_from(others))


def damaged_text(*valid: str, tokens: Sequence[str] = ()) -> st.SearchStrategy[bytes]:
    """Return texts of lines or words: valid ones in which parts are removed, repeated, swapped or replaced.

    Args:
        valid: Valid texts.
        tokens: Further parts that have a meaning in the format.
    """
    words = _changed(valid, functools.partial(_text, tokens))
    return st.one_of(
        words, words, words, damaged_bytes(*(text.encode() for text in valid)), texts().map(_encode)
    )


def as_text(data: bytes) -> str:
    """Return an input as a text; every input is one, and every text can be an input."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(tokens: Sequence[str], text: str, changes: int, random: Random) -> bytes:
    for _ in range(changes + 1):
        separator = random.choice(("\n", "\n", " ", " ", ":", "/", "=", ",", ";"))
        pieces = text.split(separator)
        at = random.randrange(len(pieces))
        kind = random.choice(("replace", "replace", "remove", "repeat", "insert", "swap"))
        if kind == "replace":
            pieces[at] = _part(tokens, random)
        elif kind == "remove":
            del pieces[at]
        elif kind == "repeat":
            pieces[at:at] = [pieces[at]] * random.choice((1, 2, 50))
        elif kind == "insert":
            pieces.insert(at, _part(tokens, random))
        else:
            other = random.randrange(len(pieces))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        text = separator.join(pieces)[: 5 * LONG]
    return _encode(text)


def _part(tokens: Sequence[str], random: Random) -> str:
    kind = random.randrange(3)
    if kind == 0 and tokens:
        return random.choice(tokens)
    return str(random.randint(-(2**66), 2**66)) if kind == 1 else hostile_text(random)


def damaged_bytes(*valid: bytes, noise: int = 300) -> st.SearchStrategy[bytes]:
    """Return byte strings: valid ones with flipped, removed, repeated or inserted bytes, cut ones, and noise.

    Args:
        valid: Valid inputs. Their first 100 bytes are damaged as often as all others, because headers are
            there.
        noise: Length of the longest random input.
    """
    changed = _changed(valid, _bytes)
    return st.one_of(changed, changed, changed, changed, st.binary(max_size=noise))


def _bytes(valid: bytes, changes: int, random: Random) -> bytes:
    data = bytearray(valid)
    for _ in range(changes + 1):
        if not data:
            break
        at = random.randrange(min(len(data), 100) if random.random() < 0.5 else len(data))
        kind = random.choice(("flip", "set", "word", "word", "cut", "remove", "repeat", "insert"))
        if kind == "flip":
            data[at] ^= 1 << random.randrange(8)
        elif kind == "set":
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, 0x20, 0x0A))
        elif kind == "word":
            word = random.choice((0, 1, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0))
            data[at : at + 4] = word.to_bytes(4, "big" if random.random() < 0.5 else "little")
        elif kind == "cut":
            if random.random() < 0.3:
                del data[at:]
        elif kind == "remove":
            del data[at : at + random.randint(1, 64)]
        elif kind == "repeat":
            data[at:at] = data[at : at + random.randint(1, 64)] * random.choice((1, 3, 200))
        else:
            data[at:at] = random.randbytes(random.randrange(1, 16))
    return bytes(data)
