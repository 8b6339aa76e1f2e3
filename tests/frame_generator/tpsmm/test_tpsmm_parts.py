"""The Thin-Plate-Spline Motion Model's parts: sizes, initial state, closed forms."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fommvg_lib.config.fomm import HourglassConfig, TransformConfig
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig, TpsmmModelConfig
from fommvg_lib.frame_generator.grid import coordinate_grid
from fommvg_lib.frame_generator.resnet import ResNet18
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork, random_stretch
from fommvg_lib.frame_generator.tpsmm.background_predictor import BackgroundPredictor, background_grid
from fommvg_lib.frame_generator.tpsmm.blocks import InstanceNorm, warp_by
from fommvg_lib.frame_generator.tpsmm.dense_motion import DenseMotionNetwork, create_sparse_motions
from fommvg_lib.frame_generator.tpsmm.dropout import draw_kept, softmax_of_kept
from fommvg_lib.frame_generator.tpsmm.inference import fold_batch_norms, merge_upsampling
from fommvg_lib.frame_generator.tpsmm.inpainting import InpaintingNetwork
from fommvg_lib.frame_generator.tpsmm.keypoint_detector import KeypointDetector
from fommvg_lib.frame_generator.tpsmm.losses import background_cycle, feature_warp
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import fit_splines
from fommvg_lib.frame_generator.tpsmm.transform import random_transform
from fommvg_lib.motion import Motion
from fommvg_lib.share import Share

FULL = TpsmmModelConfig()
SMALL = TpsmmModelConfig(
    num_tps=3,
    detector_width=4,
    background_width=4,
    dense_motion=HourglassConfig(4, 3, 16),
    dense_motion_scale=0.5,
    block_expansion=4,
    max_features=8,
    num_down_blocks=2,
)


def count(build):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build().parameters())


def random_points(*shape, seed=0):
    return 1.6 * torch.rand(*shape, 2, generator=torch.Generator().manual_seed(seed)) - 0.8


def random_motion(batch, num_kp=15, seed=0):
    return Motion(random_points(batch, num_kp, seed=seed))


def test_parameter_counts_are_those_of_the_published_networks():
    assert count(lambda: KeypointDetector(FULL)) == 11_227_812
    assert count(lambda: BackgroundPredictor(FULL)) == 11_188_998
    assert count(lambda: DenseMotionNetwork(FULL)) == 37_941_397
    assert count(lambda: DenseMotionNetwork(FULL.replace(estimate_background=False))) == 37_941_397
    assert count(lambda: InpaintingNetwork(FULL)) == 24_737_283
    assert count(lambda: AvdNetwork(AvdNetworkConfig(128, 128), 50)) == 2_583_652


@pytest.mark.parametrize("size", [256, 384])
def test_published_networks_have_the_published_shapes(size):
    with torch.device("meta"):
        image = torch.zeros(2, 3, size, size)
        numbers = KeypointDetector(FULL).fg_encoder(image)
        network = DenseMotionNetwork(FULL)
        decoded = network.hourglass(torch.zeros(2, 84, size // 4, size // 4))
        logits, visible = network._heads(decoded)
        features = InpaintingNetwork(FULL).encode(image)
    assert numbers.shape == (2, 100) and logits.shape == (2, 11, size // 4, size // 4)
    widths = [(2048, size // 64), (1024, size // 32), (512, size // 16), (256, size // 8), (148, size // 4)]
    assert [tuple(x.shape[1:3]) for x in decoded] == widths
    sides = [size // 8, size // 4, size // 2, size]
    assert [tuple(x.shape[1:]) for x in visible] == [(1, side, side) for side in sides]
    widths = [(64, size), (128, size // 2), (256, size // 4), (512, size // 8)]
    assert [tuple(x.shape[1:3]) for x in features] == widths


def test_spline_without_ridge_interpolates():
    origin, target = random_points(2, 3, 5).double(), random_points(2, 3, 5, seed=1).double()
    torch.testing.assert_close(fit_splines(origin, target, ridge=0.0).points(origin), target)


def test_spline_of_equal_points_is_nearly_the_identity():
    spread = torch.tensor([[-0.6, -0.6], [0.6, -0.6], [0.0, 0.0], [-0.6, 0.6], [0.6, 0.6]])
    points = spread + 0.1 * random_points(4, 6, 5)
    splines = fit_splines(points, points)
    grid = coordinate_grid((9, 9), points)
    assert 0 < (splines.grid((9, 9)) - grid).abs().max() < 0.05  # the ridge
    exact = fit_splines(points.double(), points.double(), ridge=0.0)
    torch.testing.assert_close(exact.grid((9, 9)), grid.double().expand(4, 6, 9, 9, 2), atol=1e-6, rtol=0)


def test_spline_carries_an_affine_map_exactly_without_bending():
    points = random_points(1, 2, 5).double()
    matrix, shift = torch.tensor([[0.9, 0.2], [-0.1, 1.1]]).double(), torch.tensor([0.1, -0.2]).double()
    splines = fit_splines(points, points @ matrix.T + shift, ridge=0.0)
    torch.testing.assert_close(splines.theta[0, 0], torch.cat([matrix, shift[:, None]], dim=1))
    torch.testing.assert_close(splines.weights, torch.zeros(1, 2, 5, 2).double(), atol=1e-9, rtol=0)


def test_grid_is_the_spline_at_each_pixel():
    splines = fit_splines(random_points(2, 3, 5), random_points(2, 3, 5, seed=1))
    points = coordinate_grid((7, 9), splines.theta).flatten(0, 1).expand(2, 3, -1, -1)
    torch.testing.assert_close(
        splines.grid((7, 9)).flatten(2, 3), splines.points(points), atol=1e-5, rtol=1e-5
    )


def test_coinciding_points_leave_the_system_solvable_and_gradients_finite():
    origin = torch.zeros(1, 1, 5, 2, requires_grad=True)
    grid = fit_splines(origin, random_points(1, 1, 5)).grid((4, 4))
    grid.sum().backward()
    assert grid.isfinite().all() and origin.grad.isfinite().all()


def test_splines_stay_float32_under_autocast():
    origin, target = random_points(1, 3, 5), random_points(1, 3, 5, seed=1)
    wanted = fit_splines(origin, target).grid((8, 8))
    with torch.autocast("cpu", torch.bfloat16):
        splines = fit_splines(origin, target)
        assert torch.equal(splines.grid((8, 8)), wanted)
        assert splines.points(origin).dtype == torch.float32


def test_one_source_serves_many_driving_frames():
    source, driving = random_motion(1), random_motion(4, seed=1)
    wanted = create_sparse_motions(source.expand(4), driving, (6, 6))
    assert torch.equal(create_sparse_motions(source, driving, (6, 6)), wanted)
    with pytest.raises(ValueError, match="keypoints"):
        create_sparse_motions(random_motion(1, 20), driving, (6, 6))


def test_background_candidate_is_the_identity_or_the_cameras_map():
    motion, grid = random_motion(1), coordinate_grid((5, 5), torch.zeros(1))
    assert torch.equal(create_sparse_motions(motion, motion, (5, 5))[0, 0], grid)
    still = create_sparse_motions(motion, motion, (5, 5), torch.eye(3)[None])
    torch.testing.assert_close(still[0, 0], grid)
    shift = torch.tensor([[[2.0, 0.0, 0.5], [0.0, 2.0, -1.0], [0.0, 0.0, 2.0]]])
    moved = background_grid(shift, (5, 5))[0]
    torch.testing.assert_close(moved, grid + torch.tensor([0.25, -0.5]))


def test_background_predictor_starts_as_the_identity():
    torch.manual_seed(0)
    predictor = BackgroundPredictor(SMALL)
    source, driving = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    there, back = predictor(source, driving), predictor(driving, source)
    assert torch.equal(there, torch.eye(3).expand(2, 3, 3))
    assert background_cycle(there, back) == 0


def test_background_cycle_vanishes_for_inverse_maps_only():
    there = torch.eye(3) + 0.1 * torch.rand(4, 3, 3, generator=torch.Generator().manual_seed(0))
    assert background_cycle(there, torch.linalg.inv(there)) < 1e-6
    assert background_cycle(there, there) > 0.01


def test_dropout_of_probability_zero_is_the_softmax():
    logits = torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    kept = draw_kept(2, 5, 0.0, torch.Generator().manual_seed(0))
    assert kept.all()
    torch.testing.assert_close(softmax_of_kept(logits, kept), logits.softmax(1), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(softmax_of_kept(logits, None), logits.softmax(1))


def test_dropout_keeps_the_background_and_leaves_out_as_many_as_asked():
    kept = draw_kept(4000, 10, 0.3, torch.Generator().manual_seed(0))
    assert kept[:, 0].all()
    assert abs((~kept[:, 1:]).float().mean().item() - 0.3) < 0.01
    maps = softmax_of_kept(0.1 * torch.randn(4000, 11, 2, 2), kept)
    torch.testing.assert_close(maps.sum(1), torch.ones(4000, 2, 2), atol=1e-5, rtol=0)
    assert not maps[~kept].any()


def test_dropout_and_transform_of_a_share_are_parts_of_the_whole():
    kept = draw_kept(6, 4, 0.5, torch.Generator().manual_seed(3))
    transform = random_transform(TransformConfig(), 6, torch.Generator().manual_seed(3))
    image = torch.rand(6, 3, 8, 8)
    whole = transform.frame(image)
    shares = [Share(index, 3) for index in range(3)]
    assert torch.equal(torch.cat([share.of(kept) for share in shares]), kept)
    parts = [transform.part(share).frame(share.of(image)) for share in shares]
    torch.testing.assert_close(torch.cat(parts), whole)


def test_transform_of_no_spread_is_the_identity():
    transform = random_transform(TransformConfig(sigma_affine=0, sigma_tps=0), 2, torch.Generator())
    points, image = random_points(2, 7), torch.rand(2, 3, 16, 16)
    torch.testing.assert_close(transform.points(points), points)
    torch.testing.assert_close(transform.frame(image), image, atol=1e-5, rtol=0)


def test_random_transform_comes_from_its_generator_and_moves_x_and_y_alike():
    draw = [random_transform(TransformConfig(), 3, torch.Generator().manual_seed(s)) for s in (0, 0, 1)]
    assert torch.equal(draw[0].theta, draw[1].theta) and not torch.equal(draw[0].theta, draw[2].theta)
    assert torch.equal(draw[0].weights[..., 0], draw[0].weights[..., 1])
    assert draw[0].to("cpu").control_points.shape == (3, 25, 2)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs_and_keeps_memory_order(batch, memory_format):
    torch.manual_seed(0)
    x = torch.randn(batch, 6, 5, 4).contiguous(memory_format=memory_format) + 3
    norm = InstanceNorm(6)
    torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    wanted = F.instance_norm(x, weight=norm.weight, bias=norm.bias)
    torch.testing.assert_close(norm(x), wanted, atol=1e-5, rtol=1e-5)
    assert norm(x).is_contiguous(memory_format=memory_format)


def test_occlusion_maps_fit_the_inpainting_networks_sizes():
    for scale, blocks, downs in [(0.5, 3, 1), (0.5, 3, 3), (0.25, 2, 3), (1.0, 3, 2)]:
        sizes = {"dense_motion_scale": scale, "dense_motion": HourglassConfig(4, blocks, 16)}
        config = SMALL.replace(**sizes, num_down_blocks=downs)
        image, motion = torch.rand(1, 3, 64, 64), random_motion(1)
        network = DenseMotionNetwork(config)
        dense = network(network.prepare(image, motion), motion)
        features = InpaintingNetwork(config).encode(image)
        assert [x.shape[-1] for x in dense.occlusion_maps] == [x.shape[-1] for x in reversed(features)]


def test_identity_flow_returns_the_source_at_any_size():
    image = torch.rand(2, 3, 32, 32)
    grid = coordinate_grid((8, 8), image).expand(2, -1, -1, -1)
    torch.testing.assert_close(warp_by(grid, image), image, atol=1e-5, rtol=0)


def test_gradient_of_the_warp_loss_reaches_the_flow_only():
    torch.manual_seed(0)
    image, driving = torch.rand(2, 2, 3, 32, 32)
    dense_motion, network = DenseMotionNetwork(SMALL), InpaintingNetwork(SMALL)
    source, kp_driving = random_motion(2), Motion(random_points(2, 15, seed=1).requires_grad_())
    dense = dense_motion(dense_motion.prepare(image, source), kp_driving)
    generated = network(image, dense, driving)
    feature_warp(generated.driving_maps, generated.warped_maps).backward()
    assert all(parameter.grad is None for parameter in network.parameters())
    heads = [parameter.grad for parameter in dense_motion.occlusion.parameters()]
    assert all(gradient is None or not gradient.any() for gradient in heads)
    assert dense_motion.maps.weight.grad.abs().sum() > 0 and kp_driving.value.grad.abs().sum() > 0


def test_warp_loss_vanishes_for_a_frame_that_is_the_source_unmoved():
    maps = [torch.rand(1, 4, 8, 8), torch.rand(1, 2, 16, 16)]
    assert feature_warp(maps, maps) == 0


def test_visible_source_shows_through():
    torch.manual_seed(0)
    network, dense_motion = InpaintingNetwork(SMALL), DenseMotionNetwork(SMALL)
    for head in dense_motion.occlusion:
        torch.nn.init.constant_(head.bias, 100.0)
    image, motion = torch.rand(1, 3, 32, 32), random_motion(1)
    generated = network(image, dense_motion(dense_motion.prepare(image, motion), random_motion(1, seed=1)))
    torch.testing.assert_close(generated.prediction, generated.deformed)


def test_avd_puts_pose_before_identity_and_leaves_points_unlimited():
    torch.manual_seed(0)
    network = AvdNetwork(AvdNetworkConfig(4, 6), 15).eval()
    first, second = random_motion(3), random_motion(3, seed=1)
    pose, identity = network.pose_encoder(second.value.flatten(1)), network.id_encoder(first.value.flatten(1))
    assert pose.shape == (3, 6) and identity.shape == (3, 4)
    wanted = network.decoder(torch.cat([pose, identity], dim=1)).unflatten(1, (15, 2))
    assert torch.equal(network(first, second).value, wanted)
    torch.nn.init.constant_(network.decoder[-1].bias, 3.0)
    assert network(first, second).value.max() > 1


def test_stretch_lies_within_its_amplitude_for_each_axis():
    stretch = random_stretch(1000, 0.25, torch.Generator().manual_seed(0))
    assert stretch.shape == (1000, 1, 2)
    assert 0.75 <= stretch.min() < 0.76 and 1.24 < stretch.max() <= 1.25
    assert not torch.equal(stretch[..., 0], stretch[..., 1])


def test_folded_resnet_gives_the_same_numbers():
    torch.manual_seed(0)
    network, image = ResNet18(3, 7, 4), torch.rand(4, 3, 48, 40)
    for _ in range(3):
        network(image)
    network.eval()
    wanted = network(image)
    fold_batch_norms(network)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in network.modules())
    torch.testing.assert_close(network(image), wanted, atol=1e-5, rtol=1e-4)


def test_wide_up_blocks_are_not_merged():
    with torch.device("meta"):
        network = DenseMotionNetwork(FULL)
    network = network.to_empty(device="meta")
    merge_upsampling(network)
    kinds = [type(block.conv).__name__ for block in network.hourglass.decoder.up_blocks]
    assert kinds == ["Conv2d", "Conv2d", *["ConvTranspose2d"] * 3]
