"""Reader of the published FOMM config files (YAML), and what it shares with that of the TPSMM.

Every key is either translated, listed as read past, or an error: nothing is ignored silently.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from fommvg_lib.config.base import Config
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.config.fomm import (
    DiscriminatorConfig,
    FommConfig,
    FommLossWeights,
    FommModelConfig,
    HourglassConfig,
    TransformConfig,
)
from fommvg_lib.files import InputError

C = TypeVar("C", bound=Config)
T = TypeVar("T")

MAX_VALUES = 10_000
"""Values in a config; published ones have less than 200."""
READ_PAST = ("reconstruction_params", "animate_params", "visualizer_params")
"""Sections of the published files that say nothing about the model or its training."""
READ_PAST_KEYS = {"dataset_params": ("root_dir",)}
"""Keys likewise: the data's place is given on the command line."""

_TRAIN = {
    "num_epochs": "num_epochs",
    "epoch_milestones": "epoch_milestones",
    "lr_generator": "lr_generator",
    "lr_discriminator": "lr_discriminator",
    "lr_kp_detector": "lr_kp_detector",
    "batch_size": "batch_size",
    "scales": "scales",
    "checkpoint_freq": "checkpoint_epochs",
}
_COMMON_MODEL = ("num_kp", "num_channels", "estimate_jacobian")
_AUGMENTATION = {
    "flip_param": {"horizontal_flip": "horizontal_flip", "time_flip": "time_flip"},
    "jitter_param": {name: name for name in ("brightness", "contrast", "saturation", "hue")},
    "resize_param": {"ratio": "resize_ratio"},
    "crop_param": {"size": "crop_size"},
    "rotation_param": {"degrees": "rotation_degrees"},
}


def fomm_config_from_yaml(path: str | Path) -> FommConfig:
    """Read a config file of the published schema.

    Absent keys take the published defaults; `READ_PAST` and `READ_PAST_KEYS` are skipped.

    Raises:
        InputError: if it cannot be read, holds an unknown key, or its values contradict each other.
    """
    return translate_yaml(path, "FOMM", _translate)


def translate_yaml(path: str | Path, family: str, translate: Callable[[Section], T]) -> T:
    """Read a published file and translate it.

    Args:
        path: the file.
        family: for the message if it is none of that family's.
        translate: takes the whole file as a section; its ValueErrors and TypeErrors are the file's faults.

    Raises:
        InputError: naming the file, if it cannot be read or translated.
    """
    try:
        published = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({str(error).splitlines()[0]})") from error
    if _has_more_values(published, MAX_VALUES):
        raise InputError(f"{path}: holds more than {MAX_VALUES} values, which no published config does")
    if not isinstance(published, dict) or "model_params" not in published:
        raise InputError(f"{path}: is no published {family} config (it has no model_params)")
    try:
        return translate(Section("", published))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}") from error


def _has_more_values(value: Any, limit: int) -> bool:
    """Count values as often as they are named: a few lines of aliases can name billions."""
    left, count = [value], 0
    while left and count <= limit:
        value = left.pop()
        left.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        count += 1
    return count > limit


class Section:
    """A mapping whose keys are taken one by one, so that what is left over is unknown.

    Args:
        name: where it stands in the file, with dots.
        values: the mapping; None is an empty one.
    """

    def __init__(self, name: str, values: Any) -> None:
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise ValueError(f"{name} must be a mapping, got {values!r}")
        self.name, self.values = name, dict(values)

    def take(self, key: str, default: Any = None) -> Any:
        """Take one value."""
        return self.values.pop(key, default)

    def section(self, key: str) -> Section:
        """Take one value that is itself a mapping."""
        return Section(f"{self.name}.{key}".lstrip("."), self.take(key))

    def rename(self, names: dict[str, str]) -> dict[str, Any]:
        """Take the keys that are there, under our names."""
        return {ours: self.take(theirs) for theirs, ours in names.items() if theirs in self.values}

    def finish(self) -> None:
        """Raise a ValueError that names a key which nothing took."""
        if self.values:
            raise ValueError(f"unknown key {'.'.join(filter(None, (self.name, next(iter(self.values)))))}")


def _translate(published: Section) -> FommConfig:
    for name in READ_PAST:
        published.take(name)
    model, discriminator = _model(published.section("model_params"))
    data, size = dataset(published.section("dataset_params"), model.num_channels)
    train = published.section("train_params")
    fields = train.rename(_TRAIN)
    data = data.replace(num_repeats=train.take("num_repeats", 1))
    weights = plain(FommLossWeights, train.section("loss_weights"))
    transform = transform_config(train.section("transform_params"))
    train.finish()
    published.finish()
    parts = {"model": model, "discriminator": discriminator, "loss_weights": weights, "transform": transform}
    return FommConfig().replace(size=size, data=data, **parts, **fields)


def _model(params: Section) -> tuple[FommModelConfig, DiscriminatorConfig]:
    common = params.section("common_params")
    if "num_tps" in common.values:
        raise ValueError("is a TPSMM config (model_params.common_params has num_tps), no FOMM config")
    fields = common.rename({name: name for name in _COMMON_MODEL})
    detector, generator = params.section("kp_detector_params"), params.section("generator_params")
    fields["detector"], scale = hourglass(detector)
    fields["detector_scale"] = scale
    fields |= detector.rename(
        {"temperature": "temperature", "pad": "kp_pad", "single_jacobian_map": "single_jacobian_map"}
    )
    detector.finish()
    dense = generator.section("dense_motion_params")
    fields["dense_motion"] = None
    if dense.values:
        fields["dense_motion"], fields["dense_motion_scale"] = hourglass(dense)
        fields |= dense.rename({"kp_variance": "kp_variance"})
        dense.finish()
    names = ("block_expansion", "max_features", "num_down_blocks", "num_bottleneck_blocks")
    fields |= generator.rename({name: name for name in (*names, "estimate_occlusion_map")})
    generator.finish()
    judged = params.section("discriminator_params")
    judged.values |= {"spectral_norm": judged.take("sn", False)}
    discriminator = plain(DiscriminatorConfig, judged)
    params.finish()
    return FommModelConfig().replace(**fields), discriminator


def hourglass(params: Section) -> tuple[HourglassConfig, float]:
    """Give an hourglass's sizes and the scale at which it works."""
    names = ("block_expansion", "num_blocks", "max_features")
    sizes = params.rename({name: name for name in names})
    missing = [name for name in names if name not in sizes]
    if missing:
        raise ValueError(f"{params.name}.{missing[0]} is missing")
    return HourglassConfig(**sizes), params.take("scale_factor", 1)


def dataset(params: Section, num_channels: int, default_size: int = 256) -> tuple[FrameDataConfig, int]:
    """Give the data settings and the frame's side; a `frame_shape` that is absent or null leaves the default.

    Raises:
        ValueError: if frames are not square or have another number of channels.
    """
    for key in READ_PAST_KEYS["dataset_params"]:
        params.take(key)
    shape = params.take("frame_shape") or (default_size, default_size, num_channels)
    if len(shape) != 3 or shape[0] != shape[1]:
        raise ValueError(f"dataset_params.frame_shape must be side, side, channels, got {list(shape)}")
    if shape[2] != num_channels:
        raise ValueError(
            f"dataset_params.frame_shape has {shape[2]} channels, model_params.common_params.num_channels is "
            f"{num_channels}"
        )
    augmentation = _augmentation(params.section("augmentation_params"))
    names = {"id_sampling": "id_sampling", "pairs_list": "pairs_list"}
    data = FrameDataConfig().replace(augmentation=augmentation, **params.rename(names))
    params.finish()
    return data, shape[0]


def _augmentation(params: Section) -> AugmentationConfig:
    fields: dict[str, Any] = {"time_flip": False, "horizontal_flip": False, "independent_flips": False}
    for key, names in _AUGMENTATION.items():
        section = params.section(key)
        fields |= section.rename(names)
        section.finish()
    params.finish()
    crop = fields.get("crop_size")
    if isinstance(crop, list):
        if len(set(crop)) != 1:
            raise ValueError(f"{params.name}.crop_param.size must be square, got {crop}")
        fields["crop_size"] = crop[0]
    return AugmentationConfig().replace(**fields)


def transform_config(params: Section) -> TransformConfig:
    """Give the equivariance losses' random transform."""
    if "points_tps" not in params.values:
        params.values.setdefault("sigma_tps", 0.0)  # as published: no control points, no spline
    return plain(TransformConfig, params)


def plain(kind: type[C], params: Section) -> C:
    """Build a config whose fields are named as the published keys."""
    try:
        return kind().replace(**params.values)
    except ValueError as error:
        raise ValueError(f"{params.name}: {error}") from error
