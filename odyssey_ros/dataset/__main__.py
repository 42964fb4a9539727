"""The command `odyssey-dataset`, run as `python -m odyssey_ros.dataset`."""

from __future__ import annotations

import sys

from odyssey_ros.dataset.cli import main

if __name__ == "__main__":
    sys.exit(main())
