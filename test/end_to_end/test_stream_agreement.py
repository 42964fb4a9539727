"""A stream has the same frames live, as a recording, through the player, and in the formats of trainers.

`bench/stream_agreement.py` compares more streams with the same code.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

import slow_decoder
from agreement import Findings, compare, compare_exports, run, run_with_exports
from agreement_frames import Seen, Views
from agreement_plans import make_plans
from exported_frames import ExportedClip, ExportedFrame
from odyssey_ros.emulator.scene.marker import Marker, prompt_digest

SEED = 12


def test_random_streams_agree_frame_by_frame(domain_id, tmp_path):
    findings = run_with_exports(make_plans(SEED, 4), domain_id, tmp_path)
    report = f"seed {SEED}: {findings.report()}"
    assert not findings.disagreements, report
    assert findings.streams == 5, report  # one reconnection
    assert findings.live > findings.recorded / 2, report
    assert findings.encoded > findings.recorded * 0.8, report
    assert findings.refused < findings.streams, report
    assert findings.exported > 0, report
    assert findings.imported > findings.recorded / 2, report


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


def test_each_disagreement_of_exports_is_found():
    (plan,) = make_plans(SEED, 1)
    prompts = [plan.prompts[0].text, plan.prompts[0].text, plan.prompts[1].text, plan.prompts[1].text]
    recorded = [
        Seen(
            "s",
            number,
            number * 50_000_000,
            label,
            (1280, 704),
            Marker(number, number * 50, prompt_digest(label)),
        )
        for number, label in enumerate(prompts)
    ]
    exported = [
        ExportedFrame(
            seen.prompt,
            seen.size,
            seen.marker,
            seen.index / 20,
            stamp_ns=10**18 + seen.media_ns,
            media_ns=seen.media_ns,
            index=seen.index,
        )
        for seen in recorded
    ]

    def clips(*lengths, frames=exported):
        first, found = 0, []
        for length in lengths:
            found.append(ExportedClip("", "e", first, {}, frames[first : first + length]))
            first += length
        return found

    cut = clips(2, 2)

    def kinds(recorded=recorded, exported=exported, clips=cut, imported=recorded, stream="s"):
        view = Views(plan, live_encoded=list(recorded), recorded={"s": list(recorded)})
        view.exported = {} if exported is None else {"s": list(exported)}
        view.clips = {} if clips is None else {"s": list(clips)}
        view.imported = {stream: list(imported)}
        findings = Findings()
        compare_exports(findings, view)
        return dict(findings.disagreements)

    def changed(**fields):
        return [*exported[:3], replace(exported[3], **fields)]

    assert kinds() == kinds(imported=recorded[1:]) == {}
    gap = [*recorded[:2], replace(recorded[3], prompt=recorded[0].prompt)]
    filled = [*exported[:2], exported[1], replace(exported[3], prompt=recorded[0].prompt)]
    assert kinds(recorded=gap, exported=filled, clips=None, imported=recorded[:2]) == {}
    assert kinds(recorded=gap, exported=filled[1:], clips=None, imported=recorded[:2]) == {
        "exported: differs from the recording": 1
    }
    sizes = [*recorded[:3], replace(recorded[3], size=(640, 352))]
    assert kinds(recorded=sizes, exported=None, clips=None, imported=sizes) == {}
    for fields in (
        {"prompt": "other"},
        {"marker": None},
        {"media_ns": 1},
        {"index": 7},
        {"size": (640, 352)},
    ):
        assert "exported: differs from the recording" in kinds(exported=changed(**fields))
    assert kinds(exported=exported[:3]) == {"exported: differs from the recording": 1}
    assert kinds(exported=changed(stamp_ns=1)) == {"exported: stamp": 1}
    assert kinds(exported=None) == {"exported: refused without a reason": 1}
    assert kinds(clips=None) == kinds(clips=clips(2, 1)) == kinds(clips=clips(1, 3)) == {"clips: cuts": 1}
    other = clips(2, 2, frames=changed(prompt="other"))
    assert kinds(clips=other) == {"clips: differs from the recording": 1}
    assert kinds(imported=recorded[:1]) == {"imported: frames": 1}
    other = [*recorded[:3], replace(recorded[3], prompt="other")]
    assert kinds(imported=other) == {"imported: prompt": 1}
    assert "imported: stream" in kinds(stream="t")


def _fields(seen):
    return {name: getattr(seen, name) for name in Seen.__slots__}
