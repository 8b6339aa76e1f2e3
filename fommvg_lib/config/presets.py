"""The published FOMM configs by name.

A row holds what differs from the common values of all published configs, which are the defaults of
`FommConfig`. Where frames lie is not part of a preset: the command line's `--data` says it. Sampling is with
`align_corners=True`, the convention for which the method was made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.config.published_yaml import fomm_config_from_yaml
from fommvg_lib.files import InputError

__all__ = ["PRESETS", "fomm_config_from_yaml", "load_config"]

_FLIPS = {"time_flip": True, "horizontal_flip": True, "independent_flips": False}
_JITTER = {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}


def _data(repeats: int, augmentation: dict[str, Any], **fields: Any) -> FrameDataConfig:
    augmented = AugmentationConfig(**{**_FLIPS, **augmentation})
    return FrameDataConfig(num_repeats=repeats, augmentation=augmented, **fields)


_VOX = _data(75, _JITTER, id_sampling=True, pairs_list="data/vox256.csv")
_TAICHI = _data(150, _JITTER, id_sampling=True, pairs_list="data/taichi256.csv")
_ADVERSARIAL = {"loss_weights.generator_gan": 1.0}
_WITH_KP = {**_ADVERSARIAL, "discriminator.use_kp": True, "num_epochs": 150, "epoch_milestones": ()}
_SPECTRAL = {"discriminator.spectral_norm": True}

_ROWS: dict[str, dict[str, Any]] = {
    # faces, VoxCeleb; the adv config fine-tunes the plain one with a discriminator that sees keypoints
    "vox-256": {"data": _VOX, "batch_size": 40, **_SPECTRAL},
    "vox-adv-256": {"data": _VOX, "batch_size": 36, **_WITH_KP},
    # whole bodies, TaiChi; the adv config keeps the detector frozen
    "taichi-256": {"data": _TAICHI, "batch_size": 30},
    "taichi-adv-256": {"data": _TAICHI, "batch_size": 27, **_WITH_KP, "lr_kp_detector": 0.0},
    # clothes on models
    "fashion-256": {"data": _data(50, {"hue": 0.1}), "batch_size": 27, **_ADVERSARIAL},
    # cartoon animals, few and unlike: strong augmentation, one Jacobian map
    "mgif-256": {
        "data": _data(25, {"resize_ratio": (0.9, 1.1), "crop_size": 256, "hue": 0.5}),
        "model.single_jacobian_map": True,
        "batch_size": 36,
        "checkpoint_epochs": 100,
        **_ADVERSARIAL,
        **_SPECTRAL,
    },
    # robot arms
    "bair-256": {
        "data": _data(1, _JITTER),
        "num_epochs": 20,
        "epoch_milestones": (12, 18),
        "batch_size": 36,
        "checkpoint_epochs": 10,
        **_ADVERSARIAL,
        **_SPECTRAL,
    },
    # faces, UvA-Nemo smiles
    "nemo-256": {"data": _data(8, {}), "batch_size": 36, **_ADVERSARIAL, **_SPECTRAL},
    # grey walking figures, 128 pixels: detector and dense motion at half size
    "kth-128": {
        "data": _data(30, _JITTER),
        "size": 128,
        "model.num_channels": 1,
        "model.detector_scale": 0.5,
        "model.dense_motion_scale": 0.5,
        "batch_size": 50,
        "checkpoint_epochs": 3,
    },
}

PRESETS: dict[str, FommConfig] = {name: FommConfig().replace(**row) for name, row in _ROWS.items()}


def load_config(name_or_path: str | Path) -> FommConfig:
    """Give a preset by name, or read a YAML file of the published schema.

    Raises:
        InputError: if it is neither.
    """
    if str(name_or_path) in PRESETS:
        return PRESETS[str(name_or_path)]
    if not Path(name_or_path).is_file():
        raise InputError(f"{name_or_path}: neither a preset ({', '.join(PRESETS)}) nor a YAML file")
    return fomm_config_from_yaml(name_or_path)
