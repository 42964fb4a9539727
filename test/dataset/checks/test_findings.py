"""Lines of faults: with their place, bounded, and without control characters."""

from __future__ import annotations

from odyssey_ros.dataset.checks.findings import MAX_LINES, Findings, quoted


def test_a_line_names_the_place() -> None:
    findings = Findings("walk-1")
    findings.fault("a rule", "1 instead of 2", topic="/odyssey/events")
    findings.fault("a rule", "1 instead of 2", topic="/odyssey/frame_info", frame=7)
    findings.fault("another", "1 instead of 2")
    findings.note("something")
    assert findings.fault_lines() == [
        "walk-1: /odyssey/events: 1 instead of 2",
        "walk-1: /odyssey/frame_info: frame 7: 1 instead of 2",
        "walk-1: 1 instead of 2",
    ]
    assert (findings.faults, findings.notes) == (3, ["walk-1: something"])


def test_many_faults_of_a_rule_share_a_line() -> None:
    findings = Findings("walk-1")
    for frame in range(1000):
        findings.fault("sizes", "too small", frame=frame)
    findings.fault("prompts", "another", frame=999)
    lines = findings.fault_lines()
    assert findings.faults == 1001
    assert lines[MAX_LINES - 1 : MAX_LINES + 1] == [
        "walk-1: frame 9: too small",
        "walk-1: frame 999: another",
    ]
    assert lines[-1] == "walk-1: 990 further faults of this kind: sizes"
    assert len(lines) == MAX_LINES + 2


def test_values_of_damaged_files_are_printed_safely() -> None:
    findings = Findings("a\x1b[31m\nb")
    findings.fault("a rule", f"{quoted('x' * 1000)} \x1b]0;title\x07 {quoted(chr(27))}", topic="/a\nb")
    (line,) = findings.fault_lines()
    assert line.isprintable()
    assert "(1002 characters)" in line
    assert len(line) < 300
