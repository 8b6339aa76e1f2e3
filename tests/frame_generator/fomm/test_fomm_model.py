"""The FOMM as a whole: interface, inference copies, training signal."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib import losses
from fommvg_lib.checkpoints import load_weights, save_weights
from fommvg_lib.config.fomm import DiscriminatorConfig, FommConfig, FommModelConfig, HourglassConfig
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.frame_generator.fomm import (
    Fomm,
    MultiScaleDiscriminator,
    dense_motion,
    discriminator_loss,
    generator,
    generator_losses,
    random_transform,
    transform,
)
from fommvg_lib.frame_generator.fomm.blocks import ResBlock
from fommvg_lib.frame_generator.fomm.inference import WideResiduals
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import Vgg19Features, Vgg19Loss, build_perceptual
from fommvg_lib.precision import autocast
from fommvg_lib.synthetic import render_clip
from fommvg_lib.weights import DEFAULTS, find_weights

SIZE = 32
SMALL = FommModelConfig(
    num_kp=4,
    detector=HourglassConfig(4, 3, 16),
    detector_scale=0.5,
    dense_motion=HourglassConfig(4, 3, 16),
    dense_motion_scale=0.5,
    block_expansion=8,
    max_features=16,
    num_down_blocks=1,
    num_bottleneck_blocks=2,
)
VARIANTS = {
    "plain": {},
    "blend": {"blend_source": True},
    "grey": {"num_channels": 1},
    "zero order": {"estimate_jacobian": False},
    "single map": {"single_jacobian_map": True},
    "no occlusion": {"estimate_occlusion_map": False},
    "legacy sampling": {"align_corners": False},
    "no dense motion": {"dense_motion": None},
}


def build(seed=0, **changes):
    """A model whose batch statistics and Jacobians are not the trivial ones."""
    torch.manual_seed(seed)
    model = Fomm(SMALL.replace(**changes), SIZE)
    frames = torch.rand(8, model.num_channels, SIZE, SIZE)
    if model.kp_detector.jacobian is not None:
        torch.nn.init.normal_(model.kp_detector.jacobian.weight, 0, 0.01)
    with torch.no_grad():
        for _ in range(3):
            motion = model.kp_detector(frames)
            model.generator(frames, motion, Motion(motion.value.flip(0), motion.jacobian))
    return model.eval()


def clip(num_frames, channels=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num_frames, channels, SIZE, SIZE, generator=generator)


@torch.no_grad()
def plain(model, source, frames):
    kp_source = model.kp_detector(source[None])
    return torch.cat([model(source[None], kp_source, model.kp_detector(f[None])).prediction for f in frames])


def rendered(model, source, frames):
    return torch.cat(list(model.render(model.encode(source), model.extract(frames))))


@pytest.mark.parametrize("variant", VARIANTS)
def test_encoding_once_and_batches_equal_the_frame_by_frame_forward(variant):
    model = build(**VARIANTS[variant])
    frames = clip(5, model.num_channels)
    wanted = plain(model, frames[0], frames)
    model.batch_size = 2
    torch.testing.assert_close(rendered(model, frames[0], frames), wanted, atol=1e-5, rtol=0)
    fast = model.for_inference()
    torch.testing.assert_close(rendered(fast, frames[0], frames), wanted, atol=1e-5, rtol=0)


def test_render_streams_in_order_and_in_batches():
    model = build()
    frames = clip(5)
    model.batch_size = 2
    batches = list(model.render(model.encode(frames[0]), model.extract(frames)))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    model.batch_size = 5
    together = next(model.render(model.encode(frames[0]), model.extract(frames)))
    torch.testing.assert_close(torch.cat(batches), together, atol=1e-5, rtol=0)
    assert 0 <= together.min() and together.max() <= 1 and not together.requires_grad


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_16_bit_copy_keeps_keypoints_and_stays_close(precision):
    model = build()
    frames = clip(3)
    fast = model.for_inference(autocast=precision)
    motion, wanted = fast.extract(frames), model.extract(frames)
    assert motion.value.dtype == torch.float32
    torch.testing.assert_close(motion.value, wanted.value, atol=1e-5, rtol=0)
    difference = (rendered(fast, frames[0], frames) - rendered(model, frames[0], frames)).abs()
    assert 0 < difference.mean() <= 1 / 255
    assert precision == "bf16" or difference.max() <= 1 / 255


def test_16_bit_copy_keeps_norms_and_anti_alias_kernels_in_float32():
    half = build().for_inference(autocast="fp16", merge_layers=False)
    kept = {name for name, tensor in half.generator.state_dict().items() if tensor.dtype == torch.float32}
    cast = {name for name, tensor in half.generator.state_dict().items() if tensor.dtype == torch.float16}
    assert all(".norm" in name or name == "dense_motion_network.down.weight" for name in kept)
    assert "dense_motion_network.down.weight" in kept and "final.weight" in cast and len(cast) > 20
    assert not any(".norm" in name for name in cast)


def shipped_frames(num_frames):
    frames = render_clip(1, 0, num_frames=num_frames).frames
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def test_shipped_model_in_float16_is_within_one_grey_level_of_float32():
    model = Fomm.from_weights(load_weights(find_weights(DEFAULTS["fomm"])))
    frames = shipped_frames(4)
    wanted = rendered(model.for_inference(), frames[0], frames)
    difference = rendered(model.for_inference(autocast="fp16"), frames[0], frames) - wanted
    assert 0 < difference.abs().max() <= 1 / 255


@pytest.mark.gpu
def test_vox_256_sizes_in_float16_are_within_one_grey_level_of_float32_on_a_gpu():
    from tests.bench.animate_speed import driving_frames, ours, random_fomm

    source, driving = driving_frames(8)
    model = random_fomm().cuda()
    wanted = ours(model.for_inference(), source, driving)
    assert wanted.std() > 0.02
    difference = ours(model.for_inference(autocast="fp16"), source, driving) - wanted
    assert 0 < difference.abs().max() <= 1 / 255


def test_residual_sum_of_a_float16_copy_may_pass_65504():
    blocks = torch.nn.Sequential(*(ResBlock(4) for _ in range(4))).eval()
    with torch.no_grad():
        for block, added in zip(blocks, (49152.0, 49152.0, -49152.0, -49152.0), strict=True):
            block.norm1.weight.fill_(1e-3)  # as a trained norm does, it makes large sums small
            block.conv2.weight.zero_()
            block.conv2.bias.fill_(added)
            block.conv1.half(), block.conv2.half()
    frames = torch.rand(2, 4, 8, 8).half()
    with torch.no_grad():
        assert not blocks.half()(frames).isfinite().all()
        for block in blocks:
            block.norm1.float(), block.norm2.float()
        summed = WideResiduals(blocks)(frames)
    assert summed.dtype == torch.float16
    torch.testing.assert_close(summed, frames, atol=0.01, rtol=0)  # 98304 + x keeps steps of 1/128


def test_float16_copy_bears_large_activations():
    model = build()
    with torch.no_grad():
        for block in model.generator.bottleneck:
            block.conv2.weight.mul_(2e4)
        frames = clip(8)
        for norm in (m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.momentum = 1.0  # take the statistics of the large values
        motion = model.train().kp_detector(frames)
        model.generator(frames, motion, Motion(motion.value.flip(0), motion.jacobian))
    model.eval()
    sums = []
    model.generator.bottleneck.register_forward_hook(
        lambda module, entering, left: sums.append(left.abs().max())
    )
    wanted = rendered(model, frames[0], frames)
    assert 2e4 < max(sums) < 65504
    difference = rendered(model.for_inference(autocast="fp16"), frames[0], frames) - wanted
    assert 0 < difference.abs().max() <= 1 / 255


@pytest.mark.parametrize(
    ("layer", "factor"),
    [
        ("generator.first.norm", 1e7),
        ("generator.bottleneck.r1.conv2", 1e7),
        ("generator.final", 1e8),
        ("generator.dense_motion_network.mask", 1e9),
    ],
)
def test_values_beyond_float16_are_reported_not_rendered(layer, factor):
    model = build()
    with torch.no_grad():
        model.get_submodule(layer).weight.mul_(factor)
    frames = clip(3)
    for precision in ("fp32", "bf16"):
        assert rendered(model.for_inference(autocast=precision), frames[0], frames).isfinite().all()
    with pytest.raises(RunError, match="beyond float16's range .* use precision fp32 or bf16"):
        rendered(model.for_inference(autocast="fp16"), frames[0], frames)


def test_inference_copy_leaves_the_model_alone_and_cannot_be_saved():
    model = build()
    before = {name: tensor.clone() for name, tensor in model.state_for_saving().items()}
    fast = model.train().for_inference()
    assert model.training and not fast.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    with pytest.raises(RuntimeError, match="made for inference"):
        fast.state_for_saving()
    with pytest.raises(ValueError, match="auto, fp32, bf16, fp16, got 'fp8'"):
        model.for_inference(autocast="fp8")


def test_no_batch_norm_that_follows_a_convolution_is_left_in_an_inference_copy():
    norms = [n for n, m in build().for_inference().named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == ["generator.bottleneck.r0.norm1", "generator.bottleneck.r1.norm1"]


def test_saved_model_renders_the_same_when_loaded(tmp_path):
    model = build()
    digest = save_weights(tmp_path, "fomm", model.config.to_dict(), model.state_for_saving(), {"size": SIZE})
    loaded = load_frame_generator(tmp_path)
    assert (loaded.kind, loaded.size, loaded.num_channels, loaded.num_kp) == ("fomm", SIZE, 3, 4)
    assert loaded.weights_hash == digest
    frames = clip(2)
    wanted = rendered(model, frames[0], frames)
    torch.testing.assert_close(rendered(loaded, frames[0], frames), wanted, atol=1e-5, rtol=0)
    exact = Fomm.from_weights(load_weights(tmp_path, "fomm"))
    assert torch.equal(rendered(exact, frames[0], frames), wanted)


def test_weights_that_are_no_frame_generator_are_refused_in_one_line(tmp_path):
    model = build()
    save_weights(tmp_path / "vp", "vp", {}, {"a": torch.zeros(1)}, {})
    with pytest.raises(InputError, match="holds vp weights, no frame generator"):
        load_frame_generator(tmp_path / "vp")
    save_weights(tmp_path / "torn", "fomm", model.config.to_dict(), {"a": torch.zeros(1)}, {"size": SIZE})
    with pytest.raises(InputError, match="does not fit Fomm") as error:
        load_frame_generator(tmp_path / "torn")
    assert "\n" not in str(error.value)
    save_weights(tmp_path / "odd", "fomm", {"layers": 3}, model.state_for_saving(), {"size": SIZE})
    with pytest.raises(InputError, match="no field 'layers'"):
        load_frame_generator(tmp_path / "odd")


def test_wrong_shapes_are_refused():
    model = build()
    with pytest.raises(ValueError, match="frames must be"):
        model.extract(torch.zeros(2, 1, SIZE, SIZE))
    source = model.encode(torch.zeros(3, SIZE, SIZE))
    with pytest.raises(ValueError, match="keypoints"):
        next(model.render(source, Motion(torch.zeros(1, 3, 2))))
    with pytest.raises(ValueError, match="background"):
        next(model.render(source, source.motion, torch.eye(3)[None]))
    assert model.background(source, torch.zeros(2, 3, SIZE, SIZE)) is None
    with pytest.raises(InputError, match="size must be divisible by 16"):
        model.check_size(40)


def config(**changes):
    weights = {"perceptual": "pixel", "loss_weights.perceptual": (10.0, 0.0, 10.0), "scales": (1.0, 0.5)}
    return FommConfig().replace(size=SIZE, model=SMALL, **weights).replace(**changes)


def losses_of(model, settings, frames, discriminator=None, seed=0):
    perceptual = build_perceptual("pixel", settings.scales, settings.loss_weights.perceptual)
    drawn = random_transform(settings.transform, len(frames) // 2, torch.Generator().manual_seed(seed))
    source, driving = frames.chunk(2)
    return generator_losses(model, discriminator, source, driving, drawn, settings, perceptual)


@pytest.mark.parametrize(
    "variant", [name for name in VARIANTS if name not in ("zero order", "no dense motion")]
)
def test_gradients_reach_each_part(variant):
    settings = config(**{f"model.{name}": value for name, value in VARIANTS[variant].items()})
    model = build(**VARIANTS[variant]).train()
    terms, made = losses_of(model, settings, clip(4, model.num_channels))
    assert set(terms) == {"pixel", "equivariance_value", "equivariance_jacobian"}
    assert made.generated.prediction.shape == made.transformed_frame.shape
    torch.stack(list(terms.values())).sum().backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []
    for part in (model.kp_detector.kp, model.kp_detector.jacobian, model.generator.first.conv):
        assert part.weight.grad.abs().sum() > 0
    assert model.generator.dense_motion_network.mask.weight.grad.abs().sum() > 0


def test_zero_order_model_trains_without_the_jacobian_term():
    settings = config(**{"loss_weights.equivariance_jacobian": 0.0, "model.estimate_jacobian": False})
    terms, _ = losses_of(build(estimate_jacobian=False).train(), settings, clip(4))
    assert set(terms) == {"pixel", "equivariance_value"}


def test_equivariance_vanishes_for_the_identity_transform():
    settings = config(**{"transform.sigma_affine": 0.0, "transform.sigma_tps": 0.0})
    terms, _ = losses_of(build(), settings, clip(4))
    assert terms["equivariance_value"] < 1e-3 and terms["equivariance_jacobian"] < 1e-3


def test_adversarial_terms_leave_the_discriminators_real_side_and_keypoints_out_of_the_graph():
    settings = config(**{
        "loss_weights.generator_gan": 1.0,
        "loss_weights.feature_matching": (10.0, 10.0),
        "discriminator": DiscriminatorConfig((1.0, 0.5), 4, 16, 2, spectral_norm=True, use_kp=True),
    })  # fmt: skip
    torch.manual_seed(0)
    discriminator = MultiScaleDiscriminator(settings.discriminator, 3, 4)
    model = build().train()
    terms, made = losses_of(model, settings, clip(4), discriminator)
    assert {"gen_gan", "feature_matching"} < set(terms)
    against = discriminator_loss(discriminator, clip(2), made.generated.prediction, made.kp_driving, settings)
    against["disc_gan"].backward()
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(parameter.grad is not None for parameter in discriminator.parameters())
    with pytest.raises(ValueError, match="needs a discriminator"):
        losses_of(model, settings, clip(4))


def shapes(seed):
    """Two frames: a bright square that moves over a gradient."""
    image = torch.linspace(0, 0.4, SIZE).expand(3, SIZE, SIZE).clone()
    frames = torch.stack([image, image])
    frames[0, :, 8:18, 6:16] = torch.tensor([0.9, 0.7, 0.2])[:, None, None]
    frames[1, :, 12:22, 14:24] = torch.tensor([0.9, 0.7, 0.2])[:, None, None]
    return frames


def test_two_frame_overfit_lowers_the_loss():
    settings = config(**{"model.blend_source": True})
    torch.manual_seed(0)
    model = Fomm(settings.model, SIZE).train()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, betas=(0.5, 0.999))
    frames = shapes(0)
    source, driving = frames, frames.flip(0)
    history = []
    for step in range(40):
        terms, _ = losses_of(model, settings, torch.cat([source, driving]), seed=step)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        history.append(terms["pixel"].item())
    assert sum(history[-5:]) < 0.6 * sum(history[:5])


def recorded(monkeypatch, module, name):
    """Let a function note the types of the tensors that it is given."""
    function, types = getattr(module, name), set()

    def note(*args, **kwargs):
        types.update(value.dtype for value in args if isinstance(value, torch.Tensor))
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, note)
    return types


def test_bf16_training_keeps_geometry_in_float32(monkeypatch):
    settings = config()
    model = build().train()
    inverted = [recorded(monkeypatch, module, "inverse_2x2") for module in (dense_motion, losses)]
    warped = [recorded(monkeypatch, module, "warp") for module in (dense_motion, generator, transform)]
    convolved = []
    model.generator.final.register_forward_hook(lambda module, entering, left: convolved.append(left.dtype))
    with autocast(torch.device("cpu"), "bf16"):
        terms, made = losses_of(model, settings, clip(4))
    assert convolved == [torch.bfloat16]
    dense = made.generated.dense
    geometry = [dense.deformation, dense.mask, dense.occlusion_map, made.generated.prediction]
    for motion in (made.kp_source, made.kp_driving, made.transformed_kp):
        geometry += [motion.value, motion.jacobian]
    assert {tensor.dtype for tensor in [*geometry, *terms.values()]} == {torch.float32}
    assert inverted == [{torch.float32}, {torch.float32}]
    assert warped[0] == warped[2] == {torch.float32}
    assert warped[1] == {torch.float32, torch.bfloat16}  # features are sampled in float32, see `grid.warp`
    torch.stack(list(terms.values())).sum().backward()
    for parameter in model.parameters():
        assert parameter.grad.dtype == torch.float32 and parameter.grad.isfinite().all()


def test_bf16_training_takes_means_over_bfloat16_maps_in_float32():
    settings = config(**{
        "loss_weights.generator_gan": 1.0,
        "loss_weights.feature_matching": (10.0, 10.0),
        "discriminator": DiscriminatorConfig((1.0, 0.5), 4, 16, 2),
    })  # fmt: skip
    torch.manual_seed(0)
    discriminator = MultiScaleDiscriminator(settings.discriminator, 3, 4)
    vgg = Vgg19Loss(settings.scales, (1.0,) * 5, Vgg19Features((4,) * 5))
    with autocast(torch.device("cpu"), "bf16"):
        terms, made = losses_of(build().train(), settings, clip(4), discriminator)
        prediction = made.generated.prediction
        terms |= discriminator_loss(discriminator, clip(2), prediction, made.kp_driving, settings)
        terms["perceptual"] = vgg(prediction, clip(2))
        (judged,) = (judgement for scale, judgement in discriminator(clip(2)).items() if scale == 1)
    assert judged.prediction_map.dtype == torch.bfloat16
    assert {name: term.dtype for name, term in terms.items()} == dict.fromkeys(terms, torch.float32)
    assert {"gen_gan", "feature_matching", "disc_gan", "perceptual"} < set(terms)
