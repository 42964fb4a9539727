"""What the nodes of this package share: a lifecycle that holds, an asyncio thread, and a clean end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
from odyssey_ros.bridge.runtime.qos_events import publisher_events, subscription_events
from odyssey_ros.bridge.runtime.qos_overrides import OverrideError
from odyssey_ros.bridge.runtime.response_retry import RCLError, ResponseRetry

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine, Sequence

    from lifecycle_msgs.srv import ChangeState
    from rclpy.publisher import Publisher
    from rclpy.service import Service
    from rclpy.subscription import Subscription

RCLInvalidROSArgsError = rclpy_implementation.RCLInvalidROSArgsError
UnknownROSArgsError = rclpy_implementation.UnknownROSArgsError
GOODBYE_S = 3.5  # what closing may take in all, so that a process ends within five seconds


class ConfigurationRefused(Exception):  # noqa: N818 -- it is an answer, not a fault
    """The node cannot be configured; the text says why and what to do."""


class ManagedNode(LifecycleNode):
    """A lifecycle node whose device is remote.

    A subclass implements ``configure``, ``activate``, ``deactivate`` and ``release``, all on the executor's
    thread, none of them waiting. An exception in one of them is logged, and takes the node to unconfigured.
    """

    _serving = False  # rclpy's own constructor creates services, too

    def __init__(self, node_name: str, **options: Any) -> None:
        super().__init__(node_name, **options)
        change_state: Any = self._service_change_state  # no function fits rclpy's annotation of the callback
        change_state.callback = self._guarded(change_state.callback)
        self.asyncio_thread = AsyncioThread(f"{node_name}_asyncio")
        self.calls = ExecutorCalls(self)
        self.deliveries = ResponseRetry(self.calls, self.asyncio_thread)
        for service in self.services:  # those of the lifecycle and of the parameters
            self.deliveries.attach(service)
        self._serving = True
        self._goodbyes: list[concurrent.futures.Future[None]] = []

    def create_publisher(self, msg_type: type, topic: str, *arguments: Any, **options: Any) -> Publisher:
        """Create a publisher that tells of subscribers which it cannot serve."""
        options.setdefault("event_callbacks", publisher_events(self, msg_type, topic))
        return super().create_publisher(msg_type, topic, *arguments, **options)

    def create_subscription(
        self, msg_type: type, topic: str, *arguments: Any, **options: Any
    ) -> Subscription:
        """Create a subscription that tells of publishers which it cannot hear."""
        options.setdefault("event_callbacks", subscription_events(self, msg_type, topic))
        return super().create_subscription(msg_type, topic, *arguments, **options)

    def create_service(self, *arguments: Any, **options: Any) -> Service:
        """Create a service whose answers reach clients that have just appeared."""
        service = super().create_service(*arguments, **options)
        if self._serving:
            self.deliveries.attach(service)
        return service

    # -- for subclasses ----------------------------------------------------------------------------

    def configure(self) -> None:
        """Acquire what the node needs, without waiting for it. Raises ConfigurationRefused."""
        raise NotImplementedError

    def activate(self) -> None:
        """Begin to publish."""
        raise NotImplementedError

    def deactivate(self) -> None:
        """Stop publishing."""
        raise NotImplementedError

    def release(self) -> None:
        """Give back what ``configure`` acquired. Idempotent, from any state."""
        raise NotImplementedError

    def start(self, coroutine: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        """Run a coroutine on the asyncio thread; should it break, the log says so."""
        future = self.asyncio_thread.submit(coroutine)
        future.add_done_callback(self._started_ended)
        return future

    def _started_ended(self, future: concurrent.futures.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.get_logger().error(f"Internal error: {type(error).__name__}: {error}")

    def say_goodbye(self, goodbye: concurrent.futures.Future[None]) -> None:
        """Let something end in the background; the process waits for it, within a bound."""
        self._goodbyes = [one for one in self._goodbyes if not one.done()]
        self._goodbyes.append(goodbye)

    @property
    def lifecycle_state(self) -> str:
        """``unconfigured``, ``inactive``, ``active``, ``finalized`` or the name of a transition."""
        return str(self._state_machine.current_state[1])

    def start_by_itself(self) -> None:
        """Configure and activate, soon."""

        def start() -> None:
            if (
                self.lifecycle_state == "unconfigured"
                and self.trigger_configure() is TransitionCallbackReturn.SUCCESS
            ):
                self.trigger_activate()

        self.calls.post(start)

    def bring_down(self) -> None:
        """Go to unconfigured from wherever the node is. On the executor's thread."""
        if self.lifecycle_state == "active":
            self.trigger_deactivate()
        if self.lifecycle_state == "inactive":
            self.trigger_cleanup()

    # -- lifecycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; a refusal leaves the node unconfigured, with the reason in the log."""
        try:
            self.configure()
        except ConfigurationRefused as refusal:
            self.get_logger().error(f"Not configured: {refusal}")
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001 -- rclpy drops it in silence
            return self._transition_broke("configure", error)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Activate."""
        return self._transition("activate", self.activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Deactivate."""
        return self._transition("deactivate", self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything."""
        return self._transition("clean up", self.release)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, for good."""
        return self._transition("shut down", self.release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, and be usable again."""
        return self._transition("recover", self.release)

    def _transition(self, name: str, act: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            act()
        except Exception as error:  # noqa: BLE001 -- rclpy drops it in silence
            return self._transition_broke(name, error)
        return TransitionCallbackReturn.SUCCESS

    def _transition_broke(self, name: str, error: Exception) -> TransitionCallbackReturn:
        self.get_logger().error(f"Could not {name}: {type(error).__name__}: {error}")
        return TransitionCallbackReturn.ERROR

    def _guarded(
        self, change_state: Callable[..., ChangeState.Response]
    ) -> Callable[..., ChangeState.Response]:
        """Answer an impossible transition with a refusal; rclpy would let it end the process."""

        def answer(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            before = self.lifecycle_state
            try:
                return change_state(request, response)
            except RCLError:
                wanted = request.transition.label or f"transition {request.transition.id}"
                self.get_logger().warning(f"There is no {wanted} from {before}")
                response.success = False
                return response

        return answer

    # -- the end -----------------------------------------------------------------------------------

    def destroy_node(self) -> None:
        """Release everything, say goodbye within a bound, free all threads."""
        deadline = time.monotonic() + GOODBYE_S
        self.release()
        for goodbye in self._goodbyes:
            with contextlib.suppress(FutureTimeoutError):
                goodbye.result(max(0.0, deadline - time.monotonic()))
        self.calls.destroy()
        self.asyncio_thread.stop(max(0.2, deadline - time.monotonic()))
        super().destroy_node()


def spin_node(make_node: Callable[[], ManagedNode], arguments: Sequence[str] | None = None) -> int:
    """Run a node as a process: until SIGINT or SIGTERM, then a clean end.

    No signal interrupts anything, least of all the goodbye, and the graph stays usable until it has been
    said.

    Returns:
        The exit status: 0, or 1 when the node could not be made (the reason is on stderr, in one line).
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

    def wait_for_signal() -> None:
        signalled.recv(1)
        stop.set()
        node.calls.post(lambda: None)

    threading.Thread(target=wait_for_signal, name="signals", daemon=True).start()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set():
            executor.spin_once()
    except ExternalShutdownException:
        pass
    finally:
        node.destroy_node()
        executor.shutdown()  # left to the garbage collector, it complains of what was collected before it
        rclpy.try_shutdown()
    return 0


def signal_socket() -> socket.socket:
    """Return a socket that gets readable when SIGINT or SIGTERM comes; neither does anything else now.

    Python runs a handler only once the main thread is back from the middleware, which may wait for ever; the
    wake-up descriptor is written to at once.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def _cannot_start(error: Exception) -> int:
    text = " ".join(str(error).split())
    print(f"{os.path.basename(sys.argv[0])}: cannot start: {text}", file=sys.stderr)  # noqa: PTH119, T201
    return 1
