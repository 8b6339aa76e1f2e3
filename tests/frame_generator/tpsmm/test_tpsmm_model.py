"""The TPSMM as a whole: interface, inference copies, training signal."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.checkpoints import load_weights, save_weights
from fommvg_lib.config.fomm import HourglassConfig
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig, TpsmmModelConfig
from fommvg_lib.files import InputError, RunError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.frame_generator.tpsmm import (
    AvdNetwork,
    Tpsmm,
    avd_losses,
    draw_kept,
    generator_losses,
    random_stretch,
    random_transform,
)
from fommvg_lib.motion import Motion
from fommvg_lib.perceptual import build_perceptual

SIZE = 32
SMALL = TpsmmModelConfig(
    num_tps=3,
    detector_width=4,
    background_width=4,
    dense_motion=HourglassConfig(4, 3, 16),
    dense_motion_scale=0.5,
    block_expansion=8,
    max_features=16,
    num_down_blocks=2,
)
VARIANTS = {
    "plain": {},
    "no background": {"estimate_background": False},
    "single mask": {"multi_mask": False},
    "grey": {"num_channels": 1},
    "published scale": {
        "dense_motion_scale": 0.25, "num_down_blocks": 3, "dense_motion": HourglassConfig(4, 2, 16),
    },
    "with avd": {"avd": AvdNetworkConfig(4, 4)},
}  # fmt: skip


def build(seed=0, **changes):
    """A model whose batch statistics and camera motions are not the trivial ones."""
    torch.manual_seed(seed)
    model = Tpsmm(SMALL.replace(**changes), SIZE)
    frames = torch.rand(8, model.num_channels, SIZE, SIZE)
    if model.bg_predictor is not None:
        torch.nn.init.normal_(model.bg_predictor.bg_encoder.fc.weight, 0, 0.02)
    with torch.no_grad():
        for _ in range(3):
            model.kp_detector(frames)
            if model.bg_predictor is not None:
                model.bg_predictor(frames, frames.flip(0))
    return model.eval()


def clip(num_frames, channels=3, seed=1):
    """Soft pictures: noise of single pixels would magnify the rounding of keypoints."""
    coarse = torch.rand(num_frames, channels, 5, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear", align_corners=True)


@torch.no_grad()
def plain(model, source, frames, with_background=True):
    source, made = source[None], []
    kp_source = model.kp_detector(source)
    for frame in frames:
        has_background = with_background and model.bg_predictor is not None
        background = model.predict_background(source, frame[None]) if has_background else None
        made.append(model(source, kp_source, model.kp_detector(frame[None]), background).prediction)
    return torch.cat(made)


def rendered(model, source, frames, with_background=True):
    encoded = model.encode(source)
    background = model.background(encoded, frames) if with_background else None
    return torch.cat(list(model.render(encoded, model.extract(frames), background)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_encoding_once_and_batches_equal_the_frame_by_frame_forward(variant):
    model = build(**VARIANTS[variant])
    frames = clip(5, model.num_channels)
    for with_background in (True, False):
        wanted = plain(model, frames[0], frames, with_background)
        model.batch_size = 2
        made = rendered(model, frames[0], frames, with_background)
        torch.testing.assert_close(made, wanted, atol=5e-5, rtol=0)
        made = rendered(model.for_inference(), frames[0], frames, with_background)
        torch.testing.assert_close(made, wanted, atol=1e-4, rtol=0)
    assert wanted.std() > 0.01


def test_render_streams_in_order_and_in_batches():
    model = build()
    frames = clip(5)
    model.batch_size = 2
    encoded, motion = model.encode(frames[0]), model.extract(frames)
    background = model.background(encoded, frames)
    batches = list(model.render(encoded, motion, background))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    model.batch_size = 5
    together = next(model.render(encoded, motion, background))
    torch.testing.assert_close(torch.cat(batches), together, atol=5e-5, rtol=0)
    assert 0 <= together.min() and together.max() <= 1 and not together.requires_grad


def test_background_follows_the_camera_only_if_given():
    model, still = build(), build(estimate_background=False)
    frames = clip(3)
    encoded = model.encode(frames[0])
    background = model.background(encoded, frames)
    assert background.shape == (3, 3, 3)
    assert still.background(still.encode(frames[0]), frames) is None
    motion = model.extract(frames)
    moved = next(model.render(encoded, motion, background))
    assert (moved - next(model.render(encoded, motion))).abs().max() > 1e-3
    identity = torch.eye(3).expand(3, 3, 3)
    same = next(model.render(encoded, motion, identity))
    torch.testing.assert_close(same, next(model.render(encoded, motion)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_copy_keeps_keypoints_and_stays_close(precision):
    model = build()
    frames = clip(3)
    fast = model.for_inference(autocast=precision)
    motion, wanted = fast.extract(frames), model.extract(frames)
    assert motion.value.dtype == torch.float32
    torch.testing.assert_close(motion.value, wanted.value, atol=1e-5, rtol=0)
    difference = (rendered(fast, frames[0], frames) - rendered(model, frames[0], frames)).abs()
    assert 0 < difference.mean() <= 1 / 255


def test_inference_copy_leaves_the_model_alone_and_cannot_be_saved():
    model = build()
    before = {name: tensor.clone() for name, tensor in model.state_for_saving().items()}
    fast = model.train().for_inference()
    assert model.training and not fast.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in fast.modules())
    with pytest.raises(RuntimeError, match="made for inference"):
        fast.state_for_saving()
    with pytest.raises(ValueError, match="made for inference already"):
        fast.for_inference()
    with pytest.raises(ValueError, match="autocast must be"):
        model.for_inference(autocast="fp8")


def test_values_beyond_float16_are_refused():
    model = build()
    torch.nn.init.constant_(model.inpainting_network.first.norm.weight, 1e7)
    with pytest.raises(RunError, match="float16"):
        model.for_inference(autocast="fp16").encode(clip(1)[0])


def test_saved_model_renders_the_same_when_loaded(tmp_path):
    model = build(avd=AvdNetworkConfig(4, 4))
    state = model.state_for_saving()
    parts = {name.split(".")[0] for name in state}
    assert parts == {
        "kp_detector", "dense_motion_network", "inpainting_network", "bg_predictor", "avd_network",
    }  # fmt: skip
    digest = save_weights(tmp_path, "tpsmm", model.config.to_dict(), state, {"size": SIZE})
    loaded = load_frame_generator(tmp_path)
    assert (loaded.kind, loaded.size, loaded.num_channels) == ("tpsmm", SIZE, 3)
    assert (loaded.num_kp, loaded.num_dims, loaded.weights_hash) == (15, 30, digest)
    frames = clip(2)
    wanted = rendered(model, frames[0], frames)
    torch.testing.assert_close(rendered(loaded, frames[0], frames), wanted, atol=1e-4, rtol=0)
    exact = Tpsmm.from_weights(load_weights(tmp_path, "tpsmm"))
    assert torch.equal(rendered(exact, frames[0], frames), wanted)


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path):
    model = build()
    state = {k: v for k, v in model.state_for_saving().items() if not k.startswith("bg_predictor")}
    save_weights(tmp_path / "torn", "tpsmm", model.config.to_dict(), state, {"size": SIZE})
    with pytest.raises(InputError, match=r"does not fit Tpsmm: .* missing .bg_predictor") as error:
        load_frame_generator(tmp_path / "torn")
    assert "\n" not in str(error.value)
    save_weights(tmp_path / "odd", "tpsmm", {"layers": 3}, state, {"size": SIZE})
    with pytest.raises(InputError, match="no field 'layers'"):
        load_frame_generator(tmp_path / "odd")


def test_wrong_shapes_are_refused():
    model = build()
    with pytest.raises(ValueError, match="frames must be"):
        model.extract(torch.zeros(2, 1, SIZE, SIZE))
    source = model.encode(torch.zeros(3, SIZE, SIZE))
    with pytest.raises(ValueError, match="keypoints"):
        next(model.render(source, Motion(torch.zeros(1, 3, 2))))
    with pytest.raises(ValueError, match=r"background must be \(1, 3, 3\)"):
        next(model.render(source, source.motion, torch.eye(3).expand(2, 3, 3)))
    with pytest.raises(InputError, match="size must be divisible by 16"):
        model.check_size(40)
    with pytest.raises(ValueError, match="no background predictor"):
        build(estimate_background=False).predict_background(*torch.zeros(2, 1, 3, SIZE, SIZE))


@pytest.mark.parametrize("size", [48, 64])
def test_frames_of_another_size_are_rendered(size):
    model = build()
    frames = torch.rand(2, 3, size, size)
    model.check_size(size)
    assert rendered(model.for_inference(), frames[0], frames).shape == (2, 3, size, size)


def test_disentangled_motion_needs_an_avd_network():
    motion = Motion(torch.rand(5, 15, 2) - 0.5)
    with pytest.raises(InputError, match="no AVD network"):
        build().disentangle(motion[:1], motion)
    model = build(avd=AvdNetworkConfig(4, 4))
    made = model.disentangle(motion[:1], motion)
    assert torch.equal(made.value, model.avd_network(motion[:1].expand(5), motion).value)


def config(**changes):
    weights = {"perceptual": "pixel", "loss_weights.perceptual": (10.0, 0.0, 10.0), "scales": (1.0, 0.5)}
    return TpsmmConfig().replace(size=SIZE, model=SMALL, **weights).replace(**changes)


def losses_of(model, settings, frames, seed=0, use_background=False, kept=None):
    perceptual = build_perceptual("pixel", settings.scales, settings.loss_weights.perceptual)
    transform = random_transform(settings.transform, len(frames) // 2, torch.Generator().manual_seed(seed))
    source, driving = frames.chunk(2)
    return generator_losses(
        model, source, driving, transform, settings, perceptual, use_background, kept
    )  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_reach_each_part(variant):
    settings = config(**{f"model.{name}": value for name, value in VARIANTS[variant].items()})
    model = build(**VARIANTS[variant]).train()
    use_background = settings.uses_background(50)
    kept = draw_kept(2, 3, 0.3, torch.Generator().manual_seed(0))
    terms, made = losses_of(model, settings, clip(4, model.num_channels), 0, use_background, kept)
    wanted = {"pixel", "equivariance_value", "warp"} | ({"background"} if use_background else set())
    assert set(terms) == wanted
    assert made.generated.prediction.shape == made.transformed_frame.shape
    torch.stack(list(terms.values())).sum().backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert {name.split(".")[0] for name in missing} <= {"avd_network"}
    trained = [model.kp_detector.fg_encoder.fc, model.inpainting_network.first.conv]
    trained += [model.dense_motion_network.maps, *model.dense_motion_network.occlusion]
    trained += [model.bg_predictor.bg_encoder.fc] if use_background else []
    assert all(layer.weight.grad.abs().sum() > 0 for layer in trained)


def test_terms_of_weight_zero_are_not_computed():
    weights = {"loss_weights.warp": 0.0, "loss_weights.equivariance_value": 0.0}
    terms, made = losses_of(build(), config(**weights), clip(4))
    assert set(terms) == {"pixel"}
    assert made.transformed_frame is None and made.generated.warped_maps is None and made.background is None


def test_equivariance_vanishes_for_the_identity_transform():
    settings = config(**{"transform.sigma_affine": 0.0, "transform.sigma_tps": 0.0})
    terms, _ = losses_of(build(), settings, clip(4))
    assert terms["equivariance_value"] < 1e-3


def test_background_loss_vanishes_at_the_start_of_training():
    torch.manual_seed(0)
    terms, made = losses_of(Tpsmm(SMALL, SIZE), config(), clip(4), use_background=True)
    assert terms["background"] == 0 and torch.equal(made.background, torch.eye(3).expand(2, 3, 3))


def shapes():
    """Two frames: a bright square that moves over a gradient."""
    image = torch.linspace(0, 0.4, SIZE).expand(3, SIZE, SIZE).clone()
    frames = torch.stack([image, image])
    frames[0, :, 8:18, 6:16] = torch.tensor([0.9, 0.7, 0.2])[:, None, None]
    frames[1, :, 12:22, 14:24] = torch.tensor([0.9, 0.7, 0.2])[:, None, None]
    return frames


def test_two_frame_overfit_lowers_the_loss():
    settings = config()
    torch.manual_seed(0)
    model = Tpsmm(settings.model, SIZE).train()
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, betas=(0.5, 0.999))
    frames = shapes()
    history = []
    for step in range(40):
        terms, _ = losses_of(model, settings, torch.cat([frames, frames.flip(0)]), seed=step)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        history.append(terms["pixel"].item())
    assert sum(history[-5:]) < 0.6 * sum(history[:5])


def test_autocast_training_keeps_geometry_in_float32():
    model = build().train()
    with torch.autocast("cpu", torch.bfloat16):
        terms, made = losses_of(model, config(), clip(4), use_background=True)
    dense = made.generated.dense
    assert made.kp_driving.value.dtype == dense.deformation.dtype == made.background.dtype == torch.float32
    assert all(one.dtype == torch.float32 for one in dense.occlusion_maps)
    torch.stack(list(terms.values())).sum().backward()
    gradients = [parameter.grad for parameter in model.parameters()]
    assert all(gradient.isfinite().all() for gradient in gradients)


def people(count, generator):
    """Two poses of each of many people: a shared shape, stretched by person, turned by pose."""
    shape = torch.rand(15, 2, generator=torch.Generator().manual_seed(7)) - 0.5
    size = 0.7 + 0.6 * torch.rand(count, 1, 2, generator=generator)
    poses = []
    for _ in range(2):
        angle = torch.rand(count, generator=generator) - 0.5
        turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(count, 2, 2)
        poses.append(Motion(shape @ turn.mT * size))
    return poses


def test_avd_network_learns_the_pose_of_one_and_the_identity_of_the_other():
    torch.manual_seed(0)
    network, generator = AvdNetwork(AvdNetworkConfig(8, 8), 15), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, betas=(0.5, 0.999))
    history = []
    for _ in range(60):
        source, driving = people(32, generator)
        terms, made = avd_losses(network, source, driving, random_stretch(32, 0.25, generator))
        assert made.value.shape == (32, 15, 2)
        optimizer.zero_grad()
        terms["shift"].backward()
        optimizer.step()
        history.append(terms["shift"].item())
    assert sum(history[-5:]) < 0.3 * sum(history[:5])
