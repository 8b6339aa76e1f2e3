"""Presets and the reader of published FOMM files."""

from __future__ import annotations

import pytest
import yaml

from fommvg_lib.config.fomm import FommConfig, HourglassConfig
from fommvg_lib.config.fomm_networks import FommModelConfig
from fommvg_lib.config.presets import PRESETS, fomm_config_from_yaml, load_config
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.files import InputError

JITTER = {"brightness": 0.1, "contrast": 0.1, "saturation": 0.1, "hue": 0.1}
FLIPS = {"horizontal_flip": True, "time_flip": True}
# The differing columns of the published table: dataset, augmentation besides flips, training, and the rest.
TABLE = {
    "vox-256": {
        "dataset": {"id_sampling": True, "pairs_list": "data/vox256.csv"},
        "augmentation": {"jitter_param": JITTER},
        "train": {"num_epochs": 100, "num_repeats": 75, "epoch_milestones": [60, 90], "batch_size": 40},
        "discriminator": {"sn": True},
    },
    "vox-adv-256": {
        "dataset": {"id_sampling": True, "pairs_list": "data/vox256.csv"},
        "augmentation": {"jitter_param": JITTER},
        "train": {"num_epochs": 150, "num_repeats": 75, "epoch_milestones": [], "batch_size": 36},
        "discriminator": {"use_kp": True},
        "generator_gan": 1,
    },
    "taichi-256": {
        "dataset": {"id_sampling": True, "pairs_list": "data/taichi256.csv"},
        "augmentation": {"jitter_param": JITTER},
        "train": {"num_epochs": 100, "num_repeats": 150, "epoch_milestones": [60, 90], "batch_size": 30},
    },
    "taichi-adv-256": {
        "dataset": {"id_sampling": True, "pairs_list": "data/taichi256.csv"},
        "augmentation": {"jitter_param": JITTER},
        "train": {
            "num_epochs": 150,
            "num_repeats": 150,
            "epoch_milestones": [],
            "batch_size": 27,
            "lr_kp_detector": 0,
        },
        "discriminator": {"use_kp": True},
        "generator_gan": 1,
    },
    "fashion-256": {
        "augmentation": {"jitter_param": {"hue": 0.1}},
        "train": {"num_epochs": 100, "num_repeats": 50, "epoch_milestones": [60, 90], "batch_size": 27},
        "generator_gan": 1,
    },
    "mgif-256": {
        "augmentation": {
            "resize_param": {"ratio": [0.9, 1.1]},
            "crop_param": {"size": [256, 256]},
            "jitter_param": {"hue": 0.5},
        },
        "train": {
            "num_epochs": 100,
            "num_repeats": 25,
            "epoch_milestones": [60, 90],
            "batch_size": 36,
            "checkpoint_freq": 100,
        },
        "detector": {"single_jacobian_map": True},
        "discriminator": {"sn": True},
        "generator_gan": 1,
    },
    "bair-256": {
        "augmentation": {"jitter_param": JITTER},
        "train": {
            "num_epochs": 20,
            "num_repeats": 1,
            "epoch_milestones": [12, 18],
            "batch_size": 36,
            "checkpoint_freq": 10,
        },
        "discriminator": {"sn": True},
        "generator_gan": 1,
    },
    "nemo-256": {
        "train": {"num_epochs": 100, "num_repeats": 8, "epoch_milestones": [60, 90], "batch_size": 36},
        "discriminator": {"sn": True},
        "generator_gan": 1,
    },
    "kth-128": {
        "size": [128, 128, 1],
        "augmentation": {"jitter_param": JITTER},
        "train": {
            "num_epochs": 100,
            "num_repeats": 30,
            "epoch_milestones": [60, 90],
            "batch_size": 50,
            "checkpoint_freq": 3,
        },
        "scale_factor": 0.5,
    },
}


def published(name):
    """Write out a config in the published schema, from the fact sheet's table."""
    row = TABLE[name]
    size, scale = row.get("size", [256, 256, 3]), row.get("scale_factor", 0.25)
    hourglass = {"max_features": 1024, "scale_factor": scale, "num_blocks": 5}
    return {
        "dataset_params": {
            "root_dir": "data/somewhere",
            "frame_shape": size,
            **row.get("dataset", {"id_sampling": False}),
            "augmentation_params": {"flip_param": FLIPS, **row.get("augmentation", {})},
        },
        "model_params": {
            "common_params": {"num_kp": 10, "num_channels": size[2], "estimate_jacobian": True},
            "kp_detector_params": {
                "temperature": 0.1,
                "block_expansion": 32,
                **hourglass,
                **row.get("detector", {}),
            },
            "generator_params": {
                "block_expansion": 64,
                "max_features": 512,
                "num_down_blocks": 2,
                "num_bottleneck_blocks": 6,
                "estimate_occlusion_map": True,
                "dense_motion_params": {"block_expansion": 64, **hourglass},
            },
            "discriminator_params": {
                "scales": [1],
                "block_expansion": 32,
                "max_features": 512,
                "num_blocks": 4,
                **row.get("discriminator", {}),
            },
        },
        "train_params": {
            "lr_generator": "2.0e-4",
            "lr_discriminator": 0.0002,
            "lr_kp_detector": 0.0002,
            "scales": [1, 0.5, 0.25, 0.125],
            "checkpoint_freq": 50,
            **row["train"],
            "transform_params": {"sigma_affine": 0.05, "sigma_tps": 0.005, "points_tps": 5},
            "loss_weights": {
                "generator_gan": row.get("generator_gan", 0),
                "discriminator_gan": 1,
                "feature_matching": [10, 10, 10, 10],
                "perceptual": [10, 10, 10, 10, 10],
                "equivariance_value": 10,
                "equivariance_jacobian": 10,
            },
        },
        "reconstruction_params": {"num_videos": 1000, "format": ".mp4"},
        "animate_params": {"num_pairs": 50, "format": ".mp4"},
        "visualizer_params": {"kp_size": 5, "draw_border": True, "colormap": "gist_rainbow"},
    }


def write(folder, values):
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_presets_are_the_published_rows():
    assert set(PRESETS) == set(TABLE)


@pytest.mark.parametrize("name", TABLE)
def test_published_file_reads_as_its_preset(name, tmp_path):
    assert fomm_config_from_yaml(write(tmp_path, published(name))) == PRESETS[name]


def test_full_profile_is_vox_256():
    assert FommConfig.from_profile("full") == PRESETS["vox-256"]


@pytest.mark.parametrize("name", TABLE)
def test_presets_survive_plain_form(name):
    assert FommConfig.from_dict(PRESETS[name].to_dict()) == PRESETS[name]


def test_yaml_text_with_exponents_and_comments_is_read(tmp_path):
    text = yaml.safe_dump(published("vox-256")).replace("'2.0e-4'", "2.0e-4 # a comment")
    (tmp_path / "config.yaml").write_text(text)
    assert fomm_config_from_yaml(tmp_path / "config.yaml").lr_generator == 2e-4


def test_absent_spline_and_augmentation_are_off(tmp_path):
    values = published("nemo-256")
    values["train_params"]["transform_params"] = {"sigma_affine": 0.05}
    del values["dataset_params"]["augmentation_params"]
    config = fomm_config_from_yaml(write(tmp_path, values))
    assert config.transform.sigma_tps == 0
    assert not config.data.augmentation.time_flip and not config.data.augmentation.horizontal_flip


@pytest.mark.parametrize(
    ("section", "key", "message"),
    [
        (("train_params",), "clip_generator_grad", "train_params.clip_generator_grad"),
        (("model_params", "kp_detector_params"), "num_tps", "kp_detector_params.num_tps"),
        (("dataset_params", "augmentation_params"), "blur_param", "augmentation_params.blur_param"),
        ((), "extra", "extra"),
        (("model_params", "discriminator_params"), "layers", "layers"),
    ],
)
def test_unknown_key_is_named(tmp_path, section, key, message):
    values = published("vox-256")
    inner = values
    for name in section:
        inner = inner[name]
    inner[key] = 1
    with pytest.raises(InputError, match=message):
        fomm_config_from_yaml(write(tmp_path, values))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "cannot be read as YAML"),
        ("just text", "no published FOMM config"),
        ("!!python/object/apply:os.getcwd []", "cannot be read as YAML"),
        ("model_params: 3", "model_params must be a mapping"),
        ("model_params: {kp_detector_params: {num_blocks: 5}}", "block_expansion is missing"),
    ],
)
def test_files_that_are_none_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        fomm_config_from_yaml(path)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a0: &a0 x\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40)), "more than"),
        ("a: &a [*a]", "holds more than 10000 values"),
        ("[" * 5000, "cannot be read as YAML"),
    ],
    ids=["bomb", "loop", "deep"],
)  # fmt: skip
def test_a_config_that_names_endless_values_is_one_line(tmp_path, text, message):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        fomm_config_from_yaml(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_frame_shape_must_agree_with_channels(tmp_path):
    values = published("vox-256")
    values["dataset_params"]["frame_shape"] = [256, 256, 1]
    with pytest.raises(InputError, match="frame_shape has 1 channels"):
        fomm_config_from_yaml(write(tmp_path, values))


def test_load_config_takes_names_and_files_only(tmp_path):
    assert load_config("bair-256") is PRESETS["bair-256"]
    assert load_config(write(tmp_path, published("kth-128"))) == PRESETS["kth-128"]
    with pytest.raises(InputError, match="neither a preset"):
        load_config("vox-512")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 250}, "size must be divisible by 128"),
        ({"lr_generator": 0}, "lr_generator must be above 0"),
        ({"lr_kp_detector": -1.0}, "lr_kp_detector"),
        ({"batch_size": 0}, "batch_size"),
        ({"epoch_milestones": (90, 60)}, "epoch_milestones must be rising"),
        ({"scales": (1.0, 0.3)}, "scales"),
        ({"perceptual": "lpips"}, "perceptual must be vgg19 or pixel"),
        ({"perceptual": "pixel"}, "loss_weights.perceptual must be 3 numbers"),
        ({"loss_weights.perceptual": (10.0,)}, "loss_weights.perceptual must be 5 numbers"),
        ({"loss_weights.generator_gan": 1.0, "discriminator.num_blocks": 3}, "feature_matching"),
        ({"loss_weights.equivariance_value": -1.0}, "loss_weights.equivariance_value"),
        ({"model.estimate_jacobian": False}, "equivariance_jacobian=10.0 needs"),
        ({"model.single_jacobian_map": True, "model.estimate_jacobian": False}, "single_jacobian_map"),
        ({"model.blend_source": True, "model.estimate_occlusion_map": False}, "blend_source"),
        ({"model.num_channels": 2}, "num_channels must be 1 or 3"),
        ({"model.detector_scale": 0.3}, "detector_scale must be 1 over a whole number"),
        ({"model.detector.num_blocks": 0}, "hourglass.num_blocks"),
        ({"model.detector": HourglassConfig(8, 2, 8), "model.detector_scale": 1 / 64}, "a heatmap of -2"),
        ({"transform.points_tps": 1}, "points_tps"),
        ({"discriminator.scales": ()}, "discriminator.scales"),
        ({"size": 128, "scales": (1.0, 0.0625)}, "smallest image"),
        ({"num_steps": 0}, "num_steps"),
    ],
)  # fmt: skip
def test_contradictions_raise_and_name_the_field(changes, message):
    with pytest.raises(ValueError, match=message):
        FommConfig().replace(**changes)


def test_small_profiles_stay_within_the_shipped_size():
    from fommvg_lib.frame_generator.fomm import Fomm

    for profile in ("smoke", "shipped"):
        config = FommConfig.from_profile(profile)
        model = Fomm(config.model, config.size)
        assert config.size == 64 and config.perceptual == "pixel"
        assert sum(parameter.numel() for parameter in model.parameters()) <= 650_000


def test_halvings_beyond_any_frame_are_refused_before_their_power_is_computed():
    with pytest.raises(ValueError, match="hourglass.num_blocks must be from 1 to 16, got 1000000000000"):
        HourglassConfig(32, 10**12, 1024)
    for model, least in ((FommModelConfig(), 0), (TpsmmModelConfig(), 1)):
        with pytest.raises(ValueError, match=f"model.num_down_blocks must be from {least} to 16"):
            model.replace(num_down_blocks=10**12)
