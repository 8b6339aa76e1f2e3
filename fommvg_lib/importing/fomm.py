"""Published FOMM checkpoints: generator and keypoint detector; all else in the file only trains."""

from __future__ import annotations

from fommvg_lib.config.presets import load_config
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.importing.translation import ImportOptions, Translation, left_behind
from fommvg_lib.published_files import Checkpoint
from fommvg_lib.published_files.layout import fit_layout

PARTS = ("generator", "kp_detector")
OPTIMIZERS = ("optimizer_generator", "optimizer_discriminator", "optimizer_kp_detector")
USUAL_CONFIG = "vox-256"
"""Its networks are those of all published configs but mgif-256 and kth-128."""


def translate_fomm(published: Checkpoint, options: ImportOptions) -> Translation:
    """Translate a FOMM checkpoint; names stay, they are our modules' own.

    Raises:
        InputError: if a part is missing, or names or shapes are not those of the config.
    """
    name = options.config or USUAL_CONFIG
    config = load_config(name)
    wanted = Fomm(config.model, config.size).state_dict()
    given = {f"{part}.{key}": tensor for part in PARTS for key, tensor in published.part(part).items()}
    try:
        state = fit_layout(given, wanted)
    except ValueError as error:
        text = f"{published.path}: does not fit {name} (--config names another): {error}"
        raise InputError(text) from error
    notes = left_behind(published, (*PARTS, *OPTIMIZERS, "discriminator", "epoch"))
    return Translation("fomm", config.model.to_dict(), state, {"size": config.size}, notes)
