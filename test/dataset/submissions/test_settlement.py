"""The real command after a submission without an answer: it claims, submits again, or asks the user."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lost_submissions import COMMAND, LOG, OTHER_PROMPT, SCRIPT, episode_of, failures, jobs_of_bags
from odyssey_ros.dataset.cli import main
from odyssey_ros.dataset.scripts.plans import read_plans
from odyssey_ros.dataset.submissions.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lost_submissions import LossyAccount

APPLIED_ONLY = ({**LOG[0], "applied_prompt": None}, *LOG[1:])
NOT_EXPANDED = tuple({**line, "applied_prompt": line.get("prompt")} for line in LOG)
UNREADABLE = (*LOG, ["no", "event"])


@pytest.mark.parametrize(
    ("job", "outcome"),
    [
        ({}, "claimed"),
        ({"log": None}, "it has no events log with prompts"),
        ({"log": None, "stream": {"duration_seconds": 60.0}}, "again"),
        ({"log": APPLIED_ONLY}, "sent prompts from the applied ones"),
        ({"log": NOT_EXPANDED}, "whether prompts were expanded"),
        ({"log": UNREADABLE}, "not fully readable"),
        ({"log": OTHER_PROMPT}, "again"),
        ({"portrait": True}, "again"),
        ({"streams": 2}, "again"),
        ({"status": "failed"}, "again"),
        ({"status": "cancelled"}, "again"),
        ({"stream": {"video_url": None}}, "it has no"),
        ({"stream": {"events_url": "https://127.0.0.1:9/log"}}, "127.0.0.1"),
    ],
    ids=[
        "certain", "no-log", "other-length", "applied-only", "not-expanded", "lossy-log", "other-prompt",
        "portrait", "two-streams", "failed", "cancelled", "no-video", "log-not-available",
    ],
)  # fmt: skip
def test_a_job_that_appears_with_the_lost_answer(job: Any, outcome: str, account: LossyAccount) -> None:
    account.appearing = [lambda: account.make("lost", **job)]
    status = main(COMMAND)
    if outcome == "claimed":
        assert (status, jobs_of_bags(), len(account.submissions)) == (0, ["lost"], 1)
    elif outcome == "again":
        assert (status, jobs_of_bags(), len(account.submissions)) == (0, ["again-2"], 2)
    else:
        assert (status, jobs_of_bags(), len(account.submissions)) == (1, [], 1)
        [failure] = failures()
        assert failure["code"] == "SUBMIT_IN_DOUBT"
        assert "lost (created 2026-11-01T10:00:05Z: " in failure["message"]
        assert outcome in failure["message"]
        assert f"--claim {episode_of()}=lost" in failure["message"]
        assert f"--resubmit {episode_of()}" in failure["message"]


def _lacks_old_job(account: LossyAccount) -> None:
    account.jobs[:] = []


def _has_a_bad_row(account: LossyAccount) -> None:
    account.jobs.insert(0, {"job_id": 5})


def _counts_more(account: LossyAccount) -> None:
    account.hidden_jobs = 1
    del account.jobs[1:]  # the list ends before the old job


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_lacks_old_job, "is this the same account?"),
        (_has_a_bad_row, "jobs that cannot be read"),
        (_counts_more, "the list ends too early"),
    ],
)
@pytest.mark.parametrize("fits", [False, True], ids=["none", "fitting"])
def test_a_list_that_may_lack_jobs(
    change: Callable[[LossyAccount], None], reason: str, fits: bool, account: LossyAccount
) -> None:
    account.appearing = [lambda: account.make("lost")] if fits else []
    account.appearing.append(lambda: change(account))
    assert main(COMMAND) == 1
    assert len(account.submissions) == 1
    assert reason in failures()[0]["message"]


def test_two_jobs_that_fit_are_left_to_the_user_over_runs(
    account: LossyAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.appearing = [lambda: account.make("job-1"), lambda: account.make("job-2")]
    for _ in range(2):  # the doubt stays
        assert main(COMMAND) == 1
        assert len(account.submissions) == 1
        message = failures()[0]["message"]
        assert "several jobs fit" in message
        assert "job-1 (created 2026-11-01T10:00:05Z); job-2 (created" in message
        assert f"--claim {episode_of()}=job-1 or --claim {episode_of()}=job-2" in message
    # Other episodes continue meanwhile.
    Path("run.yaml").write_text(SCRIPT.replace("a cat", "a dog"))
    assert main(["simulate", "walk.yaml", "run.yaml", *COMMAND[2:]]) == 1
    assert jobs_of_bags() == ["again-2"]
    assert main([*COMMAND, "--claim", f"{episode_of()}=job-2"]) == 0
    assert sorted(jobs_of_bags()) == ["again-2", "job-2"]
    assert len(account.submissions) == 2
    # The same command may be repeated.
    assert main([*COMMAND, "--claim", f"{episode_of()}=job-2"]) == 0


@pytest.mark.parametrize(("end", "status"), [("completed", 0), ("cancelled", 1)])
def test_a_job_that_still_runs_is_waited_for(end: str, status: int, account: LossyAccount) -> None:
    """Whoever cancels the job meanwhile does not want it to be paid again."""

    def appear() -> None:
        account.make("lost", status="processing")
        detail = account.job_details["lost"]
        states = ["processing", "processing", end]
        account.job_details["lost"] = lambda: {
            **detail, "status": states.pop(0) if len(states) > 1 else end
        }  # fmt: skip

    account.appearing = [appear]
    assert main(COMMAND) == status
    assert len(account.submissions) == 1
    if end == "cancelled":
        assert "it was cancelled while this command waited" in failures()[0]["message"]


def test_equal_scripts_may_take_each_other_s_jobs(account: LossyAccount) -> None:
    """Two repeats in doubt and one job: one repeat takes the job, the other one is submitted again."""
    Path("walk.yaml").write_text(SCRIPT.replace("repeats: 1", "repeats: 2"))
    first, second = (plan.name for plan in read_plans([Path("walk.yaml")]))
    account.on_submit = tuple
    account.appearing = []
    # A job that is no candidate by its log keeps both in doubt.
    account.hidden_jobs = 1
    assert main(COMMAND) == 1
    assert {failure["episode"] for failure in failures()} == {first, second}
    account.hidden_jobs = 0
    account.make("lost")
    account.on_submit = account._submitted
    assert main(COMMAND) == 0
    assert sorted(jobs_of_bags()) == ["again-3", "lost"]


def test_an_equal_script_of_another_shard_leaves_a_doubt(account: LossyAccount) -> None:
    """Another machine may have submitted the equal script, and this one's submission may have failed."""
    Path("walk.yaml").write_text(SCRIPT.replace("repeats: 1", "repeats: 2"))
    account.appearing = [lambda: account.make("lost")]
    assert main([*COMMAND, "--shard", "1/2"]) == 1
    text = Path("out/failures-1-of-2.jsonl").read_text()
    assert "another shard has a script that cannot be told apart" in text
    assert len(account.submissions) == 1


def test_another_doubtful_script_that_looks_the_same(account: LossyAccount) -> None:
    """The script differs only in what a job does not show: its prompts must not be expanded."""
    Path("other.yaml").write_text(SCRIPT.replace("repeats: 1", "bypass_prompt_expansion: true"))
    account.on_submit = tuple
    account.hidden_jobs = 1
    command = ["simulate", "walk.yaml", "other.yaml", *COMMAND[2:]]
    assert main(command) == 1
    account.hidden_jobs = 0
    account.make("lost")
    assert main(COMMAND) == 1
    assert "another uncertain submission may have made the job" in failures()[0]["message"]


def test_journals_of_earlier_versions(account: LossyAccount) -> None:
    """They lack digests, so that two submissions in doubt cannot be told apart."""
    account.make("lost")
    Path("run.yaml").write_text(SCRIPT.replace("a cat", "a dog"))
    folder = Path("out/work/1-of-1")
    folder.mkdir(parents=True)
    line = {"event": "intends", "newest": "2026-11-01T10:00:00Z", "seen": ["old"]}
    records = [{**line, "episode": read_plans([Path(file)])[0].name} for file in ("walk.yaml", "run.yaml")]
    path = folder / "submissions.jsonl"
    path.write_text(f"{json.dumps(records[0])}\n")
    assert main(COMMAND) == 0
    assert jobs_of_bags() == ["lost"]
    with Journal(path) as journal:
        assert journal.state(episode_of()).job_id == "lost"
