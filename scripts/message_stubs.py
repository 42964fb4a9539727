"""Write type stubs of ROS interfaces, so that mypy can check the code that uses them.

    python3 scripts/message_stubs.py build/typing

The Python classes that rosidl generates have no annotations. The stubs are made from the same interface
definitions: those of this package, of the interface packages in its package.xml, and of all packages to which
these refer. Run this in the environment of `scripts/activate`.
"""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from rosidl_adapter.parser import parse_action_file, parse_message_file, parse_service_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rosidl_adapter.parser import MessageSpecification, Type

TOP = Path(__file__).resolve().parent.parent
PACKAGE = "odyssey_ros"
PRIMITIVES = {
    "bool": "bool",
    "byte": "bytes",
    "char": "int",
    "float32": "float",
    "float64": "float",
    "string": "str",
    "wstring": "str",
    **{f"{sign}int{bits}": "int" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
PREAMBLE = """\
from array import array as _array
from collections.abc import Sequence as _Sequence
from typing import Any as _Any, Final as _Final, TypeAlias as _TypeAlias

from numpy.typing import NDArray as _NDArray
"""


class Interfaces:
    """The stub of one module, such as `sensor_msgs.msg`."""

    def __init__(self, package: str, kind: str) -> None:
        self._package = package
        self._kind = kind
        self.packages: set[str] = set()
        """Packages whose messages this module refers to by a qualified name."""
        self._lines: list[str] = []

    def text(self) -> str:
        """Return the text of the stub file."""
        imports = [f"import {name}.msg as _{name}_msg" for name in sorted(self.packages)]
        return "\n".join([PREAMBLE, *imports, "", *self._lines, ""])

    def add_message(self, name: str, message: MessageSpecification) -> None:
        """Add the class of a message, or of one part of a service or an action."""
        lines = [f"class {name}:"]
        lines += [
            f"    {constant.name}: _Final[{PRIMITIVES[constant.type]}]" for constant in message.constants
        ]
        parameters = ["check_fields: bool = ..."]
        for field in message.fields:
            read, written = self._types(field.type)
            lines += [
                "    @property",
                f"    def {field.name}(self) -> {read}: ...",
                f"    @{field.name}.setter",
                f"    def {field.name}(self, value: {written}) -> None: ...",
            ]
            parameters.append(f"{field.name}: {written} = ...")
        lines.append(f"    def __init__(self, *, {', '.join(parameters)}) -> None: ...")
        lines.append("    @classmethod")
        lines.append("    def get_fields_and_field_types(cls) -> dict[str, str]: ...")
        self._lines += [*lines, ""]

    def add_group(self, name: str, parts: dict[str, MessageSpecification]) -> None:
        """Add a service or an action: one class for each part, and the class that names them."""
        for part, message in parts.items():
            self.add_message(f"{name}_{part}", message)
        self._lines.append(f"class {name}:")
        self._lines += [f"    {part}: _TypeAlias = {name}_{part}" for part in parts]
        self._lines.append("")

    def _types(self, field: Type) -> tuple[str, str]:
        """Return the type that a field has when read, and the type that it can be set to."""
        value = self._value_type(field)
        if not field.is_array:
            return value, value
        if value not in ("int", "float"):
            return f"list[{value}]", f"_Sequence[{value}]"
        if field.is_fixed_size_array():
            return "_NDArray[_Any]", f"_Sequence[{value}] | _NDArray[_Any]"
        return f"_array[{value}]", f"_Sequence[{value}] | _array[{value}]"

    def _value_type(self, field: Type) -> str:
        """Return the type of a field, or of one element of an array."""
        if field.is_primitive_type():
            return PRIMITIVES[field.type]
        if field.pkg_name == self._package and self._kind == "msg":
            return str(field.type)
        self.packages.add(field.pkg_name)
        return f"_{field.pkg_name}_msg.{field.type}"


def write_package(package: str, share: Path, stubs: Path) -> set[str]:
    """Write the stubs of one package.

    Returns:
        The packages whose messages it refers to.
    """
    referred: set[str] = set()
    (stubs / package).mkdir(parents=True)
    (stubs / package / "__init__.pyi").touch()
    for kind in ("msg", "srv", "action"):
        files = sorted((share / kind).glob(f"*.{kind}"))
        if not files:
            continue
        module = Interfaces(package, kind)
        for file in files:
            if kind == "msg":
                module.add_message(file.stem, parse_message_file(package, file))
            elif kind == "srv":
                service = parse_service_file(package, file)
                module.add_group(file.stem, {"Request": service.request, "Response": service.response})
            else:
                action = parse_action_file(package, file)
                module.add_group(
                    file.stem, {"Goal": action.goal, "Result": action.result, "Feedback": action.feedback}
                )
        (stubs / package / kind).mkdir()
        (stubs / package / kind / "__init__.pyi").write_text(module.text())
        referred |= module.packages
    return referred


def dependencies() -> Iterator[str]:
    """Yield the run-time dependencies that package.xml names."""
    root = ET.parse(TOP / "package.xml").getroot()  # noqa: S314 - our own file
    for tag in ("depend", "exec_depend"):
        yield from (element.text or "" for element in root.iter(tag))


def installed(packages: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Yield name and share folder of the interface packages among some dependencies."""
    for package in packages:
        try:
            share = Path(get_package_share_directory(package))
        except (PackageNotFoundError, ValueError):
            continue  # a rosdep key
        if any((share / kind).is_dir() for kind in ("msg", "srv", "action")):
            yield package, share


def main() -> None:
    """Write all stubs into a folder; its previous content is deleted."""
    stubs = Path(sys.argv[1])
    shutil.rmtree(stubs, ignore_errors=True)
    written = {PACKAGE}
    wanted = (set(dependencies()) | write_package(PACKAGE, TOP, stubs)) - written
    while wanted:
        referred: set[str] = set()
        for package, share in installed(sorted(wanted)):
            referred |= write_package(package, share, stubs)
        written |= wanted
        wanted = referred - written


if __name__ == "__main__":
    main()
