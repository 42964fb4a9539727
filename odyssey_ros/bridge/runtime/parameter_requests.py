"""Guards the services that rclpy gives every node: an exception in one of them would end the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically

from odyssey_ros.client.service_text import error_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.service import Service

_MAX_REASON: Final = 500


def guarded(node: Node, service: Service) -> Callable[[Any, Any], Any]:
    """Return the callback of a service of rclpy, which answers instead of raising an exception.

    A request to set parameters is refused with the reason; each parameter of `~/set_parameters` has its own
    result. The answer to any other request is empty. An example is a value of an unknown type, for which
    rclpy raises a ValueError.

    Args:
        node: The node, for the log.
        service: A service whose callback is no coroutine.
    """
    callback: Callable[[Any, Any], Any] = service.callback
    kind: Any = service.srv_type

    def answer(request: Any, response: Any) -> Any:
        try:
            if kind in (SetParameters, SetParametersAtomically):
                _require_names(request)
            return callback(request, response)
        except Exception as error:  # noqa: BLE001 -- see above
            reason = error_text(f"{type(error).__name__}: {error}")[:_MAX_REASON]
            node.get_logger().error(
                f"A request to {service.srv_name} failed: {reason}", throttle_duration_sec=10.0
            )
            response = kind.Response()
            if kind is SetParametersAtomically:
                response.result = refused(reason)
            elif kind is SetParameters:
                response.results = [refused(reason)]
            return response

    def answer_each(request: SetParameters.Request, response: SetParameters.Response) -> Any:
        response.results = [
            result
            for parameter in request.parameters
            for result in answer(
                SetParameters.Request(parameters=[parameter]), SetParameters.Response()
            ).results
        ]
        return response

    return answer_each if kind is SetParameters else answer


def _require_names(request: Any) -> None:
    if not all(parameter.name for parameter in request.parameters):
        raise ValueError("a parameter has no name")  # rclpy would take it for a declared one


def refused(reason: str) -> SetParametersResult:
    """Return the result of a parameter that cannot be set."""
    return SetParametersResult(successful=False, reason=f"internal error: {reason}")
