"""The faults of the video on its way to one receiver: the client of a session, or a spectator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from odyssey_ros.emulator.faults.impairment import Impairment
from odyssey_ros.emulator.faults.lost_frames import LostFrames
from odyssey_ros.emulator.faults.video_faults import FrameLoss, PacketDelay, PacketLoss, ParameterSetsOnce
from odyssey_ros.emulator.media.parameter_sets import split_parameter_sets

if TYPE_CHECKING:
    from collections import Counter

    from aiortc.rtcdtlstransport import RTCDtlsTransport

    from odyssey_ros.emulator.config import Codec
    from odyssey_ros.emulator.faults.fault_registry import FaultRegistry
    from odyssey_ros.emulator.faults.schedule import SessionMoments
    from odyssey_ros.emulator.faults.video_faults import Receiver
    from odyssey_ros.emulator.media.encoding import EncodedFrame
    from odyssey_ros.emulator.media.video_track import EncodedVideoTrack

__all__ = ["ReceiverFaults"]


class ReceiverFaults:
    """Applies the faults of video frames and packets for one receiver, from its construction on.

    Belongs to one event loop.

    Args:
        registry: the armed faults.
        moments: those of the session whose stream the receiver gets.
        receiver: the kind of receiver.
        track: the track that sends to the receiver.
        codec: the codec of the track.
        transport: the transport of the track.
        counters: `packets_lost_on_purpose` is increased by `close`.
    """

    def __init__(
        self,
        *,
        registry: FaultRegistry,
        moments: SessionMoments,
        receiver: Receiver,
        track: EncodedVideoTrack,
        codec: Codec,
        transport: RTCDtlsTransport,
        counters: Counter[str],
    ) -> None:
        self._registry = registry
        self._moments = moments
        self._counters = counters
        self._sent_parameter_sets = b""
        lost = LostFrames(
            lambda: track.sending,
            lambda matches: registry.take(
                FrameLoss, moments, lambda fault: fault.receiver == receiver and matches(fault)
            ),
        )
        self._impairment = Impairment(
            transport,
            loss=lambda: registry.state(PacketLoss, moments, lambda fault: fault.receiver == receiver),
            delay=lambda: registry.state(PacketDelay, moments, lambda fault: fault.receiver == receiver),
            loses=lost.loses,
        )
        if codec == "h264":
            track.prepare = self._without_known_parameter_sets

    def close(self) -> None:
        """Discard the packets that are still delayed, and count the lost ones."""
        self._impairment.close()
        self._counters["packets_lost_on_purpose"] += self._impairment.packets_lost
        self._impairment.packets_lost = 0

    def _without_known_parameter_sets(self, frame: EncodedFrame) -> EncodedFrame:
        if not frame.keyframe:
            return frame
        parameter_sets, rest = split_parameter_sets(frame.data)
        known = parameter_sets == self._sent_parameter_sets
        self._sent_parameter_sets = parameter_sets
        if known and self._registry.state(ParameterSetsOnce, self._moments) is not None:
            return replace(frame, data=rest)
        return frame
