"""Sizes of the course's data: what notebook 01 writes and those after it use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fommvg_lib.config.base import Config


@dataclass(frozen=True)
class CourseConfig(Config):
    """The synthetic clips of the course, and how much of them is looked at.

    Profile `smoke` takes seconds; `colab` and `full` write larger frames of many people.
    """

    num_train: int = 16
    """People to learn from, one clip of each."""
    num_test: int = 8
    """Other people, held out for figures and pictures, one clip of each."""
    num_frames: int = 64
    """Frames of each clip, at 25 frames/s."""
    size: int = 64
    """Frame side in pixels, 32 to 256."""
    seed: int = 0
    """Seed of the clips; another one gives other people."""
    num_components: int = 10
    """Principal components of residual motion (notebook 03)."""
    num_samples: int = 5
    """Samples of which the best counts, where motion is invented (notebooks 04, 05, 08)."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {
        "smoke": {},
        "shipped": {"num_train": 64, "num_test": 16, "num_frames": 128},
        "colab": {"num_train": 200, "num_test": 24, "num_frames": 128, "size": 256, "num_components": 30},
        "full": {"num_train": 800, "num_test": 100, "num_frames": 256, "size": 256, "num_components": 30},
    }

    def __post_init__(self) -> None:
        """Refuse data that later steps cannot use."""
        for name, least in (
            ("num_train", 2), ("num_test", 2), ("num_frames", 34),
            ("size", 32), ("num_components", 2), ("num_samples", 1),
        ):  # fmt: skip
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
