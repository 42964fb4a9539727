"""Simulation, report and exports of which everything is killed: nothing is lost, doubled or half-written.

`bench/kill_everything.py` runs the same with more episodes and kills.
"""

from __future__ import annotations

from killed_pipeline import COMMANDS, LENGTH_MS, Pipeline

EPISODES = 5


def test_a_pipeline_continues_after_kills_of_everything(tmp_path):
    kills = {"simulate": 1, "export lerobot": 1}
    outcome = Pipeline(tmp_path, EPISODES, kills, seed=3).run()
    assert not outcome.faults
    assert outcome.jobs == EPISODES
    assert outcome.frames == EPISODES * LENGTH_MS // 50
    assert outcome.clips == 2 * EPISODES
    assert [len(run.killed) for run in outcome.stages] == [kills.get(name, 0) for name in COMMANDS]
