"""Frame generators: frames to motion, source and motion to frames. One interface, see `interface.py`."""

from __future__ import annotations

from pathlib import Path

import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.interface import FrameGenerator, Source
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.precision import rendering_precision

__all__ = ["FrameGenerator", "Source", "load_frame_generator"]

FAMILIES = {"fomm": Fomm, "tpsmm": Tpsmm}


def load_frame_generator(
    folder_or_name: str | Path, device: str | torch.device = "cpu", precision: str = "fp32"
) -> FrameGenerator:
    """Load a frame generator ready for inference.

    Args:
        folder_or_name: a weights folder, or the name of shipped or cached weights.
        device: where it computes.
        precision: "fp32"; "bf16" or "fp16" for convolutions in 16 bits; "auto" for the fastest of them.

    Raises:
        InputError: if there are no such weights, or they are no frame generator's, or the device only
            emulates the precision.
        ValueError: for another precision.
    """
    from fommvg_lib.weights import find_weights

    device = torch.device(device)
    precision = rendering_precision(device, precision)
    weights = load_weights(find_weights(folder_or_name))
    if weights.kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InputError(f"{weights.folder}: holds {weights.kind} weights, no frame generator ({known})")
    model = FAMILIES[weights.kind].from_weights(weights)
    del weights  # its tensors need not stay in memory beside the model and its copy
    return model.to(device).for_inference(autocast=precision)
