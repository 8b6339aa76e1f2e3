"""FRGAN as a method: what is known comes back, seeds decide, another clip moves the source."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.animate import AnimateOptions
from fommvg_lib.config.frgan import ForecastConfig, StructureConfig
from fommvg_lib.files import InputError
from fommvg_lib.generate import to_tensor
from fommvg_lib.landmarks import Landmarker
from fommvg_lib.motion import Motion
from fommvg_lib.motion_generator.linear import LinearMotion
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from fommvg_lib.structure_finding import StructureFinder, carry_points, similarity
from fommvg_lib.structured_video import FrganAnimator, FrganCompleter


class MeanColourKeypoints:
    """Stands for a frame generator: two keypoints that follow the frame's colours."""

    size, num_channels, num_kp, num_dims, weights_hash = 16, 3, 2, 4, "aa" * 32

    def extract(self, frames: torch.Tensor) -> Motion:
        means = frames.mean(dim=(2, 3))
        return Motion(torch.stack([means[:, :2], means[:, 1:]], dim=1))


def small_model(kind: str = "kp", num_points: int = 2, channels: int = 2, **options) -> Frgan:
    torch.manual_seed(0)
    structure = StructureConfig(kind=kind).to_dict()
    return Frgan(16, 3, structure, channels, num_points, ForecastConfig(8, 4, 8).to_dict(), **options).eval()


@pytest.fixture(scope="module")
def completer() -> FrganCompleter:
    model = small_model(frame_generator_hash="aa" * 32)
    return FrganCompleter(model, MeanColourKeypoints(), LinearMotion(4, 2))


@pytest.mark.parametrize("places", [[0], [0, 5], [0, 2, 5], [3]])
def test_known_frames_come_back_untouched_and_unknown_ones_are_not_read(completer, places: list):
    known = torch.zeros(6, dtype=torch.bool)
    known[places] = True
    frames = torch.rand(6, 3, 16, 16)
    given = torch.where(known[:, None, None, None], frames, torch.nan)
    if not completer.supports(known):
        with pytest.raises(ValueError, match="cannot complete"):
            completer.complete_video(given, known, 1, 0)
        return
    made = completer.complete_video(given, known, 2, 0, "clip")
    assert made.shape == (2, 6, 3, 16, 16)
    assert all(torch.equal(sample[known], frames[known]) for sample in made)
    assert made.isfinite().all()
    assert torch.equal(made, completer.complete_video(given, known, 2, 0, "clip"))


def test_a_motion_generator_needs_keypoints_that_all_have_learned():
    with pytest.raises(InputError, match="see landmarks structure"):
        FrganCompleter(small_model("landmarks", 68, 3), MeanColourKeypoints(), LinearMotion(4, 2))
    with pytest.raises(InputError, match="bbbb"):
        FrganCompleter(small_model(frame_generator_hash="bb" * 32), MeanColourKeypoints(), LinearMotion(4, 2))


def test_absolute_animation_is_the_models_own_rendering_of_the_driver():
    model, driving = small_model(), torch.rand(3, 3, 16, 16)
    driving = (driving * 255).round() / 255
    made = FrganAnimator(model, MeanColourKeypoints(), AnimateOptions("absolute")).animate_video(
        driving[0], driving
    )
    points = MeanColourKeypoints().extract(driving).value
    maps = model.drawer().draw(points, 16)
    torch.testing.assert_close(made, model.render(driving[0], maps[0], maps, begins=False))


def test_relative_points_begin_where_the_source_is_and_move_as_the_driver():
    source, driving = torch.rand(68, 2), torch.rand(4, 68, 2)
    driving[0] = 0.5 * source + 0.1
    moved = carry_points(source, driving, "landmarks", AnimateOptions())
    torch.testing.assert_close(moved[0], source)
    torch.testing.assert_close(moved - source, 2 * (driving - driving[0]), atol=1e-5, rtol=1e-5)
    assert torch.equal(carry_points(source, driving, "landmarks", AnimateOptions("absolute")), driving)


def test_options_that_a_structure_does_not_know_are_refused():
    source, driving = torch.rand(68, 2), torch.rand(4, 68, 2)
    for options in (AnimateOptions(gain=2.0), AnimateOptions(mode="avd")):
        with pytest.raises(InputError, match="avd|gain"):
            carry_points(source, driving, "landmarks", options)


def test_a_similarity_is_found_without_the_points_that_are_missing():
    angle = torch.tensor(0.7)
    turn = 1.5 * torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    points = torch.rand(9, 2)
    onto = points @ turn.T + 0.3
    onto[4] = float("nan")
    torch.testing.assert_close(similarity(points, onto), turn, atol=1e-5, rtol=1e-5)
    assert torch.equal(similarity(points, torch.full((9, 2), float("nan"))), torch.eye(2))


def test_frames_without_a_face_take_the_nearest_points():
    found = iter([None, torch.full((68, 2), 255.0).numpy(), None, torch.zeros(68, 2).numpy()])
    finder = StructureFinder(
        StructureConfig(kind="landmarks"), None, Landmarker("test", lambda _: next(found))
    )
    images = SyntheticClips("train", 32, 4, 0, 1).frames(0, range(4))
    points = finder.find(images, "clip")
    assert points[:, 0, 0].tolist() == [1, 1, 1, -1]


@pytest.mark.parametrize(("answer", "reason"), [(None, "no frame shows a face"), (478, "finds 478 points")])
def test_detectors_that_do_not_help_are_named(answer, reason: str):
    points = None if answer is None else torch.zeros(answer, 2).numpy()
    finder = StructureFinder(StructureConfig(kind="normal"), None, Landmarker("mediapipe", lambda _: points))
    with pytest.raises(InputError, match=reason):
        finder.find(SyntheticClips("train", 32, 1, 0, 1).frames(0, [0]), "clip")


def test_pictures_and_tensors_agree():
    animator = FrganAnimator(small_model(), MeanColourKeypoints(), AnimateOptions("absolute"))
    images = torch.randint(0, 256, (3, 16, 16, 3), dtype=torch.uint8).numpy()
    made = animator.animate_video(to_tensor(images[:1])[0], to_tensor(images))
    assert made.shape == (3, 3, 16, 16)
    assert 0 <= made.min() <= made.max() <= 1
