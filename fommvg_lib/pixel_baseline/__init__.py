"""Baselines that make pixels, not motion: cross-fade, CVI and FRGAN."""

from __future__ import annotations

from pathlib import Path

import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.cross_fade import CrossFade
from fommvg_lib.pixel_baseline.cvi import Cvi
from fommvg_lib.pixel_baseline.interface import VideoCompleter

UNTRAINED = {"cross-fade": CrossFade}
TRAINED = {"cvi": Cvi}
"""Methods that complete a video from known frames alone, by name; a weights folder is of that kind."""


def load_video_completer(name_or_folder: str | Path, device: torch.device | str = "cpu") -> VideoCompleter:
    """Give a method by name, if it needs no training, or from its weights folder.

    Raises:
        InputError: if the folder holds no weights, or those of something else.
    """
    if str(name_or_folder) in UNTRAINED:
        return UNTRAINED[str(name_or_folder)]()
    weights = load_weights(name_or_folder)
    if weights.kind not in TRAINED:
        kinds = ", ".join(TRAINED)
        raise InputError(f"{name_or_folder}: holds {weights.kind} weights, {kinds} was expected")
    return TRAINED[weights.kind].from_weights(weights).to(device)
