"""Published FRGAN checkpoints: the forecasting generator; its critic and optimisers are left behind.

The file says nothing of its sizes: they are read off its tensors. Its structure are normal maps of a 3-D
morphable model, which users bring as files (`pixel_baseline.structure.stored`).
"""

from __future__ import annotations

from math import isqrt

import torch
from torch import Tensor

from fommvg_lib.config.frgan import ForecastConfig, StructureConfig
from fommvg_lib.files import InputError
from fommvg_lib.importing.translation import ImportOptions, Translation, left_behind
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from fommvg_lib.published_files import Checkpoint
from fommvg_lib.published_files.layout import fit_layout

PART = "gen_state_dict"
EXPECTED = (PART, "dis_state_dict", "gen_optim", "dis_optim", "epoch")
MAX_WIDTH, MAX_SIZE = 4096, 1024
"""Largest sizes that are believed before a network is built of them; published: 512 and 128."""


def translate_frgan(published: Checkpoint, options: ImportOptions) -> Translation:
    """Translate the forecasting generator; names stay, they are our modules' own.

    Raises:
        InputError: if the part is missing, or names or shapes belong to no such network.
    """
    given = published.part(PART)
    try:
        sizes = read_sizes(given)
        with torch.device("meta"):
            wanted = Frgan(**sizes).generator.state_dict()
        state = fit_layout(given, {name: torch.zeros_like(t, device="cpu") for name, t in wanted.items()})
    except (ValueError, KeyError) as error:
        reason = f"has no {error.args[0]}" if isinstance(error, KeyError) else error
        raise InputError(f"{published.path}: does not fit FRGAN's forecasting network: {reason}") from error
    notes = ["its structure maps are to be brought as files, as structure.kind=precomputed reads them"]
    notes += left_behind(published, EXPECTED)
    info = {"size": sizes["size"], "fps": None, "frame_generator_hash": None}
    return Translation("frgan", sizes, {f"generator.{name}": t for name, t in state.items()}, info, notes)


def read_sizes(state: dict[str, Tensor]) -> dict:
    """Read the arguments of `Frgan` off a generator's tensors.

    Raises:
        KeyError: for a tensor that is missing.
        ValueError: for sizes that belong to no such network.
    """
    first, last = state["img_encoder.conv.weight"], state["img_encoder.fc_z.weight"]
    blocks = {name.split(".")[2] for name in state if name.startswith("img_encoder.res_blocks.")}
    if not blocks or first.ndim != 4 or last.ndim != 2 or state["norm_encoder.conv.weight"].ndim != 4:
        raise ValueError("its encoders have other layers")
    widest = state[f"img_encoder.res_blocks.{len(blocks) - 1}.conv1.weight"].shape[0]
    smallest = isqrt(last.shape[1] // max(widest, 1))
    size = smallest * 2 ** min(len(blocks), 16)
    if max(widest, last.shape[0]) > MAX_WIDTH or not 16 <= size <= MAX_SIZE:
        raise ValueError(f"widths of {widest} at {size} pixels are no published sizes")
    config = ForecastConfig(last.shape[0], first.shape[0], widest)
    if config.num_levels(size) != len(blocks):
        raise ValueError(f"{len(blocks)} halvings do not go with {size} pixels")
    return {
        "size": size, "num_channels": first.shape[1],
        "structure": StructureConfig(kind="precomputed").to_dict(),
        "structure_channels": state["norm_encoder.conv.weight"].shape[1], "num_points": None,
        "forecast": config.to_dict(),
    }  # fmt: skip
