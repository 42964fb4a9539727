"""The thresholds of the findings, all in one place. docs/report.md explains them; the report repeats them."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds.

    Levels and changes are those of 8-bit luma and chroma, 0 to 255; shares are from 0 to 1; times are in
    seconds. `usual` means: of the frames up to `window_s` before and after.

    Attributes:
        window_s: Half of the time with which a frame is compared.
        moved_level: A pixel has moved if its luma differs from the frame before by more.
        still_share: A picture is still if no larger share of its pixels has moved.
        still_ratio: At least three pictures are also still if the share that has moved is at most this part
            of the usual one (the median), ...
        still_max_share: ... at most this, ...
        abrupt_ratio: ... and the share before and after is at least this part of the usual one.
        brief_ratio: One or two pictures need at most this part of the usual share instead of `still_ratio`.
        frozen_s: Shortest time of still pictures that is a freeze.
        fast_motion: If a smaller share moves usually, still pictures may be a pause of a slow motion, ...
        jump_ratio: ... unless the share that moves in the next picture is this factor of the usual one.
        slow_runs: If pictures are still at so many other places, the motion is slow, too, ...
        slow_frozen_s: ... and a freeze is at least as long as this, ...
        frozen_ratio: ... and than the median time of the other still pictures by this factor; or by twice
            this factor, however short.
        repeated_motion: A still picture is repeated if at least this share moves usually, ...
        repeated_max_share: ... and at most this share of the frames around is repeated, too (for a single
            picture: none, and `fast_motion` is usual), ...
        catch_up_ratio: ... and time went on meanwhile: the next picture differs by at least this part of the
            usual difference of frames so far apart, ...
        catch_up_rank: ... and by more above the usual than this share of the frames around. Two or
            more pictures need no such signs if no other picture is repeated and `fast_motion` is usual.
        replayed_ratio: At least three pictures are replayed if they differ from those shown before by at
            most this part of their change from frame to frame.
        noise_level: Smaller differences of luma do not count where pictures are compared with earlier ones.
        stale_ratio: A picture is also torn if its upper or lower part differs from an earlier picture by at
            most this part of its difference from the pictures before and after, ...
        stale_change: ... which is at least this, in the mean of the whole picture, ...
        stale_max_share: ... and at most this share of the frames around looks nearly so, ...
        stale_jump: ... and the part changes by at least this factor of its usual change (the 90th
            percentile), ...
        aimless_ratio: ... or moves as rain does: pictures twice as far apart differ by at most this factor.
        black_level: A pixel is black if its luma is not higher.
        black_share: A picture is black if no larger share of its pixels is not black.
        torn_level: A region of about 96 x 96 pixels is torn if it differs from the pictures before and after
            by more than these differ from each other, and by more than this.
        torn_share: A picture is torn if at least this share of its regions is, ...
        torn_change: ... one of them by at least this, ...
        torn_ratio: ... and both are at least this factor of the usual values (the 90th percentiles).
        widely_torn_share: A picture is also torn if this share of its regions is, and twice `torn_ratio` of
            the usual share.
        gap_periods: Frames are missing if the time to the next one is longer than so many frame periods.
        cut_change: The scene changes at once if a coarse picture changes by at least this in the mean, ...
        cut_ratio: ... and by at least this factor of the usual change (the 90th percentile).
        effect_s: Time within which a prompt must have changed the picture.
        drift_ratio: A slow change within that time is an effect if it is larger than `cut_change` plus this
            factor of the change within the same time before the prompt.
        early_s: A change may be visible so long before the logged time of its prompt.
    """

    window_s: float = 1.5
    moved_level: int = 4
    still_share: float = 0.0003
    still_ratio: float = 0.3
    abrupt_ratio: float = 0.6
    brief_ratio: float = 0.08
    still_max_share: float = 0.02
    frozen_s: float = 0.3
    frozen_ratio: float = 4.0
    fast_motion: float = 0.02
    jump_ratio: float = 1.2
    slow_runs: int = 5
    slow_frozen_s: float = 0.75
    repeated_motion: float = 0.001
    repeated_max_share: float = 0.03
    catch_up_ratio: float = 0.5
    catch_up_rank: float = 0.93
    replayed_ratio: float = 0.4
    noise_level: int = 2
    stale_ratio: float = 0.3
    stale_change: float = 0.1
    stale_max_share: float = 0.05
    stale_jump: float = 1.5
    aimless_ratio: float = 1.3
    black_level: int = 24
    black_share: float = 0.01
    torn_level: float = 2.0
    torn_share: float = 0.04
    torn_change: float = 5.0
    torn_ratio: float = 2.0
    widely_torn_share: float = 0.1
    gap_periods: float = 1.5
    cut_change: float = 1.5
    cut_ratio: float = 2.0
    effect_s: float = 2.0
    drift_ratio: float = 1.5
    early_s: float = 0.25

    def to_json(self) -> dict[str, float]:
        """Return the thresholds for the report, by name."""
        return {name: float(value) for name, value in asdict(self).items()}


THRESHOLDS = Thresholds()
"""The thresholds in use."""
