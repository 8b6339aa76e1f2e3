"""Options of animation: how a driver's motion is carried over to the source."""

from __future__ import annotations

from dataclasses import dataclass

from fommvg_lib.config.base import Config

MOTION_MODES = ("relative", "absolute", "avd")


@dataclass(frozen=True)
class AnimateOptions(Config):
    """How a driver's motion is carried over to the source."""

    mode: str = "relative"
    """"relative": the driver's change since its reference frame; "absolute": its keypoints themselves; "avd":
    its keypoints in the source's proportions, by the AVD network that TPSMM weights may hold."""
    adapt_scale: bool = True
    """Relative mode: scale displacements by the ratio of the keypoint hulls' sizes. (In mode avd the network
    fits the proportions.)"""
    best_frame: int | str = 0
    """Index of the driver's reference frame, or "auto" for the one closest in pose to the source. In mode avd
    it is the frame about which a gain works."""
    gain: float = 1.0
    """Relative mode: factor on the motion, 1 as published. In mode avd, where 1 is published too, factor on
    the change since the reference frame, which stays where the network puts it (our choice)."""
    smooth: float = 0.0
    """One-Euro smoothing of the driver's keypoints, see `motion.smooth`; 0 for none."""

    def __post_init__(self) -> None:
        """Refuse settings that mean nothing."""
        if self.mode not in MOTION_MODES:
            raise ValueError(f"mode must be one of {', '.join(MOTION_MODES)}, got {self.mode!r}")
        if self.best_frame != "auto" and (not isinstance(self.best_frame, int) or self.best_frame < 0):
            raise ValueError(f"best_frame must be auto or a frame number from 0, got {self.best_frame!r}")
        if not self.gain >= 0:
            raise ValueError(f"gain must be >= 0, got {self.gain}")
        if not self.smooth >= 0:
            raise ValueError(f"smooth must be >= 0, got {self.smooth}")

    @property
    def seeks_best_frame(self) -> bool:
        """Whether the reference frame is to be found, and makes a difference."""
        has_effect = self.mode == "relative" or (self.mode == "avd" and self.gain != 1.0)
        return self.best_frame == "auto" and has_effect

    @property
    def remark(self) -> str | None:
        """Say which settings were changed and do nothing in this mode; None if there are none."""
        if self.mode == "relative":
            return None
        is_idle = {
            "adapt_scale": not self.adapt_scale,
            "gain": self.mode == "absolute" and self.gain != 1.0,
            "best_frame": self.best_frame != 0 and (self.mode == "absolute" or self.gain == 1.0),
        }
        names = [name for name, idle in is_idle.items() if idle]
        where = f"mode {self.mode}" + (" at gain 1" if names == ["best_frame"] and self.mode == "avd" else "")
        return f"{', '.join(names)}: without effect in {where}" if names else None
