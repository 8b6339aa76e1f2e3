"""The First Order Motion Model's parts: sizes, initial state, closed forms."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.config.fomm import DiscriminatorConfig, FommModelConfig, HourglassConfig, TransformConfig
from fommvg_lib.frame_generator.fomm import MultiScaleDiscriminator, Transform, random_transform
from fommvg_lib.frame_generator.fomm.dense_motion import create_sparse_motions
from fommvg_lib.frame_generator.fomm.generator import Generator
from fommvg_lib.frame_generator.fomm.inference import transposed_equivalent
from fommvg_lib.frame_generator.fomm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.grid import (
    AntiAliasDownsample,
    coordinate_grid,
    gaussian_heatmaps,
    resize_grid,
    warp,
)
from fommvg_lib.frame_generator.published import load_published
from fommvg_lib.motion import Motion

SMALL = FommModelConfig(
    num_kp=4,
    detector=HourglassConfig(4, 3, 16),
    detector_scale=0.5,
    dense_motion=HourglassConfig(4, 3, 16),
    dense_motion_scale=0.5,
    block_expansion=4,
    max_features=16,
    num_bottleneck_blocks=2,
)


def count(build):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build().parameters())


def random_motion(batch, num_kp=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    value = torch.rand(batch, num_kp, 2, generator=generator) - 0.5
    noise = torch.randn(batch, num_kp, 2, 2, generator=generator)
    return Motion(value, torch.eye(2) + 0.1 * noise)


@pytest.mark.parametrize(
    ("channels", "detector", "dense", "generator"),
    [(3, 14_215_368, 37_730_268, 45_575_391), (1, 14_209_316, 37_691_988, 45_524_565)],
)
def test_parameter_counts_are_those_of_the_published_networks(channels, detector, dense, generator):
    config = FommModelConfig(num_channels=channels)
    assert count(lambda: KeypointDetector(config)) == detector
    assert count(lambda: Generator(config)) == generator
    assert count(lambda: Generator(config).dense_motion_network) == dense
    assert count(lambda: Generator(config.replace(dense_motion=None))) == generator - dense


def test_discriminator_parameter_counts_are_published():
    assert count(lambda: MultiScaleDiscriminator(DiscriminatorConfig(), 3, 10)) == 2_758_849
    assert count(lambda: MultiScaleDiscriminator(DiscriminatorConfig(use_kp=True), 3, 10)) == 2_769_089


def test_discriminator_map_of_256_pixels_is_26_wide():
    with torch.device("meta"):
        discriminator = MultiScaleDiscriminator(DiscriminatorConfig(), 3, 10)
        assert discriminator(torch.zeros(2, 3, 256, 256))[1.0].prediction_map.shape == (2, 1, 26, 26)


def test_discriminator_with_keypoints_demands_them():
    discriminator = MultiScaleDiscriminator(DiscriminatorConfig(block_expansion=2, use_kp=True), 3, 4)
    with pytest.raises(ValueError, match="use_kp"):
        discriminator(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize("is_single", [False, True])
def test_every_jacobian_starts_as_the_identity(is_single):
    torch.manual_seed(0)
    detector = KeypointDetector(SMALL.replace(single_jacobian_map=is_single))
    jacobian = detector(torch.rand(2, 3, 64, 64)).jacobian
    torch.testing.assert_close(jacobian, torch.eye(2).expand(2, 4, 2, 2), atol=1e-6, rtol=0)


def test_zero_order_detector_has_no_jacobians():
    assert KeypointDetector(SMALL.replace(estimate_jacobian=False))(torch.rand(2, 3, 64, 64)).jacobian is None


def test_keypoint_of_a_sharp_heatmap_lies_at_its_peak():
    detector = KeypointDetector(SMALL)
    logits = torch.zeros(1, 4, 9, 9)
    for k, (y, x) in enumerate([(0, 0), (0, 8), (4, 4), (8, 2)]):
        logits[0, k, y, x] = 50
    value = detector._average(logits, None).value[0]
    wanted = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [0.0, 0.0], [-0.5, 1.0]])
    torch.testing.assert_close(value, wanted, atol=1e-5, rtol=0)


def test_heatmap_is_the_gaussian_of_the_distance():
    value = torch.tensor([[[0.3, -0.2], [-1.0, 1.0]]])
    heatmap = gaussian_heatmaps(value, (12, 16), 0.01)
    distance = (coordinate_grid((12, 16), value) - value[:, :, None, None]).square().sum(-1)
    torch.testing.assert_close(heatmap, torch.exp(-0.5 * distance / 0.01))
    assert heatmap[0, 1, 11, 0] == 1


def test_identity_grid_returns_the_image_with_corner_alignment_only():
    image = torch.rand(2, 3, 16, 20)
    grid = coordinate_grid((16, 20), image).expand(2, -1, -1, -1)
    torch.testing.assert_close(warp(image, grid, align_corners=True), image, atol=1e-5, rtol=0)
    assert (warp(image, grid, align_corners=False) - image).abs().max() > 0.05


def test_one_image_serves_many_grids():
    image = torch.rand(1, 3, 8, 8)
    grid = coordinate_grid((8, 8), image) + 0.1 * torch.rand(5, 8, 8, 2)
    wanted = torch.cat([warp(image, one[None], True) for one in grid])
    torch.testing.assert_close(warp(image, grid, True), wanted)


def test_resized_identity_grid_keeps_its_size_and_symmetry():
    grid = coordinate_grid((8, 8), torch.zeros(1))[None]
    assert resize_grid(grid, (8, 8)) is grid
    resized = resize_grid(grid, (16, 16))
    torch.testing.assert_close(resized, -resized.flip(1, 2), atol=1e-6, rtol=0)


def test_downsample_takes_whole_reciprocals_only_and_keeps_flat_inner_parts():
    with pytest.raises(ValueError, match="1 over a whole number"):
        AntiAliasDownsample(3, 0.3)
    small = AntiAliasDownsample(1, 0.25)(torch.ones(1, 1, 64, 64))
    assert small.shape == (1, 1, 16, 16)
    torch.testing.assert_close(small[..., 4:-4, 4:-4], torch.ones(1, 1, 8, 8))


def test_equal_keypoints_give_identity_motions_and_the_source_back():
    torch.manual_seed(0)
    generator, motion = Generator(SMALL).eval(), random_motion(2)
    motions = create_sparse_motions(motion, motion, (16, 16))
    grid = coordinate_grid((16, 16), motions)
    torch.testing.assert_close(motions, grid.expand_as(motions), atol=1e-5, rtol=0)
    source = torch.rand(2, 3, 32, 32)
    config = SMALL.replace(dense_motion_scale=1.0)
    generated = Generator(config).eval()(source, motion, motion)
    torch.testing.assert_close(generated.deformed, source, atol=1e-5, rtol=0)
    assert generator.dense_motion_network.align_corners


def test_sparse_motion_carries_the_driving_keypoint_to_the_source_keypoint():
    kp_source, kp_driving = random_motion(1), random_motion(1, seed=1)
    value = torch.tensor([0.5, -0.5]).expand(1, 4, 2)  # a pixel's centre of a 5x5 grid
    motions = create_sparse_motions(kp_source, Motion(value, kp_driving.jacobian), (5, 5))
    torch.testing.assert_close(motions[0, 1:, 1, 3], kp_source.value[0])
    without = create_sparse_motions(Motion(kp_source.value), Motion(value), (5, 5))
    moved = coordinate_grid((5, 5), value) - value[0, 0] + kp_source.value[0, 2]
    torch.testing.assert_close(without[0, 3], moved)


def test_sparse_motions_refuse_motions_of_different_kinds():
    motion = random_motion(1)
    with pytest.raises(ValueError, match="keypoints"):
        create_sparse_motions(motion, random_motion(1, num_kp=3), (4, 4))
    with pytest.raises(ValueError, match="Jacobians"):
        create_sparse_motions(motion, Motion(motion.value), (4, 4))


def test_singular_driving_jacobian_stays_finite():
    motion = random_motion(1)
    motions = create_sparse_motions(motion, Motion(motion.value, torch.zeros(1, 4, 2, 2)), (8, 8))
    assert motions.isfinite().all()


def test_blended_output_is_the_warped_source_where_it_is_visible():
    torch.manual_seed(0)
    generator = Generator(SMALL.replace(blend_source=True)).eval()
    torch.nn.init.constant_(generator.dense_motion_network.occlusion.bias, 100.0)
    generated = generator(torch.rand(1, 3, 32, 32), random_motion(1), random_motion(1, seed=1))
    torch.testing.assert_close(generated.prediction, generated.deformed)


def test_transform_of_no_spread_is_the_identity():
    config = TransformConfig(sigma_affine=0, sigma_tps=0)
    transform = random_transform(config, 2, torch.Generator().manual_seed(0))
    points, image = torch.rand(2, 7, 2) * 2 - 1, torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(transform.points(points), points)
    torch.testing.assert_close(transform.jacobian(points), torch.eye(2).expand(2, 7, 2, 2))
    torch.testing.assert_close(transform.frame(image), image, atol=1e-5, rtol=0)


def test_random_transform_comes_from_its_generator():
    draw = [random_transform(TransformConfig(), 3, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(draw[0].theta, draw[1].theta) and not torch.equal(draw[0].theta, draw[2].theta)
    assert torch.equal(draw[0].control_params, draw[1].control_params)
    assert draw[0].to("cpu").control_params.shape == (3, 1, 25)


def test_transform_jacobian_is_the_derivative_and_keeps_the_graph():
    transform = random_transform(TransformConfig(sigma_tps=0.1), 2, torch.Generator().manual_seed(0))
    transform = Transform(transform.theta.double(), transform.control_params.double())
    points = (
        (torch.rand(2, 6, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1).double().requires_grad_()
    )
    moved = transform.points(points)
    rows = [torch.autograd.grad(moved[..., i].sum(), points, create_graph=True)[0] for i in range(2)]
    derivative = torch.stack(rows, dim=-2)
    torch.testing.assert_close(transform.jacobian(points), derivative)
    wanted = torch.autograd.grad(derivative.square().sum(), points)[0]
    got = torch.autograd.grad(transform.jacobian(points).square().sum(), points)[0]
    torch.testing.assert_close(got, wanted)
    assert wanted.abs().max() > 0


def test_doubling_and_convolution_equal_one_transposed_convolution():
    torch.manual_seed(0)
    conv, x = torch.nn.Conv2d(3, 5, 3, padding=1), torch.rand(2, 3, 6, 7)
    wanted = conv(torch.nn.functional.interpolate(x, scale_factor=2, mode="nearest"))
    torch.testing.assert_close(transposed_equivalent(conv)(x), wanted, atol=1e-6, rtol=1e-5)
    with pytest.raises(ValueError, match="3x3"):
        transposed_equivalent(torch.nn.Conv2d(3, 5, 7, padding=3))


def test_published_state_may_lack_counters_and_carry_a_prefix():
    torch.manual_seed(0)
    saved, loaded = KeypointDetector(SMALL), KeypointDetector(SMALL)
    state = {f"module.{k}": v for k, v in saved.state_dict().items() if "num_batches" not in k}
    load_published(loaded, state)
    torch.testing.assert_close(loaded.kp.weight, saved.kp.weight)


def test_state_of_another_layout_is_refused_in_words():
    state = KeypointDetector(SMALL.replace(num_kp=3)).state_dict()
    state["extra.weight"] = state.pop("kp.bias")
    told = r"1 missing .kp.bias.; 1 not expected .extra.weight.; .*jacobian.weight"
    with pytest.raises(ValueError, match=told):
        load_published(KeypointDetector(SMALL), state)
