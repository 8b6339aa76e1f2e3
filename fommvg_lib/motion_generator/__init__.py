"""Motion generators: tiny networks (and a straight line) that complete motion sequences; one interface."""

from __future__ import annotations

from pathlib import Path

import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.motion_generator.autoregressive import Autoregressive
from fommvg_lib.motion_generator.copy_first_frame import CopyFirstFrame
from fommvg_lib.motion_generator.flow import MotionFlow
from fommvg_lib.motion_generator.frame_interpolation import FrameInterpolation
from fommvg_lib.motion_generator.interface import MotionGenerator
from fommvg_lib.motion_generator.linear import LinearMotion
from fommvg_lib.motion_generator.video_prediction import VideoPrediction
from fommvg_lib.motion_generator.wgan import Wgan

TRAINED = {
    "vp": VideoPrediction,
    "fi": FrameInterpolation,
    "flow": MotionFlow,
    "wgan": Wgan,
    "ar": Autoregressive,
}
UNTRAINED = {
    "linear": LinearMotion,
    "copy-first-frame": CopyFirstFrame,
}


def load_motion_generator(
    name_or_folder: str | Path,
    device: torch.device | str = "cpu",
    num_dims: int | None = None,
    num_kp: int | None = None,
) -> MotionGenerator:
    """Give a motion generator by name, if it needs no training, or from its weights folder.

    Args:
        name_or_folder: "linear", "copy-first-frame", or a weights folder.
        device: where its networks live.
        num_dims: D of the motion it is for; needed by name, checked for a folder.
        num_kp: K of the motion it is for; needed by name, checked for a folder.

    Raises:
        InputError: if the folder holds no weights, of something else, or for motion of another layout.
        ValueError: if a name is given without sizes.
    """
    if str(name_or_folder) in UNTRAINED:
        if num_dims is None or num_kp is None:
            raise ValueError(f"the motion generator {name_or_folder} needs num_dims and num_kp")
        return UNTRAINED[str(name_or_folder)](num_dims, num_kp)
    weights = load_weights(name_or_folder)
    if weights.kind not in TRAINED:
        kinds = ", ".join(TRAINED)
        raise InputError(
            f"{name_or_folder}: holds {weights.kind} weights, a motion generator is one of {kinds}"
        )
    model = TRAINED[weights.kind].from_weights(weights).to(device)
    if (num_dims or model.num_dims, num_kp or model.num_kp) != (model.num_dims, model.num_kp):
        raise InputError(
            f"{name_or_folder}: is for {model.num_dims} numbers and {model.num_kp} keypoints a frame, "
            f"not {num_dims} and {num_kp}"
        )
    return model


def check_matches(
    motion_generator: MotionGenerator, frame_generator_hash: str, allow_mismatch: bool = False
) -> None:
    """Refuse a motion generator that learned another frame generator's motion.

    Raises:
        InputError: naming both, unless `allow_mismatch`.
    """
    learned = motion_generator.frame_generator_hash
    if learned is not None and learned != frame_generator_hash and not allow_mismatch:
        raise InputError(
            f"the {motion_generator.kind} weights learned the motion of frame generator {learned[:12]}, "
            f"this one is {frame_generator_hash[:12]} (--allow-mismatch overrides)"
        )
