"""Plans of script files: sweeps, names that stay the same, and messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from odyssey_ros.dataset.errors import PlanError
from odyssey_ros.dataset.scripts import plans
from odyssey_ros.dataset.scripts.plans import EpisodePlan, read_plans

if TYPE_CHECKING:
    from pathlib import Path


def _script(prompt: str = "a cat", then: str = "it sleeps") -> list[dict[str, Any]]:
    return [
        {"timestamp_ms": 0, "start": {"prompt": prompt}},
        {"timestamp_ms": 1000, "interact": {"prompt": then}},
        {"timestamp_ms": 2000, "end": {}},
    ]


def _file(folder: Path, document: object, name: str = "walk.yaml") -> Path:
    path = folder / name
    text = json.dumps(document) if name.endswith(".json") else yaml.safe_dump(document, sort_keys=False)
    path.write_text(text)
    return path


def _prompts(plan: EpisodePlan) -> list[str]:
    return [dict(entry).get("start", dict(entry).get("interact", {}))["prompt"] for entry in plan.script[:-1]]


@pytest.mark.parametrize("name", ["walk.yaml", "walk.yml", "walk.json"])
def test_one_script_many_scripts_and_a_mapping_of_either(name: str, tmp_path: Path) -> None:
    one = read_plans([_file(tmp_path, _script(), name)])
    assert [plan.script for plan in one] == [tuple(_script())]
    assert one[0].portrait
    assert one[0].source == f"{name}: script"
    many = read_plans([_file(tmp_path, [_script("a"), _script("b")], name)])
    assert [_prompts(plan)[0] for plan in many] == ["a", "b"]
    assert many[1].source == f"{name}: scripts[1]"
    settings = {"portrait": False, "bypass_prompt_expansion": True, "scripts": [_script()]}
    plan = read_plans([_file(tmp_path, settings, name)])[0]
    assert (plan.portrait, plan.bypass_prompt_expansion) == (False, True)
    assert not read_plans([_file(tmp_path, {"script": _script()}, name)], portrait=False)[0].portrait


def test_every_combination_of_the_variables(tmp_path: Path) -> None:
    document = {
        "variables": {"animal": ["a fox", "a heron", "{}"], "weather": ["rain", "snow"], "at": [1000, 1500]},
        "script": _script("{animal} in {weather}", "{{the}} {weather} stops"),
    }
    document["script"][1]["timestamp_ms"] = "{at}"  # type: ignore[index]
    found = read_plans([_file(tmp_path, document)])
    assert len(found) == 12
    assert _prompts(found[0]) == ["a fox in rain", "{the} rain stops"]
    assert _prompts(found[-1]) == ["{} in snow", "{the} snow stops"]
    assert [plan.script[1]["timestamp_ms"] for plan in found[:2]] == [1000, 1500]
    assert found[1].variables == {"animal": "a fox", "weather": "rain", "at": 1500}
    assert len({plan.name for plan in found}) == 12


def test_variables_combined_by_position(tmp_path: Path) -> None:
    document = {"variables": {"a": ["x", "y"], "b": [1, 2]}, "sweep": "zip", "script": _script("{a}{b}")}
    assert [_prompts(plan)[0] for plan in read_plans([_file(tmp_path, document)])] == ["x1", "y2"]


def test_without_variables_braces_are_text(tmp_path: Path) -> None:
    assert _prompts(read_plans([_file(tmp_path, _script("a {cat} }{"))])[0])[0] == "a {cat} }{"


def test_repeats_and_equal_scripts_have_different_names(tmp_path: Path) -> None:
    document = {"repeats": 2, "scripts": [_script(), _script("b"), _script()]}
    names = [plan.name for plan in read_plans([_file(tmp_path, document)])]
    assert len(set(names)) == 6
    assert names[1] == f"{names[0]}-2"
    assert names[5] == f"{names[0]}-4"


def test_a_name_stays_when_the_sweep_grows_and_changes_with_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(values: list[str], **settings: Any) -> list[str]:
        document = {"variables": {"a": values}, "script": _script("{a}"), **settings}
        return [plan.name for plan in read_plans([_file(tmp_path, document)])]

    assert names(["x", "y", "z"])[1:] == names(["y", "z"])
    assert set(names(["x"])).isdisjoint(names(["x"], portrait=False))
    image = tmp_path / "start.png"
    image.write_bytes(b"one")
    with_image = _script()
    with_image[0]["start"]["image"] = "start.png"
    plan = read_plans([_file(tmp_path, with_image)])[0]
    assert plan.script[0]["start"]["image"] == str(image)
    monkeypatch.setenv("HOME", str(tmp_path))
    with_image[0]["start"]["image"] = "~/start.png"
    assert read_plans([_file(tmp_path, with_image)])[0].script[0]["start"]["image"] == str(image)
    image.write_bytes(b"two")
    assert read_plans([_file(tmp_path, with_image)])[0].name != plan.name


def test_names_are_valid_file_names(tmp_path: Path) -> None:
    name = read_plans([_file(tmp_path, _script(), "ein  Fuchs (größer).yaml")])[0].name
    assert name.startswith("ein_Fuchs_gr_er-")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (_script()[1:], r"walk.yaml: script\[0\] \(interact at 1000 ms\): the first entry"),
        ([_script(), _script("")], r"walk.yaml: scripts\[1\]\[0\] \(start at 0 ms\): the prompt is empty"),
        ("text", "holds a script, a list of scripts, or a mapping"),
        ([], "holds a script, a list of scripts, or a mapping"),
        ({"script": _script(), "scripts": [_script()]}, "exactly one of script and scripts"),
        ({"portrait": True}, "exactly one of script and scripts"),
        ({"script": _script(), "prompts": []}, "unknown key 'prompts'"),
        ({"script": _script(), "portrait": "no"}, "portrait must be true or false, not 'no'"),
        (
            {"script": _script(), "bypass_prompt_expansion": 1},
            "bypass_prompt_expansion must be true or false",
        ),
        ({"script": _script(), "repeats": 0}, "repeats must be a number from 1"),
        ({"script": _script(), "repeats": True}, "repeats must be a whole number"),
        ({"scripts": {}}, "scripts must be a list"),
        ({"script": _script(), "sweep": "zip"}, "sweep needs variables"),
        ({"script": _script(), "variables": []}, "variables must be a mapping"),
        ({"script": _script("{a}"), "variables": {"a": []}}, "the variable 'a' needs a list"),
        ({"script": _script("{a}"), "variables": {"a": "x"}}, "the variable 'a' needs a list"),
        ({"script": _script("{a}"), "variables": {"a": [None]}}, "must be a text, but 'null' means"),
        ({"script": _script("{a}"), "variables": {"a": ["x"], "b": ["y"]}}, "the variable 'b' is not used"),
        (
            {"script": _script("{b}"), "variables": {"a": ["x"]}},
            r"walk.yaml: line 4, column 13: script\[0\]: '{b}' names 'b', which is not among the variables a",
        ),
        (
            {"script": _script("a", "{a}{b}"), "variables": {"a": ["x"]}},
            r"script\[1\]: .*names 'b', which is",
        ),
        ({"script": _script("{a!r}"), "variables": {"a": ["x"]}}, "a placeholder is a name in braces"),
        ({"script": _script("{a.b}"), "variables": {"a": ["x"]}}, "a placeholder is a name in braces"),
        ({"script": _script("{a"), "variables": {"a": ["x"]}}, "write a literal brace twice"),
        ({"script": _script("{a b}"), "variables": {"a": ["x"]}}, "a placeholder is a name in braces"),
        ({"script": _script("{a}"), "variables": {"a": ["x"], "b c": ["x"]}}, "a variable's name is letters"),
        (
            {"script": _script("{a}"), "variables": {"a": ["x"]}, "sweep": "all"},
            "sweep must be product or zip",
        ),
        (
            {"script": _script("{a}{b}"), "variables": {"a": [1, 2], "b": [1]}, "sweep": "zip"},
            "as many values of each variable",
        ),
        (
            {"script": _script("{a}"), "variables": {"a": ["x", " "]}},
            r"walk.yaml with a= : script\[0\] \(start at 0 ms\): the prompt is empty",
        ),
    ],
)
def test_errors_name_the_file_the_entry_and_the_reason(document: object, text: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=text) as caught:
        read_plans([_file(tmp_path, document)])
    assert "walk.yaml" in str(caught.value)


def test_missing_and_duplicate_files(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"none.yaml: cannot be read: No such file"):
        read_plans([tmp_path / "none.yaml"])
    path = _file(tmp_path, _script())
    with pytest.raises(PlanError, match=r"given twice"):
        read_plans([path, path])
    with pytest.raises(PlanError, match="no script files"):
        read_plans([])
    script = _script()
    script[0]["start"]["image"] = "none.png"
    where = r"walk.yaml: script\[0\] \(start at 0 ms\)"
    with pytest.raises(PlanError, match=rf"{where}: cannot read the image .*none.png: No such file"):
        read_plans([_file(tmp_path, script)])
    script[0]["start"]["image"] = "/dev/zero"
    with pytest.raises(PlanError, match=rf"{where}: cannot read the image /dev/zero: it is not a regular"):
        read_plans([_file(tmp_path, script)])
    script[0]["start"]["image"] = "~no-such-user/a.png"
    with pytest.raises(PlanError, match=rf"{where}: image: .*: ~no-such-user has no home folder"):
        read_plans([_file(tmp_path, script)])
    script[0]["start"]["image"] = [3]
    with pytest.raises(PlanError, match=r"script\[0\]: image must be a text, not a list"):
        read_plans([_file(tmp_path, script)])


def test_the_number_of_episodes_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document: dict[str, Any] = {
        "variables": {name: list(range(1000)) for name in "abcdef"},
        "script": _script("{a}{b}{c}{d}{e}{f}"),
    }
    with pytest.raises(PlanError, match="more than 100000 episodes"):
        read_plans([_file(tmp_path, document)])
    monkeypatch.setattr(plans, "MAX_EPISODES", 5)
    with pytest.raises(PlanError, match="more than 5 episodes"):
        read_plans([_file(tmp_path, [_script() for _ in range(6)])])


def test_a_message_shows_the_values_of_a_point_in_one_line(tmp_path: Path) -> None:
    path = _file(tmp_path, {"variables": {"a": ["x\n[ERROR] forged"]}, "script": _script("{a}")[:2]})
    with pytest.raises(PlanError, match=r"with a='x\\n\[ERROR\] forged': "):
        read_plans([path])
