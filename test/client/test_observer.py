"""The observer that does nothing, and the one that passes events to several."""

from __future__ import annotations

import inspect

import pytest

from odyssey_ros.client import BroadcastInfo, ClientObserver, ConnectionStatus, ErrorCode, OdysseyError
from odyssey_ros.client.observer import GuardedObservers

FAILURE = OdysseyError("it broke", code=ErrorCode.TIMEOUT)
# Every event with its arguments. Frames are only passed on, so any object serves.
EVENTS = {
    "connected": (),
    "disconnected": (FAILURE,),
    "status_changed": (ConnectionStatus.FAILED, "it broke", FAILURE),
    "video_frame": (object(),),
    "decoded_frame": (object(),),
    "encoded_frame": (object(),),
    "stream_started": ("stream-1",),
    "stream_ended": (),
    "interact_acknowledged": ("a storm",),
    "stream_failed": (FAILURE, "broke"),
    "broadcast_ready": (BroadcastInfo("http://127.0.0.1/live", "token"),),
}


class Recorder(ClientObserver):
    """Records each event; raises in the events that `broken` names."""

    def __init__(self, *, broken: frozenset[str] = frozenset(), wants_video_frames: bool = False) -> None:
        self.events: list[tuple[str, tuple[object, ...]]] = []
        self.errors: list[tuple[Exception, bool]] = []
        self.wants_video_frames = wants_video_frames
        for name in EVENTS:
            setattr(self, name, self._recorder(name, raises=name in broken))
        self._error_raises = "error" in broken

    def error(self, error: Exception, *, fatal: bool) -> None:
        self.errors.append((error, fatal))
        if self._error_raises:
            raise ValueError("error")

    def _recorder(self, name: str, *, raises: bool):
        def record(*arguments: object) -> None:
            self.events.append((name, arguments))
            if raises:
                raise ValueError(name)

        return record


def methods_of(kind: type) -> set[str]:
    return {name for name, _value in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


def test_all_events_are_covered_here():
    assert methods_of(ClientObserver) == {*EVENTS, "error"}
    overridden = {name for name, value in vars(GuardedObservers).items() if inspect.isfunction(value)}
    assert {name for name in overridden if not name.startswith("_")} == methods_of(ClientObserver)


@pytest.mark.parametrize("name", EVENTS)
def test_an_observer_ignores_events_by_default(name):
    observer = ClientObserver()
    assert getattr(observer, name)(*EVENTS[name]) is None
    assert observer.error(FAILURE, fatal=True) is None
    assert observer.wants_video_frames is False


@pytest.mark.parametrize("name", EVENTS)
def test_every_observer_receives_the_same_objects_in_order(name):
    first, second = Recorder(), Recorder()
    getattr(GuardedObservers(first, second), name)(*EVENTS[name])
    for observer in (first, second):
        [(event, arguments)] = observer.events
        assert event == name
        assert all(got is given for got, given in zip(arguments, EVENTS[name], strict=True))
        assert observer.errors == []


def test_errors_are_passed_on_with_their_fatality():
    first, second = Recorder(), Recorder()
    observers = GuardedObservers(first, second)
    observers.error(FAILURE, fatal=False)
    observers.error(FAILURE, fatal=True)
    assert first.errors == second.errors == [(FAILURE, False), (FAILURE, True)]


@pytest.mark.parametrize("name", EVENTS)
def test_an_observer_that_raises_affects_no_other_and_is_reported(name, caplog):
    broken, sound = Recorder(broken=frozenset({name})), Recorder()
    getattr(GuardedObservers(broken, sound), name)(*EVENTS[name])
    assert [event for event, _ in sound.events] == [name]
    for observer in (broken, sound):
        [(error, fatal)] = observer.errors
        assert (type(error), str(error), fatal) == (ValueError, name, False)
    [record] = caplog.records
    assert record.exc_info is not None


def test_a_method_error_that_raises_is_logged_and_not_reported_again(caplog):
    broken, sound = Recorder(broken=frozenset({"error"})), Recorder()
    GuardedObservers(broken, sound).error(FAILURE, fatal=True)
    assert broken.errors == sound.errors == [(FAILURE, True)]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("wishes", "wanted"), [((), False), ((False, False), False), ((False, True), True)])
def test_frames_are_converted_when_one_observer_wants_them(wishes, wanted):
    observers = [Recorder(wants_video_frames=wish) for wish in wishes]
    assert GuardedObservers(*observers).wants_video_frames is wanted


def test_an_observer_that_takes_decoded_frames_wants_them():
    class Decoded(ClientObserver):
        def decoded_frame(self, frame: object) -> None:
            pass

    class OnRequest(Decoded):
        wants_decoded_frames = False

        def decoded_frame(self, frame: object) -> None:
            pass

    wants = [kind().wants_decoded_frames for kind in (ClientObserver, Decoded, OnRequest)]
    assert wants == [False, True, False]
    assert GuardedObservers(OnRequest(), ClientObserver()).wants_decoded_frames is False
    assert GuardedObservers(OnRequest(), Decoded()).wants_decoded_frames is True
