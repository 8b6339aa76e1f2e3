"""FRGAN as a method: moved by another clip, or behind a motion generator that invents the structure.

Both give what motion-space rendering gives, so that the two can be compared on equal terms: `animate_video`
(source, driving clip) and `complete_video` (frames of which some are known). Frames are (T, C, H, W) in
[0, 1].
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.animate import AnimateOptions
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import complete_motion, to_images
from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator.interface import MotionGenerator
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from fommvg_lib.pixel_baseline.interface import check_frames, sample_seed
from fommvg_lib.structure_finding import StructureFinder, carry_points


def load_frgan(folder: str | Path, device: torch.device | str = "cpu") -> Frgan:
    """Load an FRGAN ready for use.

    Raises:
        InputError: if the folder holds no FRGAN weights.
    """
    return Frgan.from_weights(load_weights(folder)).to(device)


def check_keypoints(model: Frgan, frame_generator: FrameGenerator, allow_mismatch: bool = False) -> None:
    """Refuse a frame generator whose keypoints the model did not learn.

    Raises:
        InputError: naming both, unless `allow_mismatch`.
    """
    learned = model.frame_generator_hash
    if learned is not None and learned != frame_generator.weights_hash and not allow_mismatch:
        raise InputError(
            f"the frgan weights learned the keypoints of frame generator {learned[:12]}, this one is "
            f"{frame_generator.weights_hash[:12]} (--allow-mismatch overrides)"
        )


class FrganAnimator:
    """Moves a source by a driving clip: its structure moves as the driver's does.

    Args:
        model: the FRGAN.
        frame_generator: whose keypoints are its structure; kind kp only.
        options: how the driver's points become the source's, see `structure_finding.carry_points`; None:
            relative motion. Mode absolute is that of reconstruction.
    """

    name = "frgan"

    def __init__(
        self,
        model: Frgan,
        frame_generator: FrameGenerator | None = None,
        options: AnimateOptions | None = None,
    ) -> None:
        if frame_generator is not None:
            check_keypoints(model, frame_generator)
        self.model, self.options = model, options or AnimateOptions()
        self.finder = StructureFinder(model.structure, frame_generator)
        self.size = model.size

    def animate_video(self, source: Tensor, driving: Tensor) -> Tensor:
        """Animate.

        Args:
            source: (C, S, S) in [0, 1].
            driving: (T, C, S, S) in [0, 1].

        Returns:
            (T, C, S, S) in [0, 1]; every frame is the model's own, also the first.

        Raises:
            InputError: if structure cannot be found in the frames.
            ValueError: if frames are of another size.
        """
        still = self.finder.find(to_images(source[None]), "source")[0]
        moving = self.finder.find(to_images(driving), "driving")
        return self.animate_points(source, still, moving)

    def animate_points(self, source: Tensor, still: Tensor, moving: Tensor, fps: float = 25.0) -> Tensor:
        """Animate a source (C, S, S) with points (P, 2) by a driver's points (T, P, 2)."""
        kind, generator = self.model.structure.kind, self.finder.frame_generator
        moving = carry_points(still, moving, kind, self.options, generator, fps)
        drawer = self.model.drawer()
        maps = drawer.draw(torch.cat([still[None], moving]), self.size)
        return self.model.render(source, maps[0], maps[1:], begins=False)


class FrganCompleter:
    """Completes video: a motion generator invents the keypoints, FRGAN paints them.

    A stretch between two known frames is painted from both and cross-faded; before the first and after the
    last known frame from that one alone. See `pixel_baseline.interface.VideoCompleter`.

    Args:
        model: an FRGAN of kp structure.
        frame_generator: whose keypoints both have learned.
        motion_generator: invents them.

    Raises:
        InputError: if the three do not belong together.
    """

    def __init__(
        self, model: Frgan, frame_generator: FrameGenerator, motion_generator: MotionGenerator
    ) -> None:
        if model.structure.kind != "kp":
            kind = model.structure.kind
            raise InputError(f"a motion generator makes keypoints; the frgan weights see {kind} structure")
        check_keypoints(model, frame_generator)
        self.model, self.frame_generator, self.motion_generator = model, frame_generator, motion_generator
        self.name = f"frgan-{motion_generator.kind}"
        self.size, self.fps = model.size, motion_generator.fps

    def supports(self, known: Tensor) -> bool:
        """Say whether the motion generator can complete a pattern (T,)."""
        return bool(known.any()) and bool(self.motion_generator.supports(known[None]))

    def complete_video(
        self, frames: Tensor, known: Tensor, num_samples: int, seed: int, clip: str = ""
    ) -> Tensor:
        """Give (S, T, C, H, W) in [0, 1]; see `VideoCompleter.complete_video`."""
        check_frames(frames, known)
        if not self.supports(known):
            raise ValueError(f"{self.name} cannot complete this pattern of known frames")
        places = [int(place) for place in known.nonzero().flatten()]
        motion = self.frame_generator.extract(frames[known].to(self.model.device)).to("cpu")
        given = {place: motion[row : row + 1] for row, place in enumerate(places)}
        made = [
            self._paint(frames, places, self._invent(given, len(known), sample_seed(seed, clip, sample)))
            for sample in range(num_samples)
        ]
        return torch.stack(made)

    def _invent(self, given: dict[int, Motion], total: int, seed: int) -> Tensor:
        return complete_motion(self.motion_generator, given, total, 1, seed)[0].value.float()

    def _paint(self, frames: Tensor, places: list[int], points: Tensor) -> Tensor:
        """Paint points (T, K, 2) from the known frames; known frames are put in as they are."""
        maps = self.model.drawer().draw(points, self.model.size)
        made = torch.empty_like(frames)
        first, last = places[0], places[-1]
        made[: first + 1] = self._from(frames[first], maps[: first + 1].flip(0)).flip(0)
        for before, after in zip(places, places[1:], strict=False):
            part = maps[before : after + 1]
            forward = self._from(frames[before], part)
            backward = self._from(frames[after], part.flip(0)).flip(0)
            weight = torch.linspace(0, 1, len(part))[:, None, None, None]
            made[before : after + 1] = torch.lerp(forward, backward, weight)
        made[last:] = self._from(frames[last], maps[last:])
        made[places] = frames[places]
        return made

    def _from(self, source: Tensor, maps: Tensor) -> Tensor:
        """Paint a stretch (T, C, S, S) that begins with the known frame (C, S, S)."""
        if len(maps) == 1:
            return source[None]
        return self.model.render(source, maps[0], maps)
