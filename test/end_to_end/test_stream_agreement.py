"""A stream has the same frames live, as a recording, and through the player.

`bench/stream_agreement.py` compares more streams with the same code.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import slow_decoder
from agreement import compare, run
from agreement_frames import Seen, Views
from agreement_plans import make_plans
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest

SEED = 12


def test_random_streams_agree_frame_by_frame(domain_id, tmp_path):
    findings = run(make_plans(SEED, 4), domain_id, tmp_path)
    report = f"seed {SEED}: {findings.report()}"
    assert not findings.disagreements, report
    assert findings.streams == 5, report  # one reconnection
    assert findings.live > findings.recorded / 2, report
    assert findings.encoded > findings.recorded * 0.8, report


@pytest.mark.parametrize("kind", ["late", "stalls"])
def test_no_frame_has_another_prompt_when_the_decoder_lags_by_two_seconds(domain_id, tmp_path, kind):
    """The last frames of the first stream leave the decoder during the second one."""
    plans = [make_plans(seed, 1)[0] for seed in (SEED, SEED + 1)]
    launcher = [sys.executable, str(Path(slow_decoder.__file__)), kind]
    findings = run(plans, domain_id, tmp_path, bridges=1, launcher=launcher)
    assert not findings.disagreements, findings.report()
    assert findings.live > 10, findings.report()


def test_each_disagreement_is_found():
    """The comparison itself can fail."""
    (plan,) = make_plans(SEED, 1)
    label = plan.prompts[0].text
    recorded = [
        Seen(
            "s",
            number,
            number * 50_000_000,
            label,
            (1280, 704),
            Marker(number, number * 50, prompt_digest(label)),
        )
        for number in range(4)
    ]

    def kinds(live=recorded, stored=recorded, played=recorded, encoded=(), played_encoded=None):
        replayed = stored if played_encoded is None else played_encoded
        ways = {"s": list(stored)}, {"s": list(played)}, {"s": list(replayed)}
        findings = compare([Views(plan, list(live), list(encoded), *ways)])
        return dict(findings.disagreements)

    def changed(**fields):
        return [*recorded[:3], Seen(**{**_fields(recorded[3]), **fields})]

    assert kinds() == kinds(live=recorded[1:]) == {}
    assert kinds(live=changed(prompt="other")) == {"live: prompt": 1}
    assert kinds(live=changed(index=2)) == {"live: index": 1}
    assert kinds(live=changed(media_ns=150_000_001)) == {"live: media time": 1}
    assert kinds(live=changed(size=(640, 352))) == {"live: size": 1}
    assert kinds(live=changed(stream_id="")) == {"live: stream": 1}
    assert kinds(live=changed(marker=None)) == {"live: picture unreadable": 1}
    assert kinds(live=changed(marker=Marker(9, 150, 0))) == {"live: picture not in the recording": 1}
    assert kinds(live=changed(marker=Marker(3, 150, 0))) == {"live: picture": 1}
    assert kinds(encoded=recorded) == kinds(encoded=recorded[2:]) == {}
    assert kinds(encoded=changed(prompt="other")) == {"encoded: prompt": 1}
    assert kinds(encoded=changed(marker=Marker(3, 150, 0))) == {"encoded: picture": 1}
    assert kinds(played_encoded=recorded[1:]) == {"played encoded: differs from the recording": 1}
    assert kinds(played=recorded[:3]) == {"played: differs from the recording": 1}
    other = changed(prompt="other")
    assert kinds(other, other, other) == {"recorded: prompt": 1}
    other = changed(media_ns=200_000_000)
    assert kinds(other, other, other) == {"recorded: media time": 1}
    other = changed(marker=None)
    assert kinds(recorded[:3], other, other) == {"recorded: picture unreadable": 1}


def _fields(seen):
    return {name: getattr(seen, name) for name in Seen.__slots__}
