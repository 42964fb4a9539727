"""Where modules and their tests are, and which module may import which."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TOP = Path(__file__).resolve().parent.parent
SOURCES = TOP / "odyssey_ros"

WITHOUT_TESTS = {
    "odyssey_ros/bridge/frames/frame_counters.py": "a dataclass without methods",
    "odyssey_ros/dataset/__main__.py": "calls `cli.main`; test_cli.py runs it as a process",
    "odyssey_ros/emulator/__main__.py": "calls `command_line.main`; test_command_line.py runs it",
    "odyssey_ros/pictures/metadata.py": "a dataclass without methods",
    "odyssey_ros/emulator/service_context.py": "a dataclass without methods",
    "odyssey_ros/emulator/session_status.py": "dataclasses without methods",
}
"""Modules without a test file of their own, with the reason."""

LAYERS = {
    "pictures": (),
    "web": (),
    "client": ("pictures",),
    "emulator": ("pictures", "web"),
    "dataset": ("client", "pictures"),
    "bridge": ("client", "dataset", "pictures"),
    "console": ("bridge", "client", "dataset", "pictures", "web"),
}
"""The other layers that each layer may import."""

SHARED = {
    "odyssey_ros.number_text",
    "odyssey_ros.public_address",
    "odyssey_ros.requirements",
}
"""The modules outside the layers that every layer may import: nothing that the wire depends on."""

ROOMS = {
    "bridge/runtime": (),
    "bridge/frames": ("bridge/runtime",),
    "bridge/live": ("bridge/runtime", "bridge/frames"),
    "bridge/calls": ("bridge/runtime", "bridge/frames", "bridge/live"),
    "bridge/player": ("bridge/runtime", "bridge/frames"),
    "console/graph": (),
    "console/server": ("console/graph",),
    "dataset/videos": (),
    "dataset/logs": (),
    "dataset/scripts": (),
    "dataset/downloading": (),
    "dataset/submissions": ("dataset/videos", "dataset/logs", "dataset/scripts", "dataset/downloading"),
    "dataset/reading": (),
    "dataset/engines": (),
    "dataset/checks": ("dataset/videos", "dataset/logs", "dataset/reading"),
    "dataset/report": ("dataset/reading", "dataset/engines"),
    "dataset/exports": ("dataset/videos", "dataset/reading", "dataset/engines", "dataset/report"),
    "dataset/recorded": (
        *("dataset/videos", "dataset/logs", "dataset/downloading", "dataset/reading", "dataset/engines"),
    ),
}
"""The other rooms of the same layer that each room may import."""

NOT_FOR_ROOMS = {
    *(
        "odyssey_ros.bridge.bridge_node",
        "odyssey_ros.bridge.spectator_node",
        "odyssey_ros.bridge.player_node",
    ),
    "odyssey_ros.bridge.launch_arguments",
    "odyssey_ros.bridge.launch_values",
}
"""The modules of the bridge outside its rooms that no room may import."""


FOR_THE_CONSOLE = {
    "odyssey_ros.bridge.api_key",
    "odyssey_ros.bridge.conversions",
    "odyssey_ros.bridge.frames.encoded_messages",
    "odyssey_ros.bridge.launch_arguments",
    "odyssey_ros.bridge.launch_values",
}
"""The modules of the bridge outside `bridge/runtime` that the console may import."""


@dataclass(frozen=True, order=True)
class Import:
    """One module that imports another one of this package."""

    importer: str
    imported: str
    type_checking: bool
    """Whether only type checkers execute the import."""


def module_name(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(SOURCES.rglob("*.py"))}


def imports_of(name: str) -> Iterator[Import]:
    """Yield the imports of a module, wherever they are in its text."""

    def visit(node: ast.AST, *, type_checking: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for child in node.body:
                yield from visit(child, type_checking=True)
            for child in node.orelse:
                yield from visit(child, type_checking=type_checking)
            return
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} has a relative import"
            # A name that is imported from a package may be a module of it.
            targets = [
                full if (full := f"{node.module}.{alias.name}") in MODULES else str(node.module)
                for alias in node.names
            ]
        else:
            for child in ast.iter_child_nodes(node):
                yield from visit(child, type_checking=type_checking)
            return
        yield from (Import(name, target, type_checking) for target in targets if target in MODULES)

    return visit(ast.parse(MODULES[name].read_text()), type_checking=False)


IMPORTS = sorted({found for name in MODULES for found in imports_of(name)})


def layer(module: str) -> str:
    """Return the layer of a module: the first name below odyssey_ros; empty for odyssey_ros itself."""
    return f"{module}..".split(".")[1]


def room(module: str) -> str:
    """Return the room of a module, such as `bridge/frames`; empty for a module that is in none."""
    name = "/".join(module.split(".")[1:3])
    return name if name in ROOMS else ""


def cycles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or through others (Tarjan)."""
    graph: dict[str, list[str]] = {}
    for start, end in edges:
        graph.setdefault(start, []).append(end)
        graph.setdefault(end, [])
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def connect(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for follower in graph[node]:
            if follower not in index:
                connect(follower)
                low[node] = min(low[node], low[follower])
            elif follower in stack:
                low[node] = min(low[node], index[follower])
        if low[node] == index[node]:
            start = stack.index(node)
            groups.append(sorted(stack[start:]))
            del stack[start:]

    for node in sorted(graph):
        if node not in index:
            connect(node)
    return [group for group in groups if len(group) > 1 or group[0] in graph[group[0]]]


def test_each_module_has_a_test_file_of_its_name_and_place():
    missing = [
        str(path.relative_to(TOP))
        for path in MODULES.values()
        if path.name != "__init__.py"
        and not has_test(path)
        and str(path.relative_to(TOP)) not in WITHOUT_TESTS
    ]
    assert missing == []


def has_test(path: Path) -> bool:
    """Return whether odyssey_ros/a/b/c.py has test/a/b/test_c.py."""
    below = path.relative_to(SOURCES)
    return (TOP / "test" / below.parent / f"test_{below.name}").is_file()


def test_the_list_of_modules_without_tests_is_up_to_date():
    for path, reason in WITHOUT_TESTS.items():
        assert (TOP / path).is_file(), path
        assert not has_test(TOP / path), path
        assert reason, path


def test_no_import_cycles_at_run_time():
    """No module imports itself through others; imports inside functions count, too.

    Python imports a package before a module in it. That import does not count: an `__init__.py`
    may re-export names of its own modules, as long as these do not import from the package.
    """
    assert cycles((found.importer, found.imported) for found in IMPORTS if not found.type_checking) == []


def test_no_import_cycles_for_type_checkers():
    """The same with the imports under `if TYPE_CHECKING`, so that no two modules need each other's names."""
    assert cycles((found.importer, found.imported) for found in IMPORTS) == []


def test_layers_import_one_way():
    wrong = [
        found
        for found in IMPORTS
        if found.imported not in SHARED
        and layer(found.imported) not in ("", layer(found.importer), *LAYERS.get(layer(found.importer), ()))
    ]
    assert wrong == []


def test_rooms_import_one_way():
    """Nor does a room of the bridge import a node or the launch arguments."""
    wrong = [
        found
        for found in IMPORTS
        if (own := room(found.importer))
        and layer(found.imported) == layer(found.importer)
        and (room(found.imported) not in ("", own, *ROOMS[own]) or found.imported in NOT_FOR_ROOMS)
    ]
    assert wrong == []


def test_the_lower_rooms_reach_no_higher_one_through_shared_modules():
    """Neither runtime nor frames imports live, calls or player through modules outside the rooms."""
    edges: dict[str, set[str]] = {}
    for found in IMPORTS:
        edges.setdefault(found.importer, set()).add(found.imported)
    reached = {module for module in MODULES if room(module) in ("bridge/runtime", "bridge/frames")}
    waiting = list(reached)
    while waiting:
        new = edges.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    upper = {"bridge/live", "bridge/calls", "bridge/player"}
    assert upper.isdisjoint(room(module) for module in reached)


def test_the_console_uses_only_the_runtime_of_the_bridge():
    """The console is a client of the graph: it shares the machinery of nodes, and the optional messages."""
    wrong = [
        found
        for found in IMPORTS
        if layer(found.importer) == "console"
        and layer(found.imported) == "bridge"
        and room(found.imported) != "bridge/runtime"
        and found.imported not in FOR_THE_CONSOLE
    ]
    assert wrong == []


def test_rooms_are_named():
    folders = {
        f"{layer_name}/{path.parent.name}"
        for layer_name in ("bridge", "console", "dataset")
        for path in (SOURCES / layer_name).glob("*/__init__.py")
    }
    assert folders == set(ROOMS)


def test_a_cycle_is_found():
    """The search itself: a cycle of three, a module that imports itself, and a harmless diamond."""
    assert cycles([("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]) == [["a", "b", "c"]]
    assert cycles([("a", "a")]) == [["a"]]
    assert cycles([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) == []


def test_launch_files_reach_no_library():
    """`ros2 launch` runs with the Python of the system, whose libraries may be too old for the client."""
    edges: dict[str, set[str]] = {}
    for found in IMPORTS:
        if not found.type_checking:
            edges.setdefault(found.importer, set()).add(found.imported)
    waiting = [
        node.module
        for path in (TOP / "launch").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
    ]
    assert waiting
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += edges.get(module, ())
    assert {layer(module) for module in reached} <= {"bridge", "console", "dataset", "number_text"}
    imported = {
        name.split(".")[0]
        for module in reached
        for node in ast.walk(ast.parse(MODULES[module].read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }
    too_old_or_missing = {
        "PIL",
        "aiohttp",
        "aiortc",
        "av",
        "httpx",
        "mcap",
        "rosbags",
        "simplejpeg",
        "websockets",
    }
    assert imported & too_old_or_missing == set()
