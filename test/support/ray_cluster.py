"""A Ray cluster of three nodes on this machine, each with one CPU, and the sudden death of a node."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_NODE: Final = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}

# A dead node is noticed within two seconds instead of 15.
_HEALTH_CHECKS: Final = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 4,
}

NODE_KEY: Final = "ody_of_the_node"
"""The API key in the environment in which the nodes are started."""


class RayCluster:
    """The cluster: a head node, which drivers use, and two or more other nodes.

    Attributes:
        address: Address for drivers.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self._nodes: list[Any] = []

    def add_node(self) -> None:
        """Start a node with one CPU."""
        with _environment():
            self._nodes.append(self._cluster.add_node(wait=False, **_NODE))

    def is_on_head_node(self, worker: int) -> bool:
        """Return whether a worker process belongs to the head node."""
        return _parent(worker) == _raylet(self._cluster.head_node)

    def writer_elsewhere(self, folder: Path) -> int | None:
        """Return a process of a node other than the head that has a file of a folder open, or None."""
        workers = [child for node in self._nodes for child in _children(_raylet(node))]
        return next((worker for worker in workers if _has_open(worker, folder)), None)

    def frozen_task_elsewhere(self, name: str) -> int | None:
        """Stop a process of a node other than the head in the middle of a task, and return it.

        Args:
            name: Name of the task. None is returned as long as no such node runs one.
        """
        for worker in (child for node in self._nodes for child in _children(_raylet(node))):
            if _title(worker) == f"ray::{name}":
                os.kill(worker, signal.SIGSTOP)
                wait_until(lambda worker=worker: _status(worker)[0] in "TXZ")
                if _title(worker) == f"ray::{name}":
                    return worker
                os.kill(worker, signal.SIGCONT)  # the task has just ended
        return None

    def runs_tasks(self, name: str) -> bool:
        """Return whether a process of the cluster runs a task of this name."""
        raylets = [_raylet(node) for node in (*self._nodes, self._cluster.head_node)]
        return any(_title(child) == f"ray::{name}" for raylet in raylets for child in _children(raylet))

    def processes(self) -> set[int]:
        """Return all processes of the cluster."""
        nodes = [*self._nodes, self._cluster.head_node]
        roots = {
            info.process.pid for node in nodes for infos in node.all_processes.values() for info in infos
        }
        return roots | {child for root in roots for child in _children(root)}

    def logs(self) -> Iterator[str]:
        """Yield the texts of all logs of the cluster."""
        for path in Path(self._cluster.head_node.get_logs_dir_path()).rglob("*"):
            if path.is_file():
                yield path.read_text(errors="replace")

    def kill_node(self, worker: int) -> None:
        """Kill the node of a worker process, and all its processes, with SIGKILL."""
        raylet = _parent(worker)
        node = next(node for node in self._nodes if _raylet(node) == raylet)
        for process in (raylet, *_children(raylet)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: not _is_alive(worker))
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)


@contextlib.contextmanager
def running_cluster() -> Iterator[RayCluster]:
    """Run a cluster; none of its processes is left at the end."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster  # an extra installs it

    # The paths of sockets in it are limited to 100 characters.
    folder = tempfile.mkdtemp(prefix="ray_", dir="/tmp")
    head = {"temp_dir": folder, "_system_config": _HEALTH_CHECKS}
    with _environment():
        cluster = Cluster(initialize_head=True, head_node_args={**_NODE, **head})
    running = RayCluster(cluster)
    try:
        running.add_node()
        running.add_node()
        yield running
    finally:
        started = running.processes()
        cluster.shutdown()
        for process in started:
            wait_until(lambda process=process: not _is_alive(process))
        shutil.rmtree(folder)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Let nodes import what the tests import, and give them a key that no task may see.

    Ray installs a signal handler, which is removed again.
    """
    former, handler = dict(os.environ), signal.getsignal(signal.SIGTERM)
    os.environ.update(PYTHONPATH=os.pathsep.join(sys.path), ODYSSEY_API_KEY=NODE_KEY)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(former)
        signal.signal(signal.SIGTERM, handler)


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def _status(process: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name: state, parent, ..."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ["X", "0"]


def _is_alive(process: int) -> bool:
    return _status(process)[0] not in "ZX"


def _parent(process: int) -> int:
    return int(_status(process)[1])


def _children(process: int) -> list[int]:
    """Return the processes that a process started, directly or through others."""
    parents = {int(path.name): _parent(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = [process]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found[1:]


def _title(process: int) -> str:
    """Return the title of a process, which Ray sets to that of its task."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return ""


def _has_open(process: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return any(path.readlink().is_relative_to(folder) for path in Path(f"/proc/{process}/fd").iterdir())
    return False
