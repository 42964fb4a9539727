"""The labels in force now and at earlier times."""

from __future__ import annotations

from odyssey_ros.client.frame_labels import FrameLabel, LabelHistory


def history():
    """Return a history with a stream of two prompts, and its clock."""
    now = [0]
    labels = LabelHistory(monotonic_ns=lambda: now[0])
    for time_ns, change in (
        (100, lambda: labels.start_stream("s", "a")),
        (200, lambda: labels.set_prompt("b")),
    ):
        now[0] = time_ns
        change()
    return labels, now


def test_a_label_is_in_force_until_the_next_one():
    labels, now = history()
    now[0] = 300
    labels.end_stream()
    found = [labels.at(time_ns) for time_ns in (0, 99, 100, 199, 200, 299, 300, 10_000)]
    none, first, second, ended = FrameLabel(), FrameLabel(1, "s", "a"), FrameLabel(1, "s", "b"), FrameLabel(2)
    assert found == [none, none, first, first, second, second, ended, ended]
    assert labels.current == labels.first == ended


def test_the_first_label_of_a_stream_is_kept():
    labels, _now = history()
    assert (labels.current.prompt, labels.first.prompt) == ("b", "a")
    labels.start_stream("t", None)
    assert labels.first == labels.current == FrameLabel(2, "t", None)


def test_few_changes_are_kept():
    labels, now = history()
    for number in range(1000):
        now[0] += 1
        labels.set_prompt(str(number))
    assert len(labels._changes) == 256
    assert labels.at(now[0] - 1).prompt == "998"
    assert labels.at(0).prompt == "744"  # the oldest one that is known
