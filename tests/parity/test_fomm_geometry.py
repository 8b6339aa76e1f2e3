"""Grids, heatmaps, pyramids, random transforms and retargeting against the public FOMM release."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.frame_generator.fomm.transform import Transform
from fommvg_lib.frame_generator.grid import (
    AntiAliasDownsample,
    ImagePyramid,
    coordinate_grid,
    gaussian_heatmaps,
    gaussian_kernel,
)
from fommvg_lib.motion import retarget
from tests.parity.fomm_fixtures import Fixture, assert_close, assert_motion_close


def test_grid_and_heatmaps_match_release():
    fixture = Fixture("grid_gaussian")
    assert_close(coordinate_grid((5, 7), torch.zeros(1)), fixture["out/grid_5x7"], atol=1e-6)
    assert_close(
        gaussian_heatmaps(fixture["in/value"], (16, 24), 0.01), fixture["out/gaussian_16x24"], atol=1e-6
    )


def test_antialias_pyramid_matches_release():
    fixture = Fixture("antialias_pyramid")
    image = fixture["in/image"]
    for scale in (0.5, 0.25, 0.125):
        assert_close(gaussian_kernel(scale), fixture[f"out/kernel_{scale}"], atol=1e-7)
        assert_close(AntiAliasDownsample(3, scale)(image), fixture[f"out/down_{scale}"], atol=1e-5)
    for scale, level in ImagePyramid((1.0, 0.5, 0.25, 0.125), 3)(image).items():
        assert_close(level, fixture[f"out/prediction_{scale:g}"], atol=1e-5)


@pytest.mark.parametrize("name", ["transform_affine", "transform_tps"])
def test_random_transform_matches_release(name):
    fixture = Fixture(name)
    params = fixture["in/control_params"] if "in/control_params" in fixture else None
    transform = Transform(fixture["in/theta"], params, fixture.hp.get("points_tps", 5))
    coordinates = fixture["in/coordinates"]
    assert_close(transform.points(coordinates), fixture["out/warp_coordinates"], atol=1e-5)
    assert_close(transform.jacobian(coordinates), fixture["out/jacobian"], atol=1e-5)
    frame = transform.frame(fixture["in/frame"], align_corners=False)
    assert_close(frame, fixture["out/transformed_frame"])


@pytest.mark.parametrize("adapt_scale", [False, True])
@pytest.mark.parametrize("relative_jacobian", [False, True])
@pytest.mark.parametrize("mode", ["absolute", "relative"])
def test_retarget_matches_release(adapt_scale, relative_jacobian, mode):
    fixture = Fixture("normalize_kp")
    kp_source, kp_driving, kp_initial = (
        fixture.motion(f"in/{name}") for name in ("kp_source", "kp_driving", "kp_driving_initial")
    )
    got = retarget(kp_source, kp_driving, kp_initial, mode, adapt_scale)
    wanted = fixture.motion(f"out/adapt{adapt_scale:d}_rel{mode == 'relative':d}_reljac{relative_jacobian:d}")
    assert_close(got.value, wanted.value, atol=1e-5)
    if relative_jacobian or mode == "absolute":  # ours always moves Jacobians along in relative mode
        assert_motion_close(got, wanted, atol=1e-5)
