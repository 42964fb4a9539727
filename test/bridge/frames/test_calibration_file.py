"""Calibration files: read as ROS reads them, and written in the layout of camera_calibration_parsers."""

from __future__ import annotations

import os
import stat
from dataclasses import replace

import pytest
import yaml

from odyssey_ros.bridge.frames.calibration_file import (
    format_yaml,
    parse_yaml,
    read_calibration,
    write_calibration,
)
from odyssey_ros.bridge.frames.camera_calibration import Calibration, CalibrationError, Region

K = (1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0)
R = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
P = (990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0)
D = (0.1, -0.2, 0.001, 0.002, 0.0)
CALIBRATION = Calibration(1280, 704, "plumb_bob", D, K, R, P)
# As the cameracalibrator of camera_calibration writes it.
TEXT = """image_width: 1280
image_height: 704
camera_name: odyssey
camera_matrix:
  rows: 3
  cols: 3
  data: [1000.5,    0. ,  640. ,
            0. , 1001.5,  352. ,
            0. ,    0. ,    1. ]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 0.001, 0.002, 0.]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0.,
         0., 1., 0.,
         0., 0., 1.]
projection_matrix:
  rows: 3
  cols: 4
  data: [990. ,   0. , 640. ,   0. ,
           0. , 991. , 352. ,   0. ,
           0. ,   0. ,   1. ,   0. ]
"""
# As the calibration sample of OpenCV writes it.
OPENCV = """%YAML:1.0
---
calibration_time: "Mon 01 Jun 2026 10:30:00 AM CEST"
nr_of_frames: 20
image_width: 1280
image_height: 704
board_width: 9
# flags: +fix_aspectRatio
flags: 2
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 1.0005e+03, 0., 640., 0., 1.0015e+03, 352., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ 1.0e-01, -2.0e-01, 1.0e-03, 2.0e-03, 0. ]
avg_reprojection_error: 2.5e-01
"""


def without(text, name):
    """Remove a field with its fields."""
    document = yaml.safe_load(text)
    del document[name]
    return yaml.safe_dump(document)


def test_the_file_of_camera_calibration_is_read():
    assert parse_yaml(TEXT) == (CALIBRATION, [])


@pytest.mark.parametrize("header", ["%YAML:1.0\n---\n", "%YAML:1.0\n", "%YAML 1.1\n---\n", "---\n", "\ufeff"])
def test_headers(header, tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(header + TEXT, encoding="utf-8")
    assert read_calibration(path) == (CALIBRATION, [])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("image_width: 1280", "image_width: 1280\t# pixels"),
        ("image_width: 1280", "image_width:\t1280 \t \t# pixels"),
        ("image_width: 1280", "\t# a comment\n\t\nimage_width: 1280\t"),
        ("data: [990. ,   0. ,", "data:\t[990.\t,\t0. ,\t# fx\n\t"),
        ("camera_matrix:", "camera_matrix: !!opencv-matrix"),
        ("camera_matrix:", "camera_matrix: !<tag:yaml.org,2002:opencv-matrix>"),
        ("image_width: 1280", "image_width: !!int 1280"),
        ("990. ,", "990, "),
        ("990. ,", "99e1, "),
        ("990. ,", "9.9e2, "),
        ("image_width: 1280", "image_width: 1280.0"),
        ("  rows: 1\n  cols: 5\n", ""),
        ("0.002, 0.]", "0.002, 0., 77]"),
        ("  rows: 3\n  cols: 3\n", ""),
        ("camera_name: odyssey\n", ""),
    ],
)
def test_what_ros_reads_too(old, new):
    assert old in TEXT
    assert parse_yaml(TEXT.replace(old, new)) == (CALIBRATION, [])


def test_only_the_first_document_counts():
    assert parse_yaml(f"{TEXT}---\nimage_width: 3\n") == (CALIBRATION, [])


def test_without_a_model_plumb_bob_is_assumed():
    calibration, assumed = parse_yaml(without(TEXT, "distortion_model"))
    assert calibration == CALIBRATION
    assert assumed == ["it has no distortion_model: plumb_bob is assumed"]


def test_the_file_of_opencv_is_read():
    calibration, assumed = parse_yaml(OPENCV)
    projection = (1000.5, 0, 640, 0, 0, 1001.5, 352, 0, 0, 0, 1, 0)
    assert calibration == replace(CALIBRATION, p=projection)
    assert assumed == [
        "it has no distortion_model: plumb_bob is assumed",
        "it has no rectification_matrix: the identity is assumed",
        "it has no projection_matrix: that of the camera_matrix is assumed",
    ]


def test_an_ini_file_is_read(tmp_path):
    rows = [" ".join(map(str, numbers)) for numbers in (K[:3], K[3:6], K[6:])]
    lines = ["[image]", "width", "1280", "height", "704", "[odyssey]", "camera matrix", *rows, "distortion"]
    lines += [" ".join(map(str, D)), "rectification", "1 0 0", "0 1 0", "0 0 1", "projection"]
    lines += ["990 0 640 0", "0 991 352 0", "0 0 1 0"]
    path = tmp_path / "camera.ini"
    path.write_text("\n".join(lines))
    assert read_calibration(path) == (CALIBRATION, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "it is not YAML in line 1: "),
        ("", "it has no image_width"),
        ("[1, 2]", "it has no image_width"),
        ("a: \x01", "it is not YAML: it contains a character that is not allowed"),
        ("[" * 50_000, "it is nested too deeply"),
        ("image_width: &a [*a]", "it is not YAML in line 1: found unconstructable recursive node"),
        ("image_width: [1]", "it has no camera_matrix"),
        (b"\xff\xfe\xfd", "it is not text"),
        (b"#" * (100 * 1024 + 1), "it is larger than 100 KiB"),
        (TEXT.replace("1280", "wide"), "image_width contains 'wide', which is not a number"),
        (TEXT.replace("1280", "1_280"), "image_width contains '1_280', which is not a number"),
        (f"{TEXT}image_width: 640", "image_width occurs in line 1 and in line "),
        (f"{TEXT}roi: {{width: 1, width: 2}}", "width occurs in line "),
        (TEXT.replace("1280", "1280.5"), "image_width is '1280.5', which is not a whole number"),
        (TEXT.replace("1280", ".inf"), "image_width contains '.inf', which is not a number"),
        (TEXT.replace("1280", "inf"), "image_width is 'inf', which is not a whole number"),
        (TEXT.replace("1280", "0"), "the size 0x704 is not the size of an image"),
        (TEXT.replace("1000.5,", ""), "camera_matrix has 8 numbers instead of 9"),
        (TEXT.replace("1000.5", "nan"), "camera_matrix contains a number that is not finite"),
        (TEXT.replace("1000.5", "yes"), "camera_matrix contains 'yes', which is not a number"),
        (TEXT.replace("cols: 5", "cols: 6"), "distortion_coefficients has 5 numbers instead of 6"),
        (without(TEXT, "camera_matrix"), "it has no camera_matrix"),
        (without(TEXT, "distortion_coefficients"), "it has no distortion_coefficients"),
        (without(TEXT, "image_height"), "it has no image_height"),
        (without(TEXT, "camera_matrix") + "camera_matrix: 7", "camera_matrix has no data"),
        (f"{TEXT}roi: 3", "roi has no fields"),
        (f"{TEXT}binning_x: -1", "-1 is not valid for the binning"),
        (without(TEXT, "distortion_model") + "distortion_model: [a]", "distortion_model is not a text"),
    ],
)
def test_invalid_files(content, reason, tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CalibrationError) as raised:
        read_calibration(path)
    assert f"{path} is not a calibration: {reason}" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.yaml", "there is no file "),
        (".", "cannot read .*: it is a folder"),
        ("pipe", "cannot read .*pipe: it is not a regular file"),
        ("/dev/zero", "cannot read /dev/zero: it is not a regular file"),
        ("/dev/ptmx", "cannot read /dev/ptmx: it is not a regular file"),
    ],
)
def test_only_files_are_read(name, reason, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CalibrationError, match=reason):
        read_calibration(tmp_path / name)


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(CalibrationError, match=r"(cannot read|there is no file) .*xxx"):
        read_calibration(tmp_path / ("x" * 300))


# -- writing -------------------------------------------------------------------------------------------------

EXACT = Calibration(
    640, 480, "rational_polynomial", (1 / 3, -1e-20, 1e300, 0.0), tuple(x / 7 for x in K), R, P, 1, 2,
    Region(1, 2, 3, 4, True),
)  # fmt: skip


@pytest.mark.parametrize("calibration", [CALIBRATION, EXACT, replace(CALIBRATION, d=(), distortion_model="")])
def test_a_written_file_is_read_back_exactly(calibration, tmp_path):
    path = tmp_path / "folder" / "of it" / "camera.yaml"
    write_calibration(path, calibration, "eye")
    assert read_calibration(path) == (calibration, [])
    assert [one.name for one in path.parent.iterdir()] == ["camera.yaml"]


def test_the_layout_is_that_of_camera_calibration_parsers():
    text = format_yaml(CALIBRATION, "eye")
    assert text.splitlines() == [
        "image_width: 1280",
        "image_height: 704",
        "camera_name: eye",
        "camera_matrix:",
        "  rows: 3",
        "  cols: 3",
        "  data: [1000.5, 0.0, 640.0, 0.0, 1001.5, 352.0, 0.0, 0.0, 1.0]",
        "distortion_model: plumb_bob",
        "distortion_coefficients:",
        "  rows: 1",
        "  cols: 5",
        "  data: [0.1, -0.2, 0.001, 0.002, 0.0]",
        "rectification_matrix:",
        "  rows: 3",
        "  cols: 3",
        "  data: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]",
        "projection_matrix:",
        "  rows: 3",
        "  cols: 4",
        "  data: [990.0, 0.0, 640.0, 0.0, 0.0, 991.0, 352.0, 0.0, 0.0, 0.0, 1.0, 0.0]",
        "binning_x: 0",
        "binning_y: 0",
        "roi:",
        "  x_offset: 0",
        "  y_offset: 0",
        "  height: 0",
        "  width: 0",
        "  do_rectify: false",
    ]


def test_a_link_stays_and_a_file_keeps_its_permissions(tmp_path):
    target, link = tmp_path / "target.yaml", tmp_path / "link.yaml"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write_calibration(link, CALIBRATION, "eye")
    assert link.is_symlink()
    assert read_calibration(target)[0] == CALIBRATION
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path, reason in (
        (tmp_path / "camera.ini", "let camera_info_url name a .yaml file"),
        (tmp_path, "it is not a regular file"),
        (tmp_path / "file" / "camera.yaml", "File exists"),
        (loop, "it is a loop of symbolic links"),
    ):
        with pytest.raises(CalibrationError, match=f"cannot save to .*{reason}"):
            write_calibration(path, CALIBRATION, "eye")


def test_a_text_of_thousands_of_brackets_is_refused_before_it_is_parsed():
    """PyYAML takes time in proportion to the square of the depth."""
    for text in ("[" * 4096, '{"a":' * 4096):
        with pytest.raises(CalibrationError, match="nested too deeply"):
            parse_yaml(text)
