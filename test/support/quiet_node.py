"""A managed node for tests of what all managed nodes share."""

from __future__ import annotations

from odyssey_ros.bridge.runtime.managed_node import ManagedNode


class Quiet(ManagedNode):
    """A managed node whose transitions do nothing."""

    def configure(self) -> None:
        pass

    release = activate = deactivate = configure
