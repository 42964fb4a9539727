"""What a user is shown before and about the submission of scripts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from odyssey_ros.dataset.bag_layout import BagLayout
from odyssey_ros.dataset.plan_notes import dry_run_line, notes_on, notes_on_former
from odyssey_ros.dataset.scripts.plans import EpisodePlan, read_plans
from odyssey_ros.dataset.shards import Shard
from odyssey_ros.dataset.submissions.journal import Intent, Journal
from odyssey_ros.dataset.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def _plans(folder: Path, prompt: str, **settings: object) -> list[EpisodePlan]:
    script = [{"timestamp_ms": 0, "start": {"prompt": prompt}}, {"timestamp_ms": 900, "end": {}}]
    path = folder / "walk.json"
    path.write_text(json.dumps({**settings, "script": script}))
    return read_plans([path])


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("größer 雨 \U0001f98a", "größer 雨 \U0001f98a"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u00a0b", "a\\u00a0b"),
        ("a\u200bb", "a\\u200bb"),
        ("a\u202eb", "a\\u202eb"),
        ("\ufeffa", "\\ufeffa"),
        ("a\u3164b", "a\\u3164b"),
        ("a\ufe0fb", "a\\ufe0fb"),
        ("e\u0301", "e\\u0301"),
        ("\u00e9", "\u00e9"),
        ("a \n", "a \\n"),
        ('"\\', '\\"\\\\'),
        ("\U000e0041", "\\udb40\\udc41"),
    ],
)
def test_a_dry_run_shows_invisible_characters(prompt: str, shown: str, tmp_path: Path) -> None:
    (plan,) = _plans(tmp_path, prompt)
    line = dry_run_line(plan, "utf-8")
    assert f'"prompt": "{shown}"' in line
    assert json.loads(line) == {
        "episode": plan.name,
        "source": "walk.json: script",
        "portrait": True,
        "bypass_prompt_expansion": None,
        "variables": {},
        "script": list(plan.script),
    }


def test_a_dry_run_writes_what_the_output_cannot_as_escape_sequences(tmp_path: Path) -> None:
    line = dry_run_line(_plans(tmp_path, "größer 雨")[0], "latin-1")
    assert '"größer \\u96e8"' in line
    assert dry_run_line(_plans(tmp_path, "größer")[0], "ascii").isascii()


def test_episodes_with_the_same_script_are_told_unless_they_are_repeats(tmp_path: Path) -> None:
    name = _plans(tmp_path, "xyz")[0].name
    (note,) = notes_on(_plans(tmp_path, "{a}{b}", variables={"a": ["x", "xy"], "b": ["z", "yz"]}))
    assert note.startswith("1 of 4 episodes have the same script as another one, and are simulated too")
    assert note.endswith(f"for example {name}-2 and {name} (walk.json: script)")
    assert list(notes_on(_plans(tmp_path, "x", repeats=3))) == []
    assert list(notes_on(_plans(tmp_path, "{a}", variables={"a": ["NO", "no", "No", 1, "1.0"]}))) == []
    twice = _plans(tmp_path, "{a}", variables={"a": ["x", "x"]}, repeats=2)
    assert [plan.same_as is None for plan in twice] == [True, True, False, False]


def test_prompts_that_labels_cannot_hold_are_told(tmp_path: Path) -> None:
    (note,) = notes_on(_plans(tmp_path, "a\u200fb"))
    assert note.startswith(
        'prompts with characters that labels cannot hold: 1. The prompt "a\\u200fb" of walk-'
    )
    assert note.endswith('have the label "ab"')
    assert list(notes_on(_plans(tmp_path, "a\u2028\n\u200db"))) == []


def test_jobs_of_scripts_that_have_changed_are_told(tmp_path: Path) -> None:
    """The job of a killed run that submitted `False` is neither continued nor forgotten."""
    former, present = _plans(tmp_path, "in False")[0], _plans(tmp_path, "in NO")
    with (
        Workspace(tmp_path / "out", BagLayout(), Shard()) as workspace,
        Journal(workspace.journal_path) as journal,
    ):
        journal.submitted(former.name, "job-1")
        journal.submitted("other-0123456789ab", "job-2")
        journal.submitted(present[0].name, "job-3")
        journal.intends("walk-0123456789ab", Intent())
        job, doubt = notes_on_former(present, workspace, journal)
        assert job.startswith(f"the job job-1 was submitted for {former.name}, whose script is no longer in")
        assert job.endswith("to make its bag, run: odyssey-dataset jobs job-1")
        assert doubt.startswith(
            "a submission of walk-0123456789ab, whose script is no longer in the file, may"
        )
        assert journal.state(present[0].name).job_id == "job-3"
