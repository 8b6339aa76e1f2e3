"""The pipeline: how a driver's motion is carried over, and what the background follows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fommvg_lib import generate
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import AnimateOptions, animate, carry_over, reconstruct, to_images, to_tensor
from fommvg_lib.motion import smooth
from fommvg_lib.synthetic import render_clip
from tests.tpsmm_cases import pass_on, save_tpsmm, small_tpsmm

AVD = AnimateOptions("avd")


@pytest.fixture(scope="module")
def model(tiny_tpsmm):
    return load_frame_generator(tiny_tpsmm)


@pytest.fixture(scope="module")
def heads():
    """Pictures of a portrait and of another person who moves, 20 frames."""
    return render_clip(2, 0, 1, 32).frames[0], render_clip(1, 0, 20, 32).frames


@pytest.fixture(scope="module")
def points(model, heads):
    """Their keypoints, moved apart: those of random detectors hardly differ."""
    portrait, driver = heads
    kp_source, kp_driving = model.extract(to_tensor(portrait[None])), model.extract(to_tensor(driver))
    offset = 0.2 * torch.randn(20, 10, 2, generator=torch.Generator().manual_seed(0))
    return kp_source, type(kp_source)(kp_driving.value + offset)


def test_avd_that_passes_the_pose_on_is_absolute_motion(points):
    model = small_tpsmm()
    pass_on(model.avd_network, "pose")
    made = carry_over(model, *points, AVD)
    torch.testing.assert_close(made.value, points[1].value, atol=1e-5, rtol=0)


def test_avd_that_passes_the_identity_on_stands_still(points):
    model = small_tpsmm()
    pass_on(model.avd_network, "identity")
    made = carry_over(model, *points, AVD)
    torch.testing.assert_close(made.value, points[0].value.expand(20, -1, -1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("part", ["pose", "identity"])
def test_avd_of_equal_points_gives_them_back(points, part):
    model = small_tpsmm()
    pass_on(model.avd_network, part)
    made = carry_over(model, points[0], points[0], AVD)
    torch.testing.assert_close(made.value, points[0].value, atol=1e-5, rtol=0)


def test_avd_shows_a_frame_alone_and_leaves_the_statistics(points):
    model = small_tpsmm().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    whole = carry_over(model, *points, AVD).value
    assert model.training and all(module.training for module in model.modules())
    parts = [carry_over(model, points[0], points[1][i : i + 1], AVD).value for i in range(20)]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(carry_over(model.eval(), *points, AVD).value, whole)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert whole.shape == (20, 10, 2) and whole.std() > 1e-3


def test_avd_is_the_same_twice_and_in_the_copy_for_inference(model, tiny_tpsmm, points):
    again = load_frame_generator(tiny_tpsmm)
    made = carry_over(model, *points, AVD).value
    assert torch.equal(carry_over(again, *points, AVD).value, made)
    torch.testing.assert_close(carry_over(small_tpsmm(), *points, AVD).value, made)


def test_a_gain_on_avd_works_about_the_reference_frame(model, points):
    plain = carry_over(model, *points, AVD).value
    assert torch.equal(carry_over(model, *points, AVD.replace(best_frame=7)).value, plain)
    doubled = carry_over(model, *points, AVD.replace(gain=2.0, best_frame=7)).value
    assert torch.equal(doubled[7], plain[7])
    torch.testing.assert_close(doubled - plain[7], 2 * (plain - plain[7]))
    still = carry_over(model, *points, AVD.replace(gain=0.0, best_frame=7)).value
    assert torch.equal(still, plain[7].expand_as(still))


def test_smoothing_comes_before_avd(model, points):
    kp_source, kp_driving = points
    made = carry_over(model, *points, AVD.replace(smooth=2.0), 25.0)
    torch.testing.assert_close(made.value, model.disentangle(kp_source, smooth(kp_driving, 25.0, 2.0)).value)


def test_avd_without_a_network_is_refused_before_the_driver_is_read(tiny_weights, tmp_path, heads):
    save_tpsmm(tmp_path / "plain", small_tpsmm(avd=None))
    for folder in (tiny_weights, tmp_path / "plain"):
        model = load_frame_generator(folder)
        driver = iter(heads[1])
        with pytest.raises(InputError, match=f"{folder.name}.* no AVD network"):
            next(animate(model, heads[0], driver, AVD))
        assert len(list(driver)) == 20
        with pytest.raises(InputError, match="no AVD network"):
            carry_over(model, *[model.extract(to_tensor(heads[1][:1]))] * 2, AVD)


@pytest.mark.parametrize("mode", ["relative", "absolute", "avd"])
def test_a_reference_frame_beyond_the_end_is_refused_in_every_mode(model, points, mode):
    with pytest.raises(ValueError, match="frame 20 is beyond the driver's 20"):
        carry_over(model, *points, AnimateOptions(mode, best_frame=20))


@pytest.mark.parametrize(
    "options,remark",
    [
        (AnimateOptions(gain=2.0, adapt_scale=False, best_frame="auto"), None),
        (AnimateOptions("absolute"), None),
        (AnimateOptions("absolute", smooth=1.0), None),
        (
            AnimateOptions("absolute", False, 3, 2.0),
            "adapt_scale, gain, best_frame: without effect in mode absolute",
        ),
        (AVD, None),
        (AVD.replace(gain=2.0, best_frame="auto"), None),
        (AVD.replace(best_frame="auto"), "best_frame: without effect in mode avd at gain 1"),
        (AVD.replace(adapt_scale=False, gain=2.0), "adapt_scale: without effect in mode avd"),
    ],
)
def test_settings_without_effect_are_named(options, remark):
    assert options.remark == remark


def test_settings_that_are_named_have_no_effect_and_others_have(model, points):
    for mode in ("absolute", "avd"):
        plain = carry_over(model, *points, AnimateOptions(mode)).value
        idle = {"adapt_scale": False, "best_frame": 5} | ({"gain": 2.0} if mode == "absolute" else {})
        assert torch.equal(carry_over(model, *points, AnimateOptions(mode, **idle)).value, plain)
    plain = carry_over(model, *points, AnimateOptions()).value
    for change in ({"adapt_scale": False}, {"best_frame": 5}, {"gain": 2.0}):
        assert not torch.equal(carry_over(model, *points, AnimateOptions(**change)).value, plain)


def rendered(model, frames, background):
    source = model.encode(frames[0])
    camera = model.background(source, frames) if background else None
    return to_images(torch.cat(list(model.render(source, model.extract(frames), camera))))


def test_reconstruction_follows_the_camera(model, heads):
    frames = to_tensor(heads[1])
    rebuilt = np.stack([made for _, made in reconstruct(model, heads[1])]).astype(int)
    moved, still = (rendered(model, frames, background).astype(int) for background in (True, False))
    assert np.abs(rebuilt - moved).max() <= 1  # 20 frames come in two parts
    assert np.abs(rebuilt - still).max() > 10


def test_reconstruction_without_a_camera_is_absolute_animation(tiny_weights, heads):
    model = load_frame_generator(tiny_weights)
    rebuilt = np.stack([made for _, made in reconstruct(model, heads[1])]).astype(int)
    animated = np.stack(list(animate(model, heads[1][0], heads[1], AnimateOptions("absolute"))))
    assert np.abs(rebuilt - animated).max() <= 1


def test_reconstruction_is_streamed(model, heads):
    seen = []
    frames = (seen.append(index) or frame for index, frame in enumerate(heads[1]))
    next(reconstruct(model, frames))
    assert len(seen) == generate.EXTRACTION_BATCH < len(heads[1])


@pytest.mark.parametrize("mode", ["relative", "absolute", "avd"])
def test_animation_does_not_follow_the_drivers_camera(model, heads, monkeypatch, mode):
    portrait, driver = heads
    options = AnimateOptions(mode)
    made = np.stack(list(animate(model, portrait, driver, options)))
    source = model.encode(to_tensor(portrait[None])[0])
    motion = carry_over(model, source.motion, model.extract(to_tensor(driver)), options)
    still = torch.eye(3).expand(len(driver), 3, 3)
    identity = to_images(torch.cat(list(model.render(source, motion, still))))
    assert np.abs(made.astype(int) - identity).max() <= 1
    camera = model.background(source, to_tensor(driver))
    moved = to_images(torch.cat(list(model.render(source, motion, camera))))
    assert np.abs(made.astype(int) - moved).max() > 10
