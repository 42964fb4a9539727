"""Which worker of pytest-xdist runs which tests: files that share processes run in one worker.

`--dist loadgroup` selects this scheduler. The marks `xdist_group` of pytest-xdist 3.8 have no effect with
pytest 9.2, which no longer reads the attribute of a test that pytest-xdist sets.
"""

from __future__ import annotations

from typing import Final

from xdist.scheduler import LoadScopeScheduling

_CONSOLE: Final = "test/console/"

_SECOND_BROWSER: Final = ("test_page.py", "test_operating.py", "test_attacks.py", "page/test_picture_view.py")
"""These take half of the time of all files of the console that use a browser."""


class GroupScheduling(LoadScopeScheduling):
    """Gives each file of the console to one worker, and all files that use a browser to two workers.

    The browser remains for the next file. All other tests go to any worker.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if not path.startswith(_CONSOLE):
            return nodeid
        file = path.removeprefix(_CONSOLE)
        if file in _SECOND_BROWSER:
            return "second browser"
        return "first browser" if file.startswith("page/") else file
