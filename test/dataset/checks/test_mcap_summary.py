"""Summaries that lack records, or have others. Altered numbers are in test_mcap_check.py."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from mcap.opcode import Opcode

from odyssey_ros.dataset.checks.findings import Findings
from odyssey_ros.dataset.checks.mcap_check import McapCheck
from odyssey_ros.dataset.mcap_file import McapFile


def _written() -> tuple[bytes, list[bytes], bytes]:
    """Return the data section, the records of the summary without the footer, and the rest."""
    file = io.BytesIO()
    mcap = McapFile(file, library="test")
    channel = mcap.add_channel("/topic", mcap.add_schema("pkg/msg/Type", "ros2msg", b"uint8 x"), {})
    mcap.write(channel, 100, [b"data"])
    mcap.finish({"rosbag2": {"serialized_metadata": "x: 1"}})
    data = file.getvalue()
    (start,) = struct.unpack_from("<Q", data, len(data) - 28)
    found: list[bytes] = []
    place = start
    while data[place] != Opcode.FOOTER:
        (length,) = struct.unpack_from("<Q", data, place + 1)
        found.append(data[place : place + 9 + length])
        place += 9 + length
    return data[:start], found, data[place:]


def _faults(records: list[bytes]) -> list[str]:
    """Check a file with these records in its summary, and with a footer that fits."""
    data, _, _ = _written()
    place = len(data)
    offsets_start = 0
    for record in records:
        if record[0] == Opcode.SUMMARY_OFFSET and not offsets_start:
            offsets_start = place
        place += len(record)
    footer = struct.pack("<BQQQ", Opcode.FOOTER, 20, len(data), offsets_start)
    summary = b"".join(records)
    crc = struct.pack("<I", zlib.crc32(footer, zlib.crc32(summary)))
    file = data + summary + footer + crc + data[:8]
    findings = Findings("e")
    for _ in McapCheck(io.BytesIO(file), len(file), findings).messages():
        pass
    return [line.removeprefix("e: MCAP file: ") for line in findings.fault_lines()]


@pytest.mark.parametrize(
    ("opcode", "text"),
    [
        (Opcode.SCHEMA, "the summary has 0 records SCHEMA instead of 1"),
        (Opcode.CHANNEL, "the summary has 0 records CHANNEL instead of 1"),
        (Opcode.STATISTICS, "the summary has 0 records STATISTICS instead of 1"),
        (Opcode.CHUNK_INDEX, "the summary has 0 records CHUNK_INDEX instead of 1"),
        (Opcode.METADATA_INDEX, "the summary has 0 records METADATA_INDEX instead of 1"),
    ],
)
def test_a_missing_record(opcode: Opcode, text: str) -> None:
    _, found, _ = _written()
    assert _faults(found) == []
    faults = _faults([record for record in found if record[0] != opcode])
    assert faults == [text, "the offsets in the summary do not match its records"]


def test_other_records() -> None:
    _, found, _ = _written()
    schema = next(record for record in found if record[0] == Opcode.SCHEMA)
    assert _faults([schema.replace(b"uint8 x", b"int32 y"), *found[1:]]) == [
        "schema: data is b'uint8 x', but the summary says b'int32 y'"
    ]
    assert _faults([schema[:9] + b"\x07\0" + schema[11:], *found[1:]]) == [
        "the summary has a schema that the data does not have"
    ]
    assert _faults([struct.pack("<BQ", 99, 0), *found])[0].startswith(
        "unexpected record of the unknown kind 99"
    )


def test_without_a_footer() -> None:
    data, found, _ = _written()
    file = data + b"".join(found)
    findings = Findings("e")
    check = McapCheck(io.BytesIO(file), len(file), findings)
    assert len(list(check.messages())) == 1
    assert findings.fault_lines() == [f"e: MCAP file: it ends at byte {len(file)}: the summary is cut off"]
    assert not check.contents.complete
