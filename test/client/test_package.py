"""The package as a whole: public names, imports, and the list of the SDK's defects."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

import pytest

from odyssey_ros import client

ROOT = pathlib.Path(__file__).parents[2]


def run(program: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_all_lists_exactly_the_visible_names():
    """Submodules are left out: importing one makes it an attribute of its package."""
    modules = {path.stem for path in pathlib.Path(client.__file__).parent.glob("*.py")}
    visible = {name for name in dir(client) if not name.startswith("_")}
    assert visible - modules == set(client.__all__)
    assert sorted(client.__all__, key=str) == client.__all__


def test_each_public_name_is_of_the_module_that_defines_it():
    assert list(client._MODULES) == client.__all__
    for name, module in client._MODULES.items():
        assert getattr(client, name) is getattr(sys.modules[f"odyssey_ros.client.{module}"], name)
    with pytest.raises(AttributeError, match=r"'odyssey_ros\.client' has no attribute 'Typo'"):
        client.Typo  # noqa: B018


def test_a_single_module_loads_without_the_libraries_of_a_connection():
    program = """
import sys, odyssey_ros.client.error_codes
print({"aiortc", "av", "httpx", "jwt", "numpy", "websockets"} & set(sys.modules))
from odyssey_ros.client import Odyssey
print("aiortc" in sys.modules)
"""
    assert run(program) == "set()\nTrue\n"


def test_the_sdks_callback_types_are_exported():
    for name, annotation in client.OdysseyEventHandlers.__annotations__.items():
        alias = annotation.__forward_arg__.removesuffix(" | None")
        assert re.fullmatch(r"(Odyssey)?[A-Za-z]+Callback", alias), name
        assert alias in client.__all__


@pytest.mark.parametrize("package", ["client", "emulator", "dataset"])
def test_no_ros_is_needed(package):
    program = f"""
import pkgutil, importlib, sys
class NoRos:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"rclpy", "rosidl_runtime_py", "sensor_msgs", "std_msgs", "launch"}}:
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, NoRos())
package = importlib.import_module("odyssey_ros.{package}")
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print("fine")
"""
    assert run(program) == "fine\n"


def test_the_client_and_the_emulator_share_nothing():
    imported = (
        "import sys; from odyssey_ros.client import *; "
        "print([m for m in sys.modules if m.startswith('odyssey_ros')])"
    )
    assert "emulator" not in run(imported)
    for path in (ROOT / "odyssey_ros" / "emulator").rglob("*.py"):
        assert "odyssey_ros.client" not in path.read_text(), path
    for path in (ROOT / "odyssey_ros" / "client").rglob("*.py"):
        text = path.read_text()
        assert "odyssey_ros.emulator" not in text, path
        assert "rclpy" not in text, path


def test_importing_the_client_imports_no_image_library():
    libraries = "{'PIL', 'cv2', 'pillow_heif'}"
    program = f"import sys; from odyssey_ros.client import *; print({libraries} & set(sys.modules))"
    assert run(program) == "set()\n"


def test_every_defect_of_the_sdk_has_its_test_and_its_line_in_the_docs():
    of_javascript_alone = {28}
    tested = {
        (int(number), path.name)
        for path in (ROOT / "test" / "client").glob("test_*.py")
        for number in re.findall(r"def test_defect_(\d+)_", path.read_text())
    }
    rows = re.findall(
        r"^\| (\d+) \|.*\| ([^|]*) \|$", (ROOT / "docs" / "client.md").read_text(), re.MULTILINE
    )
    documented = {
        (int(number), name) for number, names in rows for name in re.findall(r"`(test_\w+\.py)`", names)
    }
    assert {number for number, _name in tested} == set(range(1, 43)) - of_javascript_alone
    assert tested <= documented
    assert {number for number, _name in documented} == {number for number, _name in tested}
