"""Keypoint detector, dense motion, generator and discriminator against the public FOMM release."""

from __future__ import annotations

import json

import pytest
import torch

from fommvg_lib.config.fomm import DiscriminatorConfig, FommModelConfig
from fommvg_lib.frame_generator.fomm.dense_motion import DenseMotionNetwork, create_sparse_motions
from fommvg_lib.frame_generator.fomm.discriminator import MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.generator import Generator
from fommvg_lib.frame_generator.fomm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.grid import gaussian_heatmaps
from fommvg_lib.frame_generator.published import load_published
from tests.parity.fomm_fixtures import (
    REPOSITORY,
    Fixture,
    assert_close,
    assert_motion_close,
    detector_config,
    discriminator_config,
    generator_options,
    hourglass,
)

DETECTORS = ["kp_jac", "kp_nojac", "kp_singlejac", "kp_pad3", "kp_gray_jac"]
TRAIN = {"atol": 5e-4}


@pytest.mark.parametrize("name", DETECTORS)
def test_keypoint_detector_matches_release(name):
    fixture = Fixture(name)
    detector = KeypointDetector(detector_config(fixture.hp)).eval()
    load_published(detector, fixture.under("state"))
    image = fixture["in/image"]
    features = detector.predictor(detector.down(image))
    assert_close(features[0, 0], fixture["out/feature_map_sample0_ch0"])
    assert_close(detector.kp(features), fixture["out/kp_logits"])
    assert_motion_close(detector(image), fixture.motion("out"))
    assert_motion_close(detector.train()(image), fixture.motion("out_train"), **TRAIN)


@pytest.mark.parametrize("name", ["dense_motion", "dense_motion_nojac_noocc_s1"])
def test_dense_motion_matches_release(name):
    fixture = Fixture(name)
    hp = fixture.hp
    config = FommModelConfig(
        num_kp=hp["num_kp"],
        num_channels=hp["num_channels"],
        kp_variance=hp["kp_variance"],
        dense_motion=hourglass(hp),
        dense_motion_scale=hp["scale_factor"],
        estimate_occlusion_map=hp["estimate_occlusion_map"],
        align_corners=False,
    )
    network = DenseMotionNetwork(config).eval()
    load_published(network, fixture.under("state"))
    kp_source, kp_driving = fixture.motion("in/kp_source"), fixture.motion("in/kp_driving")
    prepared = network.prepare(fixture["in/source_image"], kp_source)
    dense = network(prepared, kp_driving)
    assert_close(dense.mask, fixture["out/mask"])
    assert_close(dense.deformation, fixture["out/deformation"])
    assert_close(dense.sparse_deformed[0], fixture["out/sparse_deformed_sample0"])
    assert (dense.occlusion_map is None) == ("out/occlusion_map" not in fixture)
    if dense.occlusion_map is not None:
        assert_close(dense.occlusion_map, fixture["out/occlusion_map"])
    motions = create_sparse_motions(kp_source, kp_driving, (32, 32))
    assert_close(motions[0], fixture["out/sparse_motion_sample0"])
    heatmap = gaussian_heatmaps(kp_driving.value, (32, 32), hp["kp_variance"]) - prepared.heatmap
    assert_close(heatmap[0], fixture["out/heatmap_sample0"][1:])


@pytest.mark.parametrize("name", ["generator", "generator_gray", "generator_no_dense_motion"])
def test_generator_matches_release(name):
    fixture = Fixture(name)
    generator = Generator(FommModelConfig(**generator_options(fixture.hp))).eval()
    load_published(generator, fixture.under("state"))
    arguments = fixture["in/source_image"], fixture.motion("in/kp_source"), fixture.motion("in/kp_driving")
    generated = generator(*arguments)
    assert_close(generated.prediction, fixture["out/prediction"])
    if generated.dense is not None:
        assert_close(generated.deformed, fixture["out/deformed"])
        assert_close(generated.mask, fixture["out/mask"])
        assert_close(generated.occlusion_map, fixture["out/occlusion_map"])
        assert_close(generated.dense.sparse_deformed[0], fixture["out/sparse_deformed_sample0"])
    if "out_train/prediction" in fixture:
        assert_close(generator.train()(*arguments).prediction, fixture["out_train/prediction"], **TRAIN)


def test_generator_with_corner_aligned_sampling_matches_release_on_torch_1_0():
    fixture = Fixture("generator")
    options = {**generator_options(fixture.hp), "align_corners": True}
    generator = Generator(FommModelConfig(**options)).eval()
    load_published(generator, fixture.under("state"))
    arguments = fixture["in/source_image"], fixture.motion("in/kp_source"), fixture.motion("in/kp_driving")
    generated, legacy = generator(*arguments), "out_legacy_grid_sample_align_corners_true"
    assert_close(generated.prediction, fixture[f"{legacy}/prediction"])
    assert_close(generated.deformed, fixture[f"{legacy}/deformed"])
    assert (generated.prediction - fixture["out/prediction"]).abs().max() > 0.05  # the option matters


@pytest.mark.parametrize("name", ["discriminator", "discriminator_sn_2scale", "discriminator_use_kp"])
def test_discriminator_matches_release(name):
    fixture = Fixture(name)
    config = discriminator_config(fixture.hp)
    discriminator = MultiScaleDiscriminator(config, fixture.hp["num_channels"], fixture.hp["num_kp"]).eval()
    load_published(discriminator, fixture.under("state"))
    kp = fixture.motion("in/kp") if config.use_kp else None
    for scale, judgement in discriminator(fixture["in/image"], kp).items():
        wanted = fixture[f"out/prediction_map_{scale:g}"]
        assert_close(judgement.prediction_map, wanted, atol=2e-4 * max(1, wanted.abs().max().item()))
        for index, features in enumerate(judgement.features):
            wanted = fixture[f"out/feature_maps_{scale:g}/{index}"]
            assert_close(features, wanted, atol=2e-4 * max(1, wanted.abs().max().item()))
    trained = {k: v for k, v in fixture.under("out_train").items() if k.startswith("prediction_map")}
    if trained:
        judgements = discriminator.train()(fixture["in/image"], kp)
        for scale, judgement in judgements.items():
            assert_close(judgement.prediction_map, trained[f"prediction_map_{scale:g}"], **TRAIN)
        state = discriminator.state_dict()
        for key, wanted in fixture.under("out_train/state_after").items():  # one power iteration
            assert_close(state[key], wanted)


def test_pipeline_matches_release():
    fixture, shared = Fixture("pipeline_128"), Fixture("losses_shared_state")
    config = detector_config(fixture.hp["kp"], **generator_options_without_common(fixture.hp["generator"]))
    detector, generator = KeypointDetector(config).eval(), Generator(config).eval()
    load_published(detector, shared.under("state/kp_detector"))
    load_published(generator, shared.under("state/generator"))
    kp_source, kp_driving = detector(shared["in/source"]), detector(shared["in/driving"])
    assert_motion_close(kp_source, fixture.motion("out/kp_source"))
    assert_motion_close(kp_driving, fixture.motion("out/kp_driving"))
    generated = generator(shared["in/source"], kp_source, kp_driving)
    assert_close(generated.prediction, fixture["out/prediction"])
    assert_close(generated.deformed[0], fixture["out/deformed_sample0"])
    assert_close(generated.mask, fixture["out/mask"])
    assert_close(generated.occlusion_map, fixture["out/occlusion_map"])


def generator_options_without_common(hp):
    options = generator_options(hp)
    return {k: v for k, v in options.items() if k not in ("num_kp", "num_channels", "estimate_jacobian")}


LAYOUTS = {
    "fomm.kp_detector": lambda: KeypointDetector(FommModelConfig()),
    "fomm.kp_detector.single_jac": lambda: KeypointDetector(FommModelConfig(single_jacobian_map=True)),
    "fomm.generator": lambda: Generator(FommModelConfig()),
    "fomm.discriminator": lambda: MultiScaleDiscriminator(DiscriminatorConfig(), 3, 10),
    "fomm.discriminator.sn": lambda: MultiScaleDiscriminator(DiscriminatorConfig(spectral_norm=True), 3, 10),
    "fomm.discriminator.use_kp": lambda: MultiScaleDiscriminator(DiscriminatorConfig(use_kp=True), 3, 10),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_state_dict_names_and_shapes_are_those_of_published_checkpoints(name):
    path = REPOSITORY.parent / "shared" / "parity" / "checkpoint_keys.json"
    if not path.is_file():
        pytest.skip(f"no layouts at {path}")
    layout = json.loads(path.read_text())["layouts"][name]
    with torch.device("meta"):
        state = LAYOUTS[name]().state_dict()
    wanted = {key: [n for n in shape if not isinstance(n, str)] for key, shape in layout.items()}
    assert {key: list(tensor.shape) for key, tensor in state.items()} == wanted
