"""The published configs by name, of the FOMM, the TPSMM and its AVD network.

A row holds what differs from the defaults of `FommConfig` (common values of all published configs),
`TpsmmConfig` and `AvdConfig` (those of vox-256). Names repeat among the families: the kind decides. Where
frames lie is not part of a preset: the command line's `--data` says it. The FOMM samples with
`align_corners=True`, the convention for which the method was made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fommvg_lib.config.avd import AvdConfig
from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.config.published_yaml import fomm_config_from_yaml
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.config.tpsmm_yaml import avd_config_from_yaml, tpsmm_config_from_yaml
from fommvg_lib.files import InputError

__all__ = [
    "AVD_PRESETS",
    "PRESETS",
    "TPSMM_PRESETS",
    "avd_config_from_yaml",
    "fomm_config_from_yaml",
    "load_config",
    "tpsmm_config_from_yaml",
]

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

_TPSMM_MGIF = {"resize_ratio": (0.9, 1.1), "crop_size": 256, "hue": 0.5}

_TPSMM_ROWS: dict[str, dict[str, Any]] = {
    # faces, VoxCeleb
    "vox-256": {},
    # whole bodies, TaiChi: strong TPS dropout, the camera from the start
    "taichi-256": {
        "data": _data(150, _JITTER, id_sampling=True),
        "dropout_start": 0.0,
        "dropout_max": 0.7,
        "background_start": 0,
    },
    # upper bodies of speakers, TED talks
    "ted-384": {
        "size": 384,
        "data": _data(150, _JITTER, id_sampling=True),
        "batch_size": 12,
        "dropout_start": 0.0,
        "dropout_max": 0.5,
        "background_start": 0,
    },
    # cartoon animals on plain ground
    "mgif-256": {
        "data": _data(50, _TPSMM_MGIF),
        "model.estimate_background": False,
        "dropout_start": 0.2,
        "dropout_max": 0.5,
        "background_start": 0,
    },
}

TPSMM_PRESETS: dict[str, TpsmmConfig] = {
    name: TpsmmConfig().replace(**row) for name, row in _TPSMM_ROWS.items()
}


def _avd(repeats: int, epochs: int, milestones: tuple[int, ...], checkpoint_epochs: int) -> dict[str, Any]:
    return {
        "data.num_repeats": repeats,
        "num_epochs": epochs,
        "epoch_milestones": milestones,
        "checkpoint_epochs": checkpoint_epochs,
    }


_AVD_ROWS = {
    "vox-256": _avd(300, 200, (140, 180), 50),
    "taichi-256": _avd(150, 100, (70, 90), 10),
    "ted-384": _avd(500, 30, (20, 25), 10),
    "mgif-256": _avd(50, 100, (70, 90), 10),
}

AVD_PRESETS: dict[str, AvdConfig] = {
    name: AvdConfig(data=TPSMM_PRESETS[name].data).replace(**row) for name, row in _AVD_ROWS.items()
}

_KINDS = {
    "fomm": (PRESETS, fomm_config_from_yaml),
    "tpsmm": (TPSMM_PRESETS, tpsmm_config_from_yaml),
    "avd": (AVD_PRESETS, avd_config_from_yaml),
}


def load_config(name_or_path: str | Path, kind: str = "fomm") -> Config:
    """Give a preset by name, or read a YAML file of the published schema.

    Args:
        name_or_path: a preset's name, or the file.
        kind: "fomm", "tpsmm" or "avd"; decides what is built of it.

    Raises:
        InputError: if there is no such preset or file, or the kind has neither.
    """
    if kind not in _KINDS:
        raise InputError(
            f"{name_or_path}: presets and YAML files are for {', '.join(_KINDS)}, not for {kind}"
        )
    presets, read = _KINDS[kind]
    if str(name_or_path) in presets:
        return presets[str(name_or_path)]
    if not Path(name_or_path).is_file():
        raise InputError(f"{name_or_path}: neither a preset of {kind} ({', '.join(presets)}) nor a YAML file")
    return read(name_or_path)
