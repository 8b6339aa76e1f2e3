"""Sample pictures as frames: of synthetic heads always, of motion files where clips and weights are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from fommvg_lib.__main__ import main
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import extract_motion
from fommvg_lib.motion_files import MotionClip, save_motion
from fommvg_lib.training.recipes.rendered import NUM_SHOWN, RenderedSamples

WEIGHTS = "heads64-fomm"
NUM_FRAMES, CAPTION = 48, 20


@pytest.fixture(scope="module")
def model():
    return load_frame_generator(WEIGHTS)


@pytest.fixture(scope="module")
def clips():
    return SyntheticClips("test", 64, NUM_FRAMES, 0, 2, 1)


def rows_of(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """Give the rows of frames of a strip, captions cut off, as float in [0, 1]."""
    height = (picture.shape[0] + 2) // count
    return [picture[height * row + height - 66 : height * row + height - 2] / 255.0 for row in range(count)]


@torch.no_grad()
def test_a_clips_own_motion_is_drawn_as_the_clip_and_slower_motion_at_its_own_rate(model, clips):
    frames = clips.frames(1, range(0, NUM_FRAMES, 2))
    motion = extract_motion(model, frames).vectors()
    still = motion[:1].expand_as(motion)
    rendered = RenderedSamples(model, clips, clips.fps(1) / 2, clips.names)
    picture = rendered.strip(clips.names[1], {"real": motion, "still": still})
    assert picture.dtype == np.uint8 and picture.shape[1] == NUM_SHOWN * 66 - 2
    clip, real, frozen = rows_of(picture, 3)
    np.testing.assert_array_equal(clip[:, :64], frames[0] / 255.0)
    np.testing.assert_array_equal(clip[:, -64:], frames[-1] / 255.0)
    assert np.abs(clip - real).mean() < 0.5 * np.abs(clip - frozen).mean()


def test_a_motion_file_without_its_clip_is_named_at_the_start(model, clips):
    with pytest.raises(InputError, match="nobody#1"):
        RenderedSamples(model, clips, 25.0, [clips.names[0], "nobody#1"])


def test_training_on_motion_files_shows_frames_of_the_clips_that_are_named(model, clips, tmp_path):
    frames, name = clips.frames(0, range(12)), "z#0"
    (tmp_path / "clips" / name).mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / "clips" / name / f"{number:03d}.png")
    motion = extract_motion(model, frames)
    for number in range(8):
        label = name if number == 7 else f"a#{number}"  # the last of 8 is held out, so it is shown
        kept = MotionClip(motion, 25.0, (64, 64), label, "", model.weights_hash)
        save_motion(tmp_path / "motion" / f"{kept.name}.safetensors", kept)
    words = ["train", "vp", "--data", tmp_path / "motion", "--frame-generator", WEIGHTS, "--out"]
    words += [tmp_path / "run", "--clips", tmp_path / "clips", "num_epochs=1", "epoch_size=2", "batch_size=4"]
    assert main([str(word) for word in words]) == 0
    (frames_file,) = (tmp_path / "run" / "pictures").glob("*-frames.png")
    assert Image.open(frames_file).size[0] == NUM_SHOWN * 66 - 2
    assert list((tmp_path / "run" / "pictures").glob("*-tracks.png"))


@pytest.mark.parametrize(
    "words", [["fomm", "--data", "synthetic"], ["vp", "--data", "motion"], ["vp", "--data", "synthetic"]]
)
def test_clips_without_motion_files_and_their_weights_are_refused(words, tmp_path, capsys):
    more = [] if words[-1] == "motion" else ["--frame-generator", WEIGHTS]
    more = more if words[0] == "vp" else []
    assert main(["train", *words, *more, "--clips", "here", "--out", str(tmp_path / "run")]) == 2
    assert "here: --clips goes with" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
