"""Entry point of `python -m odyssey_ros.emulator`."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    # Until `main` installs its own handlers, a signal ends the program without a traceback.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    from odyssey_ros.emulator.command_line import main

    sys.exit(main())
