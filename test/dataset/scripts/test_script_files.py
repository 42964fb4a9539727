"""Script files parsed into typed values; the messages for invalid settings are tested in test_plans.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts.node_parsing import MAX_FILE_BYTES
from odyssey_ros.dataset.scripts.nodes import ListNode, PlacedError
from odyssey_ros.dataset.scripts.script_files import (
    ScriptFile,
    SweepMode,
    parse_script_file,
    read_script_file,
)


def _read(folder: Path, text: str) -> ScriptFile:
    path = folder / "walk.yaml"
    path.write_text(text)
    return read_script_file(path)


def test_a_bare_script_and_a_bare_list_of_scripts(tmp_path: Path) -> None:
    file = _read(tmp_path, "[{timestamp_ms: 0}]")
    assert [template.label for template in file.templates] == ["script"]
    assert file == ScriptFile(tmp_path / "walk.yaml", file.templates)
    templates = _read(tmp_path, "[[1], [2, 3]]").templates
    assert [template.label for template in templates] == ["scripts[0]", "scripts[1]"]
    contents = [template.content for template in templates]
    assert [len(content.items) for content in contents if isinstance(content, ListNode)] == [1, 2]


def test_all_settings(tmp_path: Path) -> None:
    file = _read(
        tmp_path,
        "{portrait: false, bypass_prompt_expansion: true, repeats: 3, sweep: zip, scripts: [[]], "
        "variables: {a: [x, 1, 2.5, true]}}",
    )
    assert (file.portrait, file.bypass_prompt_expansion, file.repeats) == (False, True, 3)
    assert file.variables is not None
    assert [value.text for value in file.variables["a"]] == ["x", "1", "2.5", "true"]
    assert file.sweep is SweepMode.ZIP


def test_settings_that_the_file_leaves_out(tmp_path: Path) -> None:
    file = _read(tmp_path, "{script: [], bypass_prompt_expansion: null}")
    assert (file.portrait, file.bypass_prompt_expansion, file.repeats) == (None, None, 1)
    assert (file.variables, file.sweep) == (None, SweepMode.PRODUCT)


def test_a_list_is_no_sweep_mode(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"sweep must be product or zip, not a list"):
        _read(tmp_path, "{script: [], sweep: [zip], variables: {a: [1]}}")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("x.yaml", b"a: [1\nb: 2", "line 2, column"),
        ("x.json", b'{"a": \n ,}', "line 2, column 2: Expecting value"),
        ("x.yaml", b"\xff\xfe\x00", "it is not UTF-16 text; save it as UTF-8"),
        ("x.yaml", b"a: \xe4", "it is not UTF-8 text; save it as UTF-8"),
        ("x.yaml", b"a: \x07", "not .yaml: unacceptable character #x0007: .* position 3$"),
        ("x.json", b"[" * 100_000, "not .json|line"),
    ],
)
def test_a_file_that_is_neither_yaml_nor_json(name: str, content: bytes, text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PlanError, match=text):
        read_script_file(path)


def test_a_pipe_and_a_device_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "walk.yaml")
    for path in (tmp_path / "walk.yaml", Path("/dev/zero")):
        with pytest.raises(PlanError, match=f"{path}: cannot be read: it is not a regular file"):
            read_script_file(path)


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "walk.yaml").open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(PlanError, match=r"walk.yaml: cannot be read: it is larger than 64 MiB"):
        read_script_file(tmp_path / "walk.yaml")


ALIASES_OF_ALIASES = "\n".join(
    f"{name}: &{name} [{', '.join([f'*{below}'] * 10) if below else 'x'}]"
    for below, name in zip(("", *"abcdefgh"), "abcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("x.json", b'[{"timestamp_ms": 0, "start": {"prompt": "\\ud800"}}]', "lone surrogate"),
        ("x.json", b'{"script": [], "\\udfff": 1}', "line 1, column 16: .*lone surrogate"),
        ("x.yaml", b'script: [{start: {prompt: "\\ud800"}}]', "line 1, column 27: .*lone surrogate"),
        ("x.yaml", b"script: &a [*a]", "line 1, column 13: the value of .a contains itself"),
        ("x.yaml", b"script: *a", "line 1, column 9: .a has no value"),
        ("x.yaml", b"a: " + b"[" * 200, "line 1, column 67: .*nested more than 64 levels"),
        ("x.json", b"[" * 200 + b"]" * 200, "line 1, column 65: .*nested more than 64 levels"),
        ("x.yaml", ALIASES_OF_ALIASES.encode(), "line 7, column .*: the file has more than 1000000 values"),
    ],
)
def test_what_no_manifest_can_hold_is_refused(name: str, content: bytes, text: str, tmp_path: Path) -> None:
    """Otherwise the jobs would run, and the manifest could not be written after them."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(PlanError, match=text):
        read_script_file(path)


def test_a_text_is_parsed_without_its_file() -> None:
    path = Path("missing/walk.yaml")
    file = parse_script_file("{portrait: true, script: [1]}", path)
    assert (file.path, file.portrait) == (path, True)
    with pytest.raises(
        PlacedError, match=r"^missing/walk.yaml: line 1, column 2: unknown key 'x'"
    ) as refused:
        parse_script_file("{x: 1}", path)
    assert (refused.value.place.line, refused.value.place.column) == (1, 2)
    assert refused.value.reason.startswith("unknown key 'x'")
    with pytest.raises(PlanError, match="more than 3 values"):
        parse_script_file("{script: [1, 2, 3]}", path, max_values=3)
    assert parse_script_file('{"script": [1]}', Path("walk.json")).templates[0].label == "script"
