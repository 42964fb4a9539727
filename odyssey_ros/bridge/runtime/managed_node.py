"""The common part of all nodes: a robust lifecycle, an asyncio thread, and a bounded shutdown."""

from __future__ import annotations

import contextlib
import time
import weakref
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rosgraph_msgs.msg import Clock

from odyssey_ros.bridge.runtime.asyncio_thread import AsyncioThread
from odyssey_ros.bridge.runtime.clock_messages import without_negative_times
from odyssey_ros.bridge.runtime.executor_calls import ExecutorCalls
from odyssey_ros.bridge.runtime.file_access import FileAccess
from odyssey_ros.bridge.runtime.parameter_requests import guarded
from odyssey_ros.bridge.runtime.qos_events import publisher_events, subscription_events
from odyssey_ros.bridge.runtime.qos_overrides import unused_overrides
from odyssey_ros.bridge.runtime.response_retry import RCLError, ResponseRetry, RetryingService
from odyssey_ros.client import ErrorCode, OdysseyError
from odyssey_ros.client.service_text import error_text, is_plain

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Coroutine, Iterator

    from lifecycle_msgs.srv import ChangeState
    from rclpy.publisher import Publisher
    from rclpy.service import Service
    from rclpy.subscription import Subscription

MAX_LABEL = 100  # characters of the label of a transition
SHUTDOWN_S = 3.5  # limit of the whole shutdown, so that a process ends within five seconds


class ConfigurationRefused(Exception):  # noqa: N818 -- a refusal is not a defect
    """The node cannot be configured; the text gives the reason and the remedy."""


def refusal_code(error: Exception) -> ErrorCode:
    """Return the code of an error that leaves a node unconfigured."""
    if isinstance(error, OdysseyError) and error.code is ErrorCode.INSECURE_ADDRESS:
        return error.code
    return ErrorCode.CONFIGURATION


class ManagedNode(LifecycleNode):
    """A lifecycle node whose device is remote.

    A subclass implements `configure`, `activate`, `deactivate` and `release`. They are called on the
    executor's thread and must not block. An exception in one of them is logged and takes the node to
    unconfigured.

    Args:
        node_name: The name of the node.
        **options: Arguments of rclpy's Node.

    Attributes:
        exit_status: The exit status of the process, once the node has asked for its end.
    """

    _response_retry: ResponseRetry | None = None  # rclpy's constructor already creates services

    def __init__(self, node_name: str, **options: Any) -> None:
        self._retrying_services: weakref.WeakKeyDictionary[Service, RetryingService] = (
            weakref.WeakKeyDictionary()
        )
        super().__init__(node_name, **options)
        self._services_of_rclpy = frozenset(super().services)
        self.asyncio_thread = AsyncioThread(f"{node_name}_asyncio")
        self.calls = ExecutorCalls(self)
        self.files = FileAccess(self.asyncio_thread)
        self._response_retry = ResponseRetry(self.calls, self.asyncio_thread)
        self._finishing: list[concurrent.futures.Future[None]] = []
        self.exit_status: int | None = None
        self._overrides_checked = False

    def create_publisher(self, msg_type: type, topic: str, *arguments: Any, **options: Any) -> Publisher:
        """Create a publisher that logs subscriptions with incompatible quality of service."""
        options.setdefault("event_callbacks", publisher_events(self, msg_type, topic))
        return super().create_publisher(msg_type, topic, *arguments, **options)

    def create_subscription(
        self,
        msg_type: type,
        topic: str,
        callback: Callable[[Any], None],
        *arguments: Any,
        **options: Any,
    ) -> Subscription:
        """Create a subscription that logs publishers with incompatible quality of service."""
        options.setdefault("event_callbacks", subscription_events(self, msg_type, topic))
        if msg_type is Clock:  # also of rclpy itself, for `use_sim_time`
            callback = without_negative_times(self, callback)
        return super().create_subscription(msg_type, topic, callback, *arguments, **options)

    @property
    def services(self) -> Iterator[Service]:
        """The services that the executor serves: those of rclpy, with responses that are retried."""
        for service in super().services:
            yield self._retrying(service)

    @property
    def response_retry(self) -> ResponseRetry:
        """Retries responses that the middleware could not send."""
        assert self._response_retry is not None  # noqa: S101 -- set by the constructor
        return self._response_retry

    def _retrying(self, service: Service) -> Service:
        if self._response_retry is None:
            return service
        retrying = self._retrying_services.get(service)
        if retrying is None:
            callback: Callable[..., Any] = service.callback
            if service is self._service_change_state:
                callback = self._guarded(callback)
            elif service in self._services_of_rclpy:
                callback = guarded(self, service)
            retrying = RetryingService(service, callback, self._response_retry)
            self._retrying_services[service] = retrying
        return retrying

    # -- for subclasses ----------------------------------------------------------------------------

    def configure(self) -> None:
        """Acquire what the node needs, without waiting for the network.

        Raises:
            ConfigurationRefused: The node stays unconfigured.
        """
        raise NotImplementedError

    def activate(self) -> None:
        """Start publishing."""
        raise NotImplementedError

    def deactivate(self) -> None:
        """Stop publishing."""
        raise NotImplementedError

    def release(self) -> None:
        """Release everything that `configure` acquired. Idempotent, from any state."""
        raise NotImplementedError

    def start(self, coroutine: Coroutine[Any, Any, None]) -> concurrent.futures.Future[None]:
        """Run a coroutine on the asyncio thread, and log an exception that it raises."""
        future = self.asyncio_thread.submit(coroutine)
        future.add_done_callback(self._coroutine_ended)
        return future

    def _coroutine_ended(self, future: concurrent.futures.Future[None]) -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            self.get_logger().error(f"Internal error: {type(error).__name__}: {error_text(str(error))}")

    def warn_if_insecure(self, *, allow_insecure: bool) -> None:
        """Log that secrets may be sent without encryption, also on `/rosout`."""
        if allow_insecure:
            self.get_logger().warning(
                "allow_insecure is set: keys and tokens are sent without encryption to addresses that begin "
                "with http:// or ws://. Anyone on the way can read them"
            )

    def finish_in_background(self, future: concurrent.futures.Future[None]) -> None:
        """Let `destroy_node` wait for a future, up to a limit."""
        self._finishing = [one for one in self._finishing if not one.done()]
        self._finishing.append(future)

    @property
    def lifecycle_state(self) -> str:
        """`unconfigured`, `inactive`, `active`, `finalized` or the name of a transition."""
        return str(self._state_machine.current_state[1])

    def start_by_itself(self) -> None:
        """Configure and activate the node once it spins."""

        def start() -> None:
            if (
                self.lifecycle_state == "unconfigured"
                and self.trigger_configure() is TransitionCallbackReturn.SUCCESS
            ):
                self.trigger_activate()

        self.calls.post(start)

    def end_process(self, status: int) -> None:
        """Let `spin_node` shut the node down and return this exit status. On the executor's thread."""
        self.exit_status = status

    def bring_down(self) -> None:
        """Go to unconfigured from inactive or active. On the executor's thread."""
        if self.lifecycle_state == "active":
            self.trigger_deactivate()
        if self.lifecycle_state == "inactive":
            self.trigger_cleanup()

    # -- lifecycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure; log a refusal and stay unconfigured."""
        try:
            self.configure()
        except ConfigurationRefused as refusal:
            self.get_logger().error(f"Not configured: {refusal}")
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # noqa: BLE001 -- rclpy drops it silently
            return self._transition_failed("configure", error)
        if not self._overrides_checked and (warning := unused_overrides(self)):
            self.get_logger().warning(warning)
        self._overrides_checked = True
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
        """Release everything permanently."""
        return self._transition("shut down", self.release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, so that the node can be configured again."""
        return self._transition("recover", self.release)

    def _transition(self, name: str, act: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            act()
        except Exception as error:  # noqa: BLE001 -- rclpy drops it silently
            return self._transition_failed(name, error)
        return TransitionCallbackReturn.SUCCESS

    def _transition_failed(self, name: str, error: Exception) -> TransitionCallbackReturn:
        self.get_logger().error(f"Could not {name}: {type(error).__name__}: {error_text(str(error))}")
        return TransitionCallbackReturn.ERROR

    def _guarded(
        self, change_state: Callable[..., ChangeState.Response]
    ) -> Callable[..., ChangeState.Response]:
        """Return a callback that refuses an impossible transition; without it rclpy ends the process."""

        def answer(request: ChangeState.Request, response: ChangeState.Response) -> ChangeState.Response:
            before, label = self.lifecycle_state, request.transition.label
            try:
                # rcl logs an unknown label as it is, with line breaks and control sequences.
                if is_plain(label) and len(label) <= MAX_LABEL:
                    return change_state(request, response)
                raise RCLError
            except RCLError:
                wanted = error_text(label)[:MAX_LABEL] or request.transition.id
                self.get_logger().warning(
                    f"Refused the transition {wanted}: it is not possible in the state {before}"
                )
                response.success = False
                return response

        return answer

    # -- shutdown ----------------------------------------------------------------------------------

    def destroy_node(self) -> None:
        """Release everything, wait for background work up to a limit, and end all threads."""
        deadline = time.monotonic() + SHUTDOWN_S
        self.release()
        for future in self._finishing:
            with contextlib.suppress(FutureTimeoutError):
                future.result(max(0.0, deadline - time.monotonic()))
        self.calls.destroy()
        self.asyncio_thread.stop(max(0.2, deadline - time.monotonic()))
        super().destroy_node()
