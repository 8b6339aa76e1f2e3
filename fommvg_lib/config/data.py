"""How clips become training pairs: sampling and augmentation of frames.

The names are ours; the published YAML keys (`augmentation_params` and its parts) are translated where those
files are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fommvg_lib.config.base import Config


@dataclass(frozen=True)
class AugmentationConfig(Config):
    """One random change per pair, the same for both frames; every amplitude of 0 switches its step off.

    The order is the published one: flips, rotation, resize, crop, colour jitter.
    """

    time_flip: bool = True
    """Exchange source and driving with probability 1/2 (public release, all configs)."""
    horizontal_flip: bool = True
    """Mirror both frames with probability 1/2 (public release, all configs)."""
    independent_flips: bool = True
    """True: the two flips are drawn independently (our choice). False: as published, a pair exchanged in time
    is never mirrored, so a quarter of the pairs is mirrored when both flips are on."""
    rotation_degrees: float = 0.0
    """Largest rotation to either side, in degrees, [0, 180]; edges are repeated (published: off)."""
    resize_ratio: tuple[float, ...] = (1.0, 1.0)
    """Smallest and largest factor of a random resize, nearest neighbour (published mgif-256: .9 to 1.1)."""
    crop_size: int | None = None
    """Side of a random square window in pixels; smaller frames are edge-padded (published mgif-256: 256)."""
    brightness: float = 0.0
    """Jitter a: factor drawn from [max(0, 1 - a), 1 + a] (published: 0.1 in most configs)."""
    contrast: float = 0.0
    """Jitter a around the frame's mean grey, same factor as brightness (published: 0.1 in most configs)."""
    saturation: float = 0.0
    """Jitter a around each pixel's grey, factor as brightness (published: 0.1); no effect on grey frames."""
    hue: float = 0.0
    """Shift drawn from [-h, h] turns of the colour circle, h in [0, 0.5] (published: 0.1; mgif 0.5)."""

    def __post_init__(self) -> None:
        """Refuse amplitudes that mean nothing."""
        for name in ("brightness", "contrast", "saturation", "hue", "rotation_degrees"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"augmentation.{name} must be >= 0, got {getattr(self, name)}")
        if self.hue > 0.5:
            raise ValueError(f"augmentation.hue must be at most 0.5 turns, got {self.hue}")
        if self.rotation_degrees > 180:
            raise ValueError(
                f"augmentation.rotation_degrees must be at most 180, got {self.rotation_degrees}"
            )
        if len(self.resize_ratio) != 2 or not 0 < self.resize_ratio[0] <= self.resize_ratio[1]:
            raise ValueError(
                f"augmentation.resize_ratio must be two rising factors > 0, got {self.resize_ratio}"
            )
        if self.crop_size is not None and self.crop_size < 1:
            raise ValueError(f"augmentation.crop_size must be at least 1 pixel, got {self.crop_size}")
        if self.resize_ratio != (1.0, 1.0) and self.crop_size is None:
            raise ValueError("augmentation.resize_ratio changes the frame size: it needs a crop_size")


@dataclass(frozen=True)
class FrameDataConfig(Config):
    """Which pairs of frames a model sees."""

    id_sampling: bool = False
    """True: an index is an identity (text before '#'), one of its clips is drawn; False: it is a clip."""
    num_repeats: int = 1
    """How often each index occurs in an epoch (published: 1 to 150, see the presets)."""
    pairs_list: str | None = None
    """CSV of test pairs (distance, source, driving, frame) for `animate`; not used in training."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """The random change of each pair."""

    def __post_init__(self) -> None:
        """Refuse an empty epoch."""
        if self.num_repeats < 1:
            raise ValueError(f"data.num_repeats must be at least 1, got {self.num_repeats}")
