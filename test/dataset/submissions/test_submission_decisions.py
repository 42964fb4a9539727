"""The user's decisions about submissions in doubt, with the real command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lost_submissions import COMMAND, OTHER_PROMPT, SCRIPT, episode_of, failures, jobs_of_bags
from odyssey_ros.dataset.cli import main

if TYPE_CHECKING:
    from lost_submissions import LossyAccount


def test_a_script_is_submitted_again_when_the_user_says_so(account: LossyAccount) -> None:
    account.appearing = [lambda: account.make("job-1", log=None)]
    assert main(COMMAND) == 1
    assert main([*COMMAND, "--resubmit", episode_of()]) == 0
    assert (jobs_of_bags(), len(account.submissions)) == (["again-2"], 2)
    assert main([*COMMAND, "--resubmit", episode_of()]) == 0
    assert len(account.submissions) == 2


def test_one_decision_is_one_submission(account: LossyAccount) -> None:
    """The command is run again automatically, with its options, after a second answer is lost."""
    account.on_submit = tuple
    account.appearing = []
    account.hidden_jobs = 1  # the list is not complete
    assert main(COMMAND) == 1
    for _ in range(3):
        assert main([*COMMAND, "--resubmit", episode_of()]) == 1
        assert len(account.submissions) == 2
        assert f"run the command without --resubmit {episode_of()} first" in failures()[0]["message"]
    assert main(COMMAND) == 1
    account.on_submit = account._submitted
    assert main([*COMMAND, "--resubmit", episode_of()]) == 0
    assert len(account.submissions) == 3


@pytest.mark.parametrize(
    ("decisions", "text"),
    [
        (["--claim", "walk=job-1"], "there is no episode walk: --dry-run prints"),
        (["--resubmit", "walk"], "there is no episode walk"),
        (["--claim", "walk"], "EPISODE=JOB_ID is needed"),
        (["--claim", "{name}=job-1", "--resubmit", "{name}"], "is decided 2 times"),
        (["--claim", "{name}=job-1", "--claim", "{dog}=job-1"], "job job-1 is decided 2 times"),
        (["--claim", "{name}=none"], "the account has no such job"),
        (["--claim", "{name}=old"], "the job existed before the submission"),
        (["--claim", "{name}=again-2"], "the job belongs to run-"),
        (["--claim", "{name}=different"], "not made from this script: prompt 2 is different"),
        (["--claim", "{name}=portrait"], "not made from this script: its picture is portrait"),
        (["--claim", "{name}=running"], "the job is processing: claim it when it is completed"),
        (["--claim", "{name}=broken"], "the job is failed: use --resubmit walk-"),
        (["--claim", "{dog}=job-1"], "is not in doubt (it has job again-2)"),
        (["--resubmit", "{cow}"], "is not in doubt (it has no submission)"),
    ],
)
def test_wrong_decisions_are_one_clear_error(
    decisions: list[str], text: str, account: LossyAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    account.appearing = [lambda: account.make("job-1", log=None)]
    Path("run.yaml").write_text(SCRIPT.replace("a cat", "a dog"))
    Path("cow.yaml").write_text(SCRIPT.replace("a cat", "a cow"))
    assert main(COMMAND) == 1
    assert main(["simulate", "run.yaml", *COMMAND[2:]]) == 0
    account.make("different", OTHER_PROMPT)
    account.make("portrait", portrait=True)
    account.make("running", status="processing")
    account.make("broken", status="failed")
    names = {
        what: episode_of(file)
        for what, file in (("name", "walk.yaml"), ("dog", "run.yaml"), ("cow", "cow.yaml"))
    }
    before = Path("out/work/1-of-1/submissions.jsonl").read_bytes()
    capsys.readouterr()
    try:
        status = main(
            ["simulate", "walk.yaml", "run.yaml", "cow.yaml", *COMMAND[2:]]
            + [decision.format(**names) for decision in decisions]
        )
    except SystemExit as end:
        status = int(str(end.code))
    assert status == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert Path("out/work/1-of-1/submissions.jsonl").read_bytes() == before
    assert len(account.submissions) == 2
