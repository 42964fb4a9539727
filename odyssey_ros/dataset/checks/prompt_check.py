"""Compares the prompts of an episode: in the manifest, on the events topic, at the frames and in the script.

The rule for a frame is that of `EventLog.prompt_at`, written a second time: the frame has the last prompt
whose time is not later than the frame's, or whose frame number, if the log gave one, is not larger. A frame
before the first prompt has the first prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from odyssey_ros.client.service_text import clean_text
from odyssey_ros.dataset.checks.findings import quoted
from odyssey_ros.dataset.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from odyssey_ros.dataset.checks.findings import Findings
    from odyssey_ros.dataset.manifest import ManifestEntry
    from odyssey_ros.dataset.reading.message_reader import EventMessage, FrameInfoMessage

STARTED, ENDED, ACKNOWLEDGED = 1, 2, 3

TIME_TOLERANCE_NS: Final = 2_000_000_000
"""Maximum difference of the times at which a prompt was sent by a script and applied by the service."""

_TIME: Final = "the times of the prompts"

# With these losses, the prompts or their times may be others than those of the script.
_LOG_LOSSES: Final = frozenset(
    loss.value
    for loss in (
        Loss.UNREADABLE_LOG,
        Loss.CUT_OFF_LOG,
        Loss.IGNORED_LOG_ENTRIES,
        Loss.DUPLICATE_LOG_ENTRIES,
        Loss.REORDERED_LOG_ENTRIES,
        Loss.AMBIGUOUS_LOG_ENTRIES,
        Loss.REPLACED_CHARACTERS,
        Loss.CLEANED_PROMPTS,
        Loss.GUESSED_KINDS,
        Loss.GUESSED_FIRST_PROMPT,
        Loss.GUESSED_TIMES,
        Loss.CONTRADICTORY_FRAMES,
        Loss.CLAMPED_TIMES,
    )
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of an episode.

    Attributes:
        time_ns: Time since the start of the stream, in nanoseconds.
        text: The prompt as the service applied it.
        frame_index: The first frame that shows the prompt, if the events log gave its number.
        sent: The prompt as it was sent, if a kept events log gives it beside the applied prompt.
    """

    time_ns: int
    text: str
    frame_index: int | None = None
    sent: str | None = None


class PromptCheck:
    """Receives the events and the labels of a bag in the order of the file. For one thread.

    Args:
        entry: The entry of the manifest.
        prompts: The prompts in the entry, or those of the events log, which may have frame numbers.
        findings: Receives the faults.
        topics: Topics of the events and of the labels.

    Attributes:
        start_ns: Start of the stream, in nanoseconds since the epoch, by the first prompt of the events; None
            before it.
    """

    def __init__(
        self, entry: ManifestEntry, prompts: Sequence[Prompt], findings: Findings, topics: tuple[str, str]
    ) -> None:
        self._stream_id = entry.stream_id
        self._prompts = prompts
        self._findings = findings
        self._events_topic, self._labels_topic = topics
        self._seen = 0  # prompts on the events topic
        self._current = 0  # the prompt in force
        # A manifest of an earlier version does not have the frame numbers that the log may have had.
        self._may_lack_numbers = Loss.NOT_COUNTED.value in entry.losses and entry.events is not None
        self._moved: int | None = None
        self.start_ns: int | None = None

    def event(self, number: int, event: EventMessage) -> None:
        """Check an event, which is number `number` on its topic."""

        def fault(rule: str, text: str) -> None:
            self._findings.fault(rule, f"event {number}: {text}", topic=self._events_topic)

        if event.stream_id != self._stream_id:
            fault(
                "the stream of the events",
                f"stream {quoted(event.stream_id)} instead of {quoted(self._stream_id)}",
            )
        if event.kind not in (STARTED, ENDED, ACKNOWLEDGED) or event.has_error:
            fault(
                "the kinds of the events",
                f"kind {event.kind} or its error fields are not those of a recording",
            )
        if event.kind == ENDED:
            if event.prompt:
                fault("the prompts of the events", f"an end has the prompt {quoted(event.prompt)}")
            return
        at, self._seen = self._seen, self._seen + 1
        if at >= len(self._prompts):
            return  # `finish` reports the number
        prompt = self._prompts[at]
        if event.prompt != prompt.text:
            fault(
                "the prompts of the events",
                f"the prompt is {quoted(event.prompt)}, but the manifest has {quoted(prompt.text)}",
            )
        start_ns = event.stamp_ns - prompt.time_ns
        if self.start_ns is None:
            self.start_ns = start_ns
        elif start_ns != self.start_ns:
            fault(
                _TIME,
                f"the prompt is at {event.stamp_ns - self.start_ns} ns of the stream, "
                f"but the manifest has {prompt.time_ns} ns",
            )

    def frame(self, frame: int, labels: FrameInfoMessage) -> None:
        """Check the prompt of a frame, whose earlier events have been received.

        Args:
            frame: Number of the frame in the bag.
            labels: Its labels.
        """
        prompt = labels.prompt
        following = self._current + 1
        while following < len(self._prompts) and self._applies(following, labels):
            self._current, following = following, following + 1
        expected = self._prompts[self._current].text if self._prompts else ""
        if prompt == expected:
            self._moved = None
            return
        if self._may_lack_numbers:
            texts = [one.text for one in self._prompts]
            first = self._current if self._moved is None else self._moved
            near = (at for at in (first, first + 1, self._current - 1) if 0 <= at < len(texts))
            moved = next((at for at in near if texts[at] == prompt), None)
            if moved is not None:
                if self._moved is None:
                    self._findings.note(
                        f"frame {frame} has the prompt {quoted(prompt)}, but the times say "
                        f"{quoted(expected)}: the events log may have given the number of the frame, which "
                        "this manifest does not have"
                    )
                self._moved = moved
                return
        self._findings.fault(
            "the prompts of the frames",
            f"the prompt is {quoted(prompt)}, but {quoted(expected)} is in force",
            topic=self._labels_topic,
            frame=frame,
        )

    def finish(self) -> None:
        """Compare the numbers of prompts."""
        if self._seen != len(self._prompts):
            self._findings.fault(
                "the number of prompts",
                f"{self._seen} prompts, but the manifest has {len(self._prompts)}",
                topic=self._events_topic,
            )

    def _applies(self, at: int, labels: FrameInfoMessage) -> bool:
        prompt = self._prompts[at]
        if prompt.frame_index is not None:
            return labels.frame_index >= prompt.frame_index
        return self.start_ns is not None and labels.stamp_ns - self.start_ns >= prompt.time_ns


def check_script(entry: ManifestEntry, prompts: Sequence[Prompt], findings: Findings) -> None:
    """Compare the prompts of a manifest with the script in its provenance, if there is one.

    The script has the prompts as they were sent, the manifest as they were applied: the service may rewrite a
    prompt unless the script bypasses that. Without an events log the prompts are those of the script.
    """
    sent = _sent_prompts(entry.provenance.get("script"))
    if sent is None or (not prompts and Loss.MISSING_PROMPTS.value in entry.losses):
        return
    from_script = entry.events is None or Loss.SCRIPT_PROMPTS.value in entry.losses
    uncertain = entry.losses.keys() & _LOG_LOSSES or (entry.events or {}).get("ignored")

    def differs(rule: str, text: str) -> None:
        if uncertain:
            findings.note(f"{text}; the losses of the events log may explain that")
        else:
            findings.fault(rule, text)

    if len(sent) != len(prompts):
        differs(
            "the prompts of the script",
            f"the manifest has {len(prompts)} prompts, but the script has {len(sent)}",
        )
        return
    verbatim = from_script or entry.provenance.get("bypass_prompt_expansion") is True
    tolerance_ns = 0 if from_script else TIME_TOLERANCE_NS
    for at, (asked, prompt) in enumerate(zip(sent, prompts, strict=True)):
        if verbatim and asked.text != prompt.text:
            differs(
                "the prompts of the script",
                f"prompt {at} is {quoted(prompt.text)}, but the script has {quoted(asked.text)}",
            )
        if prompt.sent is not None and asked.text != prompt.sent:
            differs(
                "the prompts of the script",
                f"prompt {at} was sent as {quoted(prompt.sent)}, but the script has {quoted(asked.text)}",
            )
        if abs(asked.time_ns - prompt.time_ns) > tolerance_ns:
            differs(
                _TIME,
                f"prompt {at} is at {prompt.time_ns} ns, but the script has it at {asked.time_ns} ns",
            )


def _sent_prompts(script: object) -> list[Prompt] | None:
    """Return the prompts of a script; None if it is no script."""
    if not isinstance(script, list):
        return None
    prompts: list[Prompt] = []
    for step in script:
        if not isinstance(step, Mapping):
            return None
        action = step.get("start", step.get("interact"))
        time_ms = step.get("timestamp_ms")
        if isinstance(action, Mapping) and isinstance(time_ms, (int, float)):
            text = clean_text(str(action.get("prompt") or ""), is_prompt=True)
            prompts.append(Prompt(round(time_ms * 1_000_000), text))
    return prompts
