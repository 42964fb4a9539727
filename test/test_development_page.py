"""The diagrams and tables of docs/development.md name files and functions that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
PAGE = (TOP / "docs" / "development.md").read_text(encoding="utf-8")
FILE = r"((?:client|emulator|dataset|bridge)/[\w/]+\.py)"
STEPS = re.findall(rf"^\| .+ \| `{FILE}` \| (.+) \|$", PAGE, re.MULTILINE)
NODES = re.findall(rf'\["(\w+)<br/>{FILE}', PAGE)


def defined(file: str) -> set[str]:
    """Return the functions and methods that a module defines, and its classes."""
    tree = ast.parse((TOP / "odyssey_ros" / file).read_text(encoding="utf-8"))
    names = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            names |= {f"{node.name}.{item.name}" for item in node.body if isinstance(item, functions)}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names.add(node.name)
    return names


@pytest.mark.parametrize(("file", "functions"), STEPS)
def test_each_step_names_a_function_of_its_file(file, functions):
    assert set(re.findall(r"`([\w.]+)`", functions)) <= defined(file)


@pytest.mark.parametrize(("name", "file"), NODES)
def test_each_class_of_the_ladder_is_in_its_file(name, file):
    assert name in defined(file)


def test_the_page_has_both_paths_and_the_ladder():
    assert len(STEPS) >= 15
    assert len(NODES) >= 8


@pytest.mark.parametrize("room", re.findall(r"^\| `((?:bridge|emulator)/(?:\w+/)?)` \|", PAGE, re.MULTILINE))
def test_each_room_exists(room):
    assert (TOP / "odyssey_ros" / room / "__init__.py").is_file()


def test_each_room_is_listed():
    rooms = {
        f"{layer}/{path.parent.name}/"
        for layer in ("bridge", "emulator")
        for path in (TOP / "odyssey_ros" / layer).glob("*/__init__.py")
    }
    assert rooms <= set(re.findall(r"`((?:bridge|emulator)/\w+/)`", PAGE))
