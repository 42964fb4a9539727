"""Runs a node as a process, from the start to a clean shutdown."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol, cast

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import SignalHandlerOptions

from odyssey_ros.bridge.runtime.process_end import ProcessEnd
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.bridge.runtime.response_retry import RCLError
from odyssey_ros.client.service_text import error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.impl.rcutils_logger import RcutilsLogger
    from rclpy.node import Node

    from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls

MAX_FAILURES: Final = 100
"""Callbacks that fail one after the other, without a success in between, after which the process ends."""

_TYPE_REMEDIES: Final = {
    "expecting type 'STRING'": """put the text in quotes that a shell keeps, as in -p "prompt:='NO'\"""",
    "expecting type 'DOUBLE'": "write the number with a decimal point, as in 5.0",
}
"""What the user has to write for a value that YAML reads with another type, by a part of rclpy's text."""


class SpunNode(Protocol):
    """A subclass of rclpy's Node that `spin_node` can run.

    Attributes:
        calls: Runs calls on the executor's thread, which wakes the executor.
        exit_status: The exit status of the process, once the node has asked for its end.
    """

    calls: ExecutorCalls
    exit_status: int | None

    def get_logger(self) -> RcutilsLogger:
        """Return the logger of the node."""

    def destroy_node(self) -> None:
        """Release everything."""


RCLInvalidROSArgsError = rclpy_implementation.RCLInvalidROSArgsError
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError


def run_node(make_node: Callable[[], SpunNode], arguments: Sequence[str] | None = None) -> int:
    """Run a node as `spin_node` does, in a process that ends in bounded time afterwards.

    Whatever the threads of the process do, it ends within `END_S` after a signal, with the same exit status.

    Args:
        make_node: Makes the node once rclpy is initialized.
        arguments: The command line; None takes that of the process.

    Returns:
        The exit status. The process has to exit with it now.
    """
    return spin_node(make_node, arguments, ProcessEnd())


def spin_node(
    make_node: Callable[[], SpunNode],
    arguments: Sequence[str] | None = None,
    end: ProcessEnd | None = None,
) -> int:
    """Run a node until SIGINT or SIGTERM, or until it ends the process itself, then shut it down.

    A signal interrupts nothing, including the shutdown, and the node can use the graph until the shutdown is
    complete.

    Args:
        make_node: Makes the node once rclpy is initialized.
        arguments: The command line; None takes that of the process.
        end: Bounds the time from the signal to the end of the process; None for a process that continues.

    Returns:
        The exit status: 0, the status of `ManagedNode.end_process`, or 1 when the node could not be made
        (the reason is on stderr, in one line).
    """
    signalled = signal_socket()
    stop = threading.Event()
    try:
        rclpy.init(
            args=None if arguments is None else list(arguments),
            signal_handler_options=SignalHandlerOptions.NO,
        )
        node = make_node()
    except (
        ParameterException,
        NameValidationException,
        OverrideError,
        RCLError,
        RCLInvalidROSArgsError,
        UnknownROSArgsError,
    ) as error:
        return _cannot_start(error)

    def bound_the_end() -> None:
        if end is not None:
            end.request(lambda: node.exit_status or 0)

    def wait_for_signal() -> None:
        signalled.recv(1)
        bound_the_end()
        stop.set()
        node.calls.post(lambda: None)

    threading.Thread(target=wait_for_signal, name="signals", daemon=True).start()
    executor = SingleThreadedExecutor()
    executor.add_node(cast("Node", node))
    failures = 0
    try:
        while not stop.is_set() and node.exit_status is None:
            try:
                executor.spin_once()
            except ExternalShutdownException:  # noqa: PERF203 -- each callback can fail
                raise
            except Exception as error:
                # A timer, a message or a request that fails must not end the process. An executor that can
                # do nothing any more must.
                failures += 1
                if failures >= MAX_FAILURES:
                    raise
                node.get_logger().error(
                    f"A callback failed: {type(error).__name__}: {error_text(str(error))}"
                )
            else:
                failures = 0
    except ExternalShutdownException:
        pass
    finally:
        bound_the_end()
        node.destroy_node()
        executor.shutdown()  # without it the garbage collector warns about destroyed entities
        rclpy.try_shutdown()
        if end is not None:
            end.released()
    return node.exit_status or 0


def signal_socket() -> socket.socket:
    """Return a socket that becomes readable on SIGINT or SIGTERM; both signals have no other effect.

    Python runs a signal handler only when the main thread returns from the middleware, which may block
    forever. The wake-up descriptor is written immediately.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _cannot_start(error: Exception) -> int:
    text = " ".join(str(error).split())
    for part, remedy in _TYPE_REMEDIES.items():
        if isinstance(error, ParameterException) and part in text:
            text = f"{text}: {remedy}"
    print(f"{os.path.basename(sys.argv[0])}: cannot start: {text}", file=sys.stderr)  # noqa: PTH119, T201
    return 1
