"""Presets of the TPSMM and its AVD network, and the reader of the published TPSMM files."""

from __future__ import annotations

import pytest
import yaml

from fommvg_lib.config.avd import AvdConfig
from fommvg_lib.config.presets import (
    AVD_PRESETS,
    PRESETS,
    TPSMM_PRESETS,
    avd_config_from_yaml,
    fomm_config_from_yaml,
    load_config,
    tpsmm_config_from_yaml,
)
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.files import InputError

JITTER = {"jitter_param": {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}}
MGIF = {
    "resize_param": {"ratio": [0.9, 1.1]},
    "crop_param": {"size": [256, 256]},
    "jitter_param": {"hue": 0.5},
}
# The published table: id_sampling, augmentation besides flips, bg; repeats, batch, workers, dropout maxp and
# startp, bg_start; AVD epochs, repeats, milestones, checkpoint_freq.
TABLE = {
    "vox-256": (True, JITTER, True, (75, 28, 12, 0.3, 0.1, 10), (200, 300, [140, 180], 50)),
    "taichi-256": (True, JITTER, True, (150, 28, 12, 0.7, 0.0, 0), (100, 150, [70, 90], 10)),
    "ted-384": (True, JITTER, True, (150, 12, 6, 0.5, 0.0, 0), (30, 500, [20, 25], 10)),
    "mgif-256": (False, MGIF, False, (50, 28, 12, 0.5, 0.2, 0), (100, 50, [70, 90], 10)),
}


def published(name):
    """Write out a config in the published schema, from the fact sheet's table."""
    id_sampling, augmentation, bg, train, avd = TABLE[name]
    repeats, batch, workers, maxp, startp, bg_start = train
    epochs, avd_repeats, milestones, checkpoint_freq = avd
    return {
        "dataset_params": {
            "root_dir": "../somewhere",
            "frame_shape": None,
            "id_sampling": id_sampling,
            "augmentation_params": {
                "flip_param": {"horizontal_flip": True, "time_flip": True},
                **augmentation,
            },
        },
        "model_params": {
            "common_params": {"num_tps": 10, "num_channels": 3, "bg": bg, "multi_mask": True},
            "generator_params": {"block_expansion": 64, "max_features": 512, "num_down_blocks": 3},
            "dense_motion_params": {
                "block_expansion": 64,
                "max_features": 1024,
                "num_blocks": 5,
                "scale_factor": 0.25,
            },
            "avd_network_params": {"id_bottle_size": 128, "pose_bottle_size": 128},
        },
        "train_params": {
            "num_epochs": 100,
            "num_repeats": repeats,
            "epoch_milestones": [70, 90],
            "lr_generator": "2.0e-4",
            "batch_size": batch,
            "scales": [1, 0.5, 0.25, 0.125],
            "dataloader_workers": workers,
            "checkpoint_freq": 50,
            "dropout_epoch": 35,
            "dropout_maxp": maxp,
            "dropout_startp": startp,
            "dropout_inc_epoch": 10,
            "bg_start": bg_start,
            "transform_params": {"sigma_affine": 0.05, "sigma_tps": 0.005, "points_tps": 5},
            "loss_weights": {
                "perceptual": [10, 10, 10, 10, 10],
                "equivariance_value": 10,
                "warp_loss": 10,
                "bg": 10,
            },
        },
        "train_avd_params": {
            "num_epochs": epochs,
            "num_repeats": avd_repeats,
            "batch_size": 256,
            "dataloader_workers": 24,
            "checkpoint_freq": checkpoint_freq,
            "epoch_milestones": milestones,
            "lr": "1.0e-3",
            "lambda_shift": 1,
            "random_scale": 0.25,
            **({"lambda_affine": 1} if name.startswith("mgif") else {}),
        },
        "visualizer_params": {"kp_size": 5, "draw_border": True, "colormap": "gist_rainbow"},
    }


def write(folder, values, name="config.yaml"):
    path = folder / name
    path.write_text(yaml.safe_dump(values))
    return path


def test_presets_are_the_published_rows():
    assert set(TPSMM_PRESETS) == set(AVD_PRESETS) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_published_file_reads_as_its_presets(name, tmp_path):
    path = write(tmp_path, published(name), f"{name}.yaml")
    assert tpsmm_config_from_yaml(path) == TPSMM_PRESETS[name]
    assert avd_config_from_yaml(path) == AVD_PRESETS[name]
    assert TpsmmConfig.from_dict(TPSMM_PRESETS[name].to_dict()) == TPSMM_PRESETS[name]
    assert AvdConfig.from_dict(AVD_PRESETS[name].to_dict()) == AVD_PRESETS[name]


def test_full_profiles_are_vox_256():
    assert TpsmmConfig.from_profile("full") == TPSMM_PRESETS["vox-256"]
    assert AvdConfig.from_profile("full") == AVD_PRESETS["vox-256"]


def test_the_kind_decides_what_a_name_means(tmp_path):
    assert load_config("vox-256") == load_config("vox-256", "fomm") == PRESETS["vox-256"]
    assert load_config("vox-256", "tpsmm") == TPSMM_PRESETS["vox-256"]
    assert load_config("vox-256", "avd") == AVD_PRESETS["vox-256"]
    path = write(tmp_path, published("ted-384"))
    assert load_config(path, "tpsmm") == TPSMM_PRESETS["ted-384"].replace(size=256)
    with pytest.raises(InputError, match="neither a preset of tpsmm"):
        load_config("kth-128", "tpsmm")
    with pytest.raises(InputError, match="not for vp"):
        load_config("vox-256", "vp")


def test_frame_shape_that_is_given_beats_the_files_name(tmp_path):
    values = published("taichi-256")
    values["dataset_params"]["frame_shape"] = [128, 128, 3]
    values["train_params"]["scales"] = [1, 0.5]
    assert tpsmm_config_from_yaml(write(tmp_path, values, "taichi-256.yaml")).size == 128
    values["dataset_params"]["frame_shape"] = [128, 64, 3]
    with pytest.raises(InputError, match="frame_shape must be side, side, channels"):
        tpsmm_config_from_yaml(write(tmp_path, values))


@pytest.mark.parametrize(
    "section",
    [
        ("train_params",),
        ("train_avd_params",),
        ("train_params", "loss_weights"),
        ("model_params", "avd_network_params"),
        ("model_params", "dense_motion_params"),
        (),
    ],
)
def test_unknown_key_is_named(tmp_path, section):
    inner = values = published("vox-256")
    for name in section:
        inner = inner[name]
    inner["extra"] = 1
    with pytest.raises(InputError, match=r"unknown key " + r"\.".join([*section, "extra"])):
        tpsmm_config_from_yaml(write(tmp_path, values))


def test_files_of_the_other_family_are_told_apart(tmp_path):
    path = write(tmp_path, published("vox-256"))
    with pytest.raises(InputError, match="is a TPSMM config"):
        fomm_config_from_yaml(path)
    values = published("vox-256")
    values["model_params"]["common_params"] = {"num_kp": 10}
    with pytest.raises(InputError, match="no published TPSMM config"):
        tpsmm_config_from_yaml(write(tmp_path, values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 192}, "size must be divisible by 128 for model.dense_motion"),
        (
            {"model.multi_mask": False, "model.dense_motion.num_blocks": 1, "size": 200},
            "size must be divisible by 16 for model.num_down_blocks=3",
        ),
        ({"model.num_down_blocks": 1}, "num_down_blocks from 2 to 6"),
        ({"model.num_down_blocks": 5, "model.dense_motion.num_blocks": 3}, "num_down_blocks from 2 to 4"),
        ({"model.dense_motion_scale": 1 / 3}, "1 over a power of 2"),
        ({"model.num_tps": 0}, "model.num_tps must be at least 1"),
        ({"model.num_channels": 2}, "num_channels must be 1 or 3"),
        ({"loss_weights.warp": -1.0}, "loss_weights.warp must be at least 0"),
        ({"perceptual": "pixel"}, "loss_weights.perceptual must be 3 numbers"),
        ({"dropout_max": 1.0}, r"dropout_max must be in \[0, 1\)"),
        ({"epoch_milestones": (90, 70)}, "epoch_milestones must be rising"),
        ({"precision": "fp8"}, "precision must be fp32 or bf16"),
    ],
)
def test_contradictions_raise_and_name_the_field(changes, message):
    with pytest.raises(ValueError, match=message):
        TpsmmConfig().replace(**changes)


def test_dropout_rises_to_its_largest_probability_and_ends():
    config = TPSMM_PRESETS["vox-256"]
    rates = [config.dropout_probability(epoch) for epoch in (0, 5, 10, 34, 35, 99)]
    assert rates == pytest.approx([0.1, 0.25, 0.3, 0.3, 0.0, 0.0])
    rates = [TPSMM_PRESETS["taichi-256"].dropout_probability(epoch) for epoch in (0, 5, 30)]
    assert rates == pytest.approx([0.0, 0.35, 0.7])


def test_background_starts_with_its_epoch():
    assert [TPSMM_PRESETS["vox-256"].uses_background(epoch) for epoch in (9, 10)] == [False, True]
    assert TPSMM_PRESETS["ted-384"].uses_background(0)
    assert not TPSMM_PRESETS["mgif-256"].uses_background(50)


def test_small_profiles_stay_small():
    from fommvg_lib.frame_generator.tpsmm import Tpsmm

    for profile in ("smoke", "shipped"):
        config = TpsmmConfig.from_profile(profile)
        model = Tpsmm(config.model, config.size)
        assert config.size == 64 and config.perceptual == "pixel"
        assert sum(parameter.numel() for parameter in model.parameters()) <= 950_000
    assert AvdConfig.from_profile("shipped").network.id_bottleneck == 16
