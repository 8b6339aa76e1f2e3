"""Published TPSMM checkpoints: detector, dense motion, inpainting; background and AVD where they are there.

A file saved before the background predictor began to train has none; one saved before AVD training no AVD
network: the weights folder then says so, and the model is built without.
"""

from __future__ import annotations

from torch import Tensor

from fommvg_lib.config.presets import load_config
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.importing.translation import ImportOptions, Translation, left_behind
from fommvg_lib.published_files import Checkpoint
from fommvg_lib.published_files.layout import fit_layout

PARTS = ("kp_detector", "dense_motion_network", "inpainting_network")
WITHOUT = {
    "bg_predictor": "the background is taken to stand still",
    "avd_network": "animate --mode avd does not work with it",
}
"""Parts that a file may lack, and what follows."""
MAX_BOTTLENECK = 4096
"""Largest AVD bottleneck that is believed before a network is built of it; published: 128."""
OPTIMIZERS = ("optimizer", "optimizer_bg_predictor", "optimizer_avd")


def translate_tpsmm(published: Checkpoint, options: ImportOptions) -> Translation:
    """Translate a TPSMM checkpoint; names stay, they are our modules' own.

    Raises:
        InputError: if a part is missing, or names or shapes are not those of the config.
    """
    name = options.config or "vox-256"
    published_config = load_config(name, "tpsmm")
    config, size = published_config.model, published_config.size
    there = [part for part in WITHOUT if part in published.entries]
    given = {
        f"{part}.{key}": tensor for part in (*PARTS, *there) for key, tensor in published.part(part).items()
    }
    try:
        avd = _avd_sizes(given) if "avd_network" in there else None
        config = config.replace(estimate_background="bg_predictor" in there, avd=avd)
        state = fit_layout(given, Tpsmm(config, size).state_dict())
    except ValueError as error:
        raise InputError(
            f"{published.path}: does not fit {name} (--config names another): {error}"
        ) from error
    notes = [f"the file has no {part}, so {what}" for part, what in WITHOUT.items() if part not in there]
    notes += left_behind(published, (*PARTS, *WITHOUT, *OPTIMIZERS, "epoch"))
    return Translation("tpsmm", config.to_dict(), state, {"size": size}, notes)


def _avd_sizes(given: dict[str, Tensor]) -> AvdNetworkConfig:
    """Read the bottlenecks from the encoders' last layers; raises ValueError for none or absurd ones."""
    widths = []
    for encoder in ("id_encoder", "pose_encoder"):
        start = f"avd_network.{encoder}."
        biases = [name.removeprefix(start).removesuffix(".bias") for name in given if name.startswith(start)]
        layers = [int(number) for number in biases if number.isdigit()]
        if not layers:
            raise ValueError(f"its avd_network has no {encoder}")
        widths.append(given[f"{start}{max(layers)}.bias"].numel())
        if widths[-1] > MAX_BOTTLENECK:
            raise ValueError(f"its {encoder} ends in {widths[-1]} numbers, more than {MAX_BOTTLENECK}")
    return AvdNetworkConfig(*widths)
