"""The table contains every fault, and the package exports it."""

from __future__ import annotations

from odyssey_ros.emulator import faults
from odyssey_ros.emulator.faults.fault import Fault
from odyssey_ros.emulator.faults.fault_table import FAULTS


def concrete(kind):
    """Return all subclasses of a fault class that have a name."""
    kinds = {kind} if hasattr(kind, "name") else set()
    return kinds.union(*(concrete(subclass) for subclass in kind.__subclasses__()))


def test_the_table_contains_every_fault_class():
    assert set(FAULTS.values()) == concrete(Fault)


def test_faults_are_listed_under_their_names():
    assert all(name == kind.name for name, kind in FAULTS.items())


def test_the_package_exports_every_fault_class():
    assert all(getattr(faults, kind.__name__) is kind for kind in FAULTS.values())
    assert {kind.__name__ for kind in FAULTS.values()} <= set(faults.__all__)
