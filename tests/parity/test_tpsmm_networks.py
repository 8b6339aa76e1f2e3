"""Splines, detectors, dense motion, inpainting and AVD against the public TPSMM release."""

from __future__ import annotations

import json

import pytest
import torch

from fommvg_lib.config.tpsmm import TpsmmModelConfig
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig
from fommvg_lib.frame_generator.grid import gaussian_heatmaps
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork, stretch_of
from fommvg_lib.frame_generator.tpsmm.background_predictor import BackgroundPredictor
from fommvg_lib.frame_generator.tpsmm.dense_motion import (
    DenseMotion,
    DenseMotionNetwork,
    create_sparse_motions,
)
from fommvg_lib.frame_generator.tpsmm.dropout import kept_of
from fommvg_lib.frame_generator.tpsmm.inpainting import InpaintingNetwork
from fommvg_lib.frame_generator.tpsmm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import fit_splines
from fommvg_lib.motion import hull_scale, retarget
from tests.parity.fomm_fixtures import REPOSITORY, assert_close, assert_motion_close
from tests.parity.tpsmm_fixtures import Fixture, model_config, procedural_state, shared_config

TRAIN = {"atol": 5e-4}


def test_fitted_splines_match_release():
    fixture = Fixture("tps_kp")
    origin, target = fixture["in/kp_1"], fixture["in/kp_2"]
    splines = fit_splines(origin, target)
    assert_close(splines.theta, fixture["out/theta"])
    assert_close(splines.weights, fixture["out/control_params"])
    size = tuple(fixture["in/frame_size"].tolist())
    assert_close(splines.grid(size), fixture["out/grid"])


def test_random_transform_matches_release():
    fixture = Fixture("tps_random")
    transform = fixture.transform("in")
    assert_close(transform.points(fixture["in/coordinates"]), fixture["out/warp_coordinates"], atol=1e-5)
    assert_close(transform.grid((32, 32)), fixture["out/grid"], atol=1e-5)
    assert_close(transform.frame(fixture["in/frame"]), fixture["out/transformed_frame"])


def test_relative_motion_is_retargeting_with_adapted_scale():
    fixture = Fixture("relative_kp")
    source, driving, initial = (
        fixture.motion(f"in/{name}") for name in ("kp_source", "kp_driving", "kp_driving_initial")
    )
    assert_motion_close(retarget(source, driving, initial), fixture.motion("out"), atol=1e-5)
    scale = (fixture["out/source_area"] / fixture["out/driving_initial_area"]).sqrt().item()
    assert hull_scale(source, initial) == pytest.approx(scale, rel=1e-5)


def test_detectors_match_release():
    fixture, shared = Fixture("kp_bg_w8"), Fixture("shared_state")
    config = shared_config(shared)
    detector, predictor = KeypointDetector(config).eval(), BackgroundPredictor(config).eval()
    load_published(detector, shared.under("state/kp_detector"))
    load_published(predictor, shared.under("state/bg_predictor"))
    source, driving = shared["in/source"], shared["in/driving"]
    assert_motion_close(detector(source), fixture.motion("out/kp_source"))
    assert_motion_close(detector(driving), fixture.motion("out/kp_driving"))
    assert_close(predictor(source, driving), fixture["out/bg_param"])
    assert_motion_close(detector.train()(source), fixture.motion("out_train/kp_source"), **TRAIN)
    assert_close(predictor.train()(source, driving), fixture["out_train/bg_param"], **TRAIN)
    state = detector.state_dict()
    for name, wanted in fixture.under("out_train/state_after").items():
        assert_close(state[name], wanted, **TRAIN)


def test_full_width_resnets_match_release():
    fixture = Fixture("resnet_full_width_procedural")
    config = TpsmmModelConfig()
    detector, predictor = KeypointDetector(config).eval(), BackgroundPredictor(config).eval()
    state = procedural_state(detector, "tpsmm/kp_detector/")
    for name, wanted in fixture.under("check/kp_detector").items():
        got = state["fg_encoder.conv1.weight"][0] if name.endswith("[0]") else state[name]
        assert_close(got, wanted, atol=1e-6)
    state["fg_encoder.fc.weight"] *= fixture.hp["kp_fc_weight_multiplier"]
    load_published(detector, state)
    state = procedural_state(predictor, "tpsmm/bg_predictor/")
    state["bg_encoder.fc.weight"] *= fixture.hp["bg_fc_weight_multiplier"]
    identity = torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    state["bg_encoder.fc.bias"] = 0.3 * state["bg_encoder.fc.bias"] + identity
    load_published(predictor, state)
    source, driving = fixture["in/source"], fixture["in/driving"]
    with torch.no_grad():
        assert_motion_close(detector(source), fixture.motion("out/kp_source"))
        assert_motion_close(detector(driving), fixture.motion("out/kp_driving"))
        assert_close(predictor(source, driving), fixture["out/bg_param"])


def dense_motion_of(fixture):
    """The network of a dense motion fixture, with the arguments of its forward."""
    is_shared = "shared" in fixture.hp
    shared = Fixture("shared_state")
    network = DenseMotionNetwork(model_config(fixture.hp)).eval()
    state = shared.under("state/dense_motion_network") if is_shared else fixture.under("state")
    load_published(network, state)
    prepared = network.prepare(shared["in/source"], fixture.motion("in/kp_source"))
    return network, (prepared, fixture.motion("in/kp_driving"))


def assert_dense_close(fixture, prefix, dense):
    assert_close(dense.mask, fixture[f"{prefix}/contribution_maps"])
    assert_close(dense.deformation, fixture[f"{prefix}/deformation"])
    maps = fixture.maps(f"{prefix}/occlusion_map")
    for got, wanted in zip(dense.occlusion_maps, maps or dense.occlusion_maps, strict=True):
        assert_close(got, wanted)


def test_dense_motion_matches_release():
    fixture = Fixture("dense_motion")
    network, (prepared, kp_driving) = dense_motion_of(fixture)
    dense = network(prepared, kp_driving)
    assert_dense_close(fixture, "out", dense)
    assert_close(dense.sparse_deformed[0], fixture["out/deformed_source_sample0"])
    motions = create_sparse_motions(prepared.motion, kp_driving, (32, 32))
    assert_close(motions[0], fixture["out/transformations_sample0"])
    heatmap = gaussian_heatmaps(kp_driving.value, (32, 32), fixture.hp["kp_variance"]) - prepared.heatmap
    assert_close(heatmap[0], fixture["out/heatmap_sample0"][1:])
    assert not fixture["out/heatmap_sample0"][0].any()
    background = fixture["in/bg_param"]
    assert_dense_close(fixture, "out_bg", network(prepared, kp_driving, background))
    kept = kept_of(fixture["in/dropout_uniform"], 0.3)
    assert_dense_close(fixture, "out_dropout", network(prepared, kp_driving, background, kept))


def test_dense_motion_with_a_single_occlusion_map_matches_release():
    fixture = Fixture("dense_motion_single_mask")
    network, arguments = dense_motion_of(fixture)
    dense = network(*arguments)
    assert_dense_close(fixture, "out", dense)
    assert_close(dense.sparse_deformed[0], fixture["out/deformed_source_sample0"])


def dense_of(fixture, prefix):
    maps = fixture.maps(f"{prefix}/occlusion_map")
    mask = fixture[f"{prefix}/contribution_maps"]
    return DenseMotion(torch.empty(0), mask, fixture[f"{prefix}/deformation"], maps)


def test_inpainting_matches_release():
    fixture, shared, dense = Fixture("inpainting"), Fixture("shared_state"), Fixture("dense_motion")
    network = InpaintingNetwork(shared_config(shared)).eval()
    load_published(network, shared.under("state/inpainting_network"))
    generated = network(shared["in/source"], dense_of(dense, "out_bg"), driving=shared["in/source"])
    assert_close(generated.prediction, fixture["out/prediction"])
    assert_close(generated.deformed[0], fixture["out/deformed_sample0"])
    warped = fixture.maps("out/warped_encoder_maps_sample0_ch0-3")
    for got, wanted in zip(generated.warped_maps, warped, strict=True):
        assert_close(got[0, :4], wanted)
    # The fixture encodes the source; the release lists these maps from the largest down.
    encoded = fixture.maps("out/get_encode_sample0_ch0-3")
    for got, wanted in zip(reversed(generated.driving_maps), encoded, strict=True):
        assert_close(got[0, :4], wanted)


def test_inpainting_with_a_single_occlusion_map_matches_release():
    fixture, dense = Fixture("inpainting_single_mask"), Fixture("dense_motion_single_mask")
    network = InpaintingNetwork(model_config(dense.hp, fixture.hp)).eval()
    load_published(network, fixture.under("state"))
    generated = network(Fixture("shared_state")["in/source"], dense_of(dense, "out"))
    assert_close(generated.prediction, fixture["out/prediction"])


def test_avd_matches_release():
    fixture = Fixture("avd_procedural")
    hp = fixture.hp
    config = AvdNetworkConfig(hp["id_bottle_size"], hp["pose_bottle_size"])
    network = AvdNetwork(config, 5 * hp["num_tps"]).eval()
    state = procedural_state(network, "tpsmm/avd/")
    assert_close(state["decoder.9.bias"], fixture["check/decoder.9.bias"], atol=1e-6)
    load_published(network, state)
    arguments = fixture.motion("in/kp_source"), fixture.motion("in/kp_random")
    assert_motion_close(network(*arguments), fixture.motion("out"))
    assert_motion_close(network.train()(*arguments), fixture.motion("out_train"), **TRAIN)


def test_avd_stretch_matches_release():
    fixture = Fixture("avd_random_scale")
    stretched = fixture["in/fg_kp"] * stretch_of(fixture["in/uniform"], fixture.hp["scale"])
    assert_close(stretched, fixture["out/fg_kp"], atol=1e-6)


LAYOUTS = {
    "tpsmm.kp_detector": lambda: KeypointDetector(TpsmmModelConfig()),
    "tpsmm.bg_predictor": lambda: BackgroundPredictor(TpsmmModelConfig()),
    "tpsmm.dense_motion_network": lambda: DenseMotionNetwork(TpsmmModelConfig()),
    "tpsmm.inpainting_network": lambda: InpaintingNetwork(TpsmmModelConfig()),
    "tpsmm.avd_network": lambda: AvdNetwork(AvdNetworkConfig(), 50),
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
