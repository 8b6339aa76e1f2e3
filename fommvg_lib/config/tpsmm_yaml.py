"""Reader of the published TPSMM config files (YAML). One file describes the TPSMM and its AVD network.

Every key is either translated, listed as read past, or an error: nothing is ignored silently.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fommvg_lib.config.avd import AvdConfig
from fommvg_lib.config.published_yaml import (
    READ_PAST,
    Section,
    dataset,
    hourglass,
    transform_config,
    translate_yaml,
)
from fommvg_lib.config.tpsmm import TpsmmConfig, TpsmmLossWeights
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig, TpsmmModelConfig

READ_PAST_KEYS = {
    "train_params": ("dataloader_workers",),
    "train_avd_params": ("dataloader_workers", "lambda_affine"),
}
"""Keys that say nothing about the outcome: the command line gives the workers, `lambda_affine` has no use."""

_COMMON = {
    "num_tps": "num_tps",
    "num_channels": "num_channels",
    "bg": "estimate_background",
    "multi_mask": "multi_mask",
}
_SCHEDULE = {
    "num_epochs": "num_epochs",
    "epoch_milestones": "epoch_milestones",
    "batch_size": "batch_size",
    "checkpoint_freq": "checkpoint_epochs",
}
_TRAIN = {
    **_SCHEDULE,
    "lr_generator": "lr",
    "scales": "scales",
    "dropout_epoch": "dropout_epoch",
    "dropout_maxp": "dropout_max",
    "dropout_startp": "dropout_start",
    "dropout_inc_epoch": "dropout_rise_epochs",
    "bg_start": "background_start",
}
_WEIGHTS = {
    "perceptual": "perceptual",
    "equivariance_value": "equivariance_value",
    "warp_loss": "warp",
    "bg": "background",
}
_AVD = {**_SCHEDULE, "lr": "lr", "lambda_shift": "weight", "random_scale": "random_scale"}
_BOTTLENECKS = {"id_bottle_size": "id_bottleneck", "pose_bottle_size": "pose_bottleneck"}


def tpsmm_config_from_yaml(path: str | Path) -> TpsmmConfig:
    """Read the TPSMM's part of a published file.

    The published files leave `frame_shape` null. The frame's side is then the number at the end of the file's
    name (ted-384.yaml), or 256.

    Raises:
        InputError: if it cannot be read, holds an unknown key, or its values contradict each other.
    """
    return _read(path)[0]


def avd_config_from_yaml(path: str | Path) -> AvdConfig:
    """Read the AVD network's part of a published file.

    Raises:
        InputError: as `tpsmm_config_from_yaml`.
    """
    return _read(path)[1]


def _read(path: str | Path) -> tuple[TpsmmConfig, AvdConfig]:
    named = re.search(r"-(\d+)$", Path(path).stem)
    default_size = int(named.group(1)) if named else 256
    return translate_yaml(path, "TPSMM", lambda published: _translate(published, default_size))


def _translate(published: Section, default_size: int) -> tuple[TpsmmConfig, AvdConfig]:
    for name in READ_PAST:
        published.take(name)
    model, avd_network = _model(published.section("model_params"))
    data, size = dataset(published.section("dataset_params"), model.num_channels, default_size)
    train, avd = published.section("train_params"), published.section("train_avd_params")
    published.finish()
    repeated = data.replace(num_repeats=train.take("num_repeats", 1))
    parts = {"model": model, "data": repeated, **_take(train, _TRAIN)}
    weights = train.section("loss_weights")
    parts["loss_weights"] = TpsmmLossWeights().replace(**weights.rename(_WEIGHTS))
    weights.finish()
    parts["transform"] = transform_config(train.section("transform_params"))
    train.finish()
    repeated = data.replace(num_repeats=avd.take("num_repeats", 1))
    avd_parts = {"network": avd_network, "data": repeated, **_take(avd, _AVD)}
    avd.finish()
    return TpsmmConfig().replace(size=size, **parts), AvdConfig().replace(**avd_parts)


def _take(params: Section, names: dict[str, str]) -> dict[str, Any]:
    for key in READ_PAST_KEYS[params.name]:
        params.take(key)
    return params.rename(names)


def _model(params: Section) -> tuple[TpsmmModelConfig, AvdNetworkConfig]:
    common = params.section("common_params")
    if "num_tps" not in common.values:
        raise ValueError("is no published TPSMM config (model_params.common_params has no num_tps)")
    fields = common.rename(_COMMON)
    generator, dense = params.section("generator_params"), params.section("dense_motion_params")
    names = ("block_expansion", "max_features", "num_down_blocks")
    fields |= generator.rename({name: name for name in names})
    fields["dense_motion"], fields["dense_motion_scale"] = hourglass(dense)
    fields |= dense.rename({"kp_variance": "kp_variance"})
    bottlenecks = params.section("avd_network_params")
    network = AvdNetworkConfig().replace(**bottlenecks.rename(_BOTTLENECKS))
    for section in (common, generator, dense, bottlenecks, params):
        section.finish()
    return TpsmmModelConfig().replace(**fields), network
