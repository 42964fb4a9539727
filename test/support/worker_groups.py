"""Which worker of pytest-xdist runs which tests: those with the same processes in one; long ones start first.

`--dist loadgroup` selects this scheduler. The marks `xdist_group` of pytest-xdist 3.8 have no effect with
pytest 9.2, which no longer reads the attribute of a test that pytest-xdist sets.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

_CONSOLE: Final = "test/console/"

_SECOND_BROWSER: Final = ("test_page.py", "test_operating.py", "test_attacks.py", "page/test_picture_view.py")
"""These take half of the time of all files of the console that use a browser."""

_GROUPS: Final = {
    "test/end_to_end/test_demo.py": "port of the demo's console",
    "test/dataset/engines/test_ray_engine.py": "Ray cluster",
    "test/dataset/test_cluster_tasks.py": "Ray cluster",
    "test/dataset/test_export_command.py": "Ray cluster",
    "test/dataset/engines/test_task_engine.py": "process engine",
    "test/dataset/exports/test_exported_dataset.py": "exported dataset",
    "test/dataset/exports/test_exported_info.py": "exported info",
    "test/dataset/exports/test_exported_tables.py": "exported tables",
    "test/emulator/http/test_request_bodies.py": "emulator for request bodies",
}
"""Files outside of test/console whose tests share processes, files or a port."""

_FIRST: Final = (
    *("test/end_to_end/", "test/test_fuzz.py", "test/dataset/test_export_command.py"),
    *("test/console/test_", "test/console/page/", "test/console/"),
    *("test/dataset/test_", "test/bridge/test_", "test/bridge/", "test/dataset/"),
)
"""The longest tests. With short tests at the end, all workers end at about the same time."""


class GroupScheduling(LoadScopeScheduling):
    """Gives each file of the console to one worker, and all files that use a browser to two workers.

    The browser remains for the next file. All other tests go to any worker, except the groups above.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if not path.startswith(_CONSOLE):
            return _GROUPS.get(path, nodeid)
        file = path.removeprefix(_CONSOLE)
        if file in _SECOND_BROWSER:
            return "second browser"
        return "first browser" if file.startswith("page/") else file


def place_of(nodeid: str) -> int:
    """Return the place of a test among all tests: smaller numbers come first."""
    return next((place for place, start in enumerate(_FIRST) if nodeid.startswith(start)), len(_FIRST))
