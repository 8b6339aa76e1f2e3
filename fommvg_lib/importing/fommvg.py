"""Published FOMMVG checkpoints: video prediction (VP) and frame interpolation (FI) in their legacy forms.

The files hold an `argparse.Namespace` whose sizes were never used by the training that wrote it: all sizes
are read from the tensors. A VP model makes coefficients of principal components that lie in another file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fommvg_lib.files import InputError
from fommvg_lib.importing.translation import ImportOptions, Translation, left_behind
from fommvg_lib.motion_generator.frame_interpolation import FrameInterpolation
from fommvg_lib.motion_generator.video_prediction import VideoPrediction, translate_published
from fommvg_lib.pca import ResidualPCA
from fommvg_lib.published_files import Checkpoint, read_components
from fommvg_lib.published_files.layout import fit_layout

VP_PARTS = ("ench", "encc", "frnn", "pred")
FI_PARTS = ("E", "frnn", "brnn", "pred")
CRITICS = ("D", "H")
MAX_SIZE = 4096
"""Largest size that is believed before a model is built of it; published ones go to 400."""
KEPT_OPTIONS = ("dataset", "max_seq_len", "weight_lm", "weight_recons", "nepochs", "seed")
"""Fields of the Namespace that say how a model was trained and name no place on a machine."""


def translate_vp(published: Checkpoint, options: ImportOptions) -> Translation:
    """Translate a VP checkpoint; with `legacy_swap` its encoders trade places.

    Raises:
        InputError: if parts, components or sizes do not fit together.
    """
    state = _parts(published, VP_PARTS)
    noise = _sizes(published, state, "frnn.weight_ih")[1]
    hidden = _sizes(published, state, "frnn.weight_hh")[1]
    count = _sizes(published, state, "pred.layers.0.weight")[0]
    num_dims = _sizes(published, state, "ench.layers.0.weight")[1]
    components, stdev = _components(options.components, published.path, count, num_dims)
    network = translate_published(state, swap_encoders=options.legacy_swap)
    network |= {"components": components, "stdev": stdev}
    model = VideoPrediction(num_dims, _num_kp(published, num_dims), "legacy", noise, hidden, count)
    notes = [] if options.legacy_swap else [_SWAP_NOTE]
    return _translation(published, model, network, VP_PARTS, {"swapped_encoders": options.legacy_swap}, notes)


def translate_fi(published: Checkpoint, options: ImportOptions) -> Translation:
    """Translate an FI checkpoint.

    Raises:
        InputError: if parts or sizes do not fit together.
    """
    state = _parts(published, FI_PARTS)
    noise = _sizes(published, state, "frnn.weight_ih")[1]
    hidden = _sizes(published, state, "frnn.weight_hh")[1]
    num_dims = _sizes(published, state, "E.layers.0.weight")[1]
    model = FrameInterpolation(num_dims, _num_kp(published, num_dims), "legacy", noise, hidden)
    return _translation(published, model, translate_published(state), FI_PARTS, {}, [])


_SWAP_NOTE = (
    "the published program exchanges the encoders ench and encc whenever it loads a file; --legacy-swap "
    "reproduces what it shows"
)


def _parts(published: Checkpoint, names: tuple[str, ...]) -> dict[str, Tensor]:
    return {f"{part}.{key}": tensor for part in names for key, tensor in published.part(part).items()}


def _sizes(published: Checkpoint, state: dict[str, Tensor], name: str) -> tuple[int, int]:
    if name not in state or state[name].ndim != 2:
        raise InputError(f"{published.path}: has no matrix {name}, so it is no file of this kind")
    if not all(1 <= size <= MAX_SIZE for size in state[name].shape):
        shape = tuple(state[name].shape)
        raise InputError(f"{published.path}: has a matrix {name} of shape {shape}, sizes go to {MAX_SIZE}")
    return tuple(state[name].shape)


def _num_kp(published: Checkpoint, num_dims: int) -> int:
    if num_dims % 2:
        raise InputError(f"{published.path}: works on {num_dims} numbers a frame, which are no pairs x, y")
    return num_dims // 2


def _translation(
    published: Checkpoint,
    model: VideoPrediction | FrameInterpolation,
    network: dict[str, Tensor],
    parts: tuple[str, ...],
    info: dict[str, Any],
    notes: list[str],
) -> Translation:
    given = {f"network.{name}": tensor for name, tensor in network.items()}
    try:
        state = fit_layout(given, model.state_dict())
    except ValueError as error:
        raise InputError(f"{published.path}: its parts do not fit together: {error}") from error
    optimizers = [f"{part}_opt" for part in (*parts, *CRITICS)]
    notes = notes + left_behind(published, (*parts, *CRITICS, *optimizers, "epoch", "opt"))
    said = published.options("opt")
    trained = {name: said[name] for name in KEPT_OPTIONS if name in said and len(str(said[name])) <= 40}
    return Translation(model.kind, model.sizes, state, {**info, "published_options": trained}, notes)


def _components(path: Path | None, asked_by: Path, count: int, num_dims: int) -> tuple[Tensor, Tensor]:
    if path is None:
        raise InputError(
            f"{asked_by}: makes coefficients of principal components that lie in a file of their own: give "
            "it with --pca (published as pca_states/RAV_KPS_PCA_30.npy)"
        )
    if Path(path).suffix == ".npy":
        arrays = read_components(path)
        components, stdev = arrays["comp"], arrays["stdev"]
    else:
        fitted = ResidualPCA.load(path)
        components, stdev = fitted.components, fitted.stdev
    if components.shape != (count, num_dims):
        wanted = (count, num_dims)
        raise InputError(f"{path}: has components {components.shape}, {asked_by.name} needs {wanted}")
    return torch.from_numpy(components).float(), torch.from_numpy(stdev).float()
