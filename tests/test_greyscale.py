"""Greyscale from end to end, as for KTH: train the one-channel preset, extract, animate, rebuild, predict."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from fommvg_lib.__main__ import main
from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.presets import load_config
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import to_tensor
from fommvg_lib.motion_files import load_motion
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import read_image, read_video, write_image, write_video

TINY = (
    "size=32 batch_size=2 scales=[1.0,0.5] num_steps=3 model.kp_pad=0 model.detector.block_expansion=4 "
    "model.detector.num_blocks=2 model.detector.max_features=16 model.dense_motion.block_expansion=4 "
    "model.dense_motion.num_blocks=2 model.dense_motion.max_features=16 model.block_expansion=4 "
    "model.max_features=8 model.num_bottleneck_blocks=1 perceptual=pixel loss_weights.perceptual=[10,40,10]"
).split()
VP = (
    "epoch_size=8 batch_size=8 hidden_dim=12 noise_dim=6 num_components=6 critic_width=8 num_epochs=1 "
    "min_window=8 max_window=16 constant_share=0.5"
).split()


def grey(frames: np.ndarray) -> np.ndarray:
    return frames.mean(-1, keepdims=True).round().astype(np.uint8).repeat(3, axis=-1)


def command(*words) -> None:
    assert main([os.fspath(word) for word in words]) == 0


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("grey")
    for person in range(5):
        part = "test" if person > 3 else "train"
        write_video(root / part / f"person{person}#0.mp4", grey(render_clip(person, 0, 24, 32).frames), 25)
    return root


@pytest.fixture(scope="module")
def weights(clips, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "run"
    words = ("--data", clips, "--out", run, "--device", "cpu", "--save-every", "3")
    command("train", "fomm", "--config", "kth-128", *words, *TINY)
    return run


def is_grey(frames: np.ndarray, tolerance: int = 0) -> bool:
    spread = frames.max(axis=-1).astype(int) - frames.min(axis=-1)
    return int(spread.max()) <= tolerance


def test_the_preset_is_that_of_one_channel():
    model = load_config("kth-128", "fomm").model
    assert model.num_channels == 1 and model.detector_scale == model.dense_motion_scale == 0.5


def test_training_makes_a_one_channel_model_and_pictures_with_keypoints(weights):
    stored = load_weights(weights)
    assert stored.config["num_channels"] == 1
    first = {name: tensor for name, tensor in stored.state.items() if name.endswith("first.conv.weight")}
    assert first and all(tensor.shape[1] == 1 for tensor in first.values())
    picture = read_image(max((weights / "pictures").glob("*.png")))
    assert not is_grey(picture)  # the keypoints are drawn in colour


def test_grey_motion_is_that_of_the_grey_frames(weights, clips, tmp_path):
    command("extract", "--videos", clips, "--out", tmp_path / "motion", "--weights", weights, "--batch", "24")
    motion = load_motion(tmp_path / "motion/test/person4#0.safetensors").motion
    frames = read_video(clips / "test/person4#0.mp4")
    expected = load_frame_generator(weights).extract(to_tensor(frames, 1))
    np.testing.assert_allclose(motion.vectors(), expected.vectors(), atol=1e-6)


def test_grey_clips_are_animated_rebuilt_and_continued(weights, clips, tmp_path):
    write_image(tmp_path / "face.png", grey(render_clip(9, 0, 1, 32).frames)[0])
    driver, fixed = clips / "test/person4#0.mp4", ("--weights", weights, "--crop", "center")
    command(
        "animate", "--source", tmp_path / "face.png", "--driving", driver, "--out", tmp_path / "a/", *fixed
    )
    command("reconstruct", "--data", clips, "--out", tmp_path / "r", "--weights", weights)
    image = ("--image", tmp_path / "face.png", "--frames", "6", "--out", tmp_path / "p/")
    command("predict", *image, "--method", "copy-first-frame", *fixed)
    for folder, count in (("a", 24), ("p", 7), ("r/png/person4#0", 24)):
        frames = read_video(tmp_path / folder)
        assert len(frames) == count and frames.shape[1:] == (32, 32, 3) and is_grey(frames), folder
    assert is_grey(read_video(tmp_path / "r/person4#0.mp4"), tolerance=2)
    figures = json.loads((tmp_path / "r/metrics.json").read_text())
    assert figures["num_frames"] == 24 and 0 < figures["l1"] < 1


def test_motion_of_a_grey_model_trains_a_motion_generator(weights, clips, tmp_path):
    command("extract", "--videos", clips, "--out", tmp_path / "motion", "--weights", weights)
    command("train", "vp", "--data", tmp_path / "motion", "--out", tmp_path / "vp", "--device", "cpu", *VP)
    write_image(tmp_path / "face.png", grey(render_clip(9, 0, 1, 32).frames)[0])
    words = (
        "--image",
        tmp_path / "face.png",
        "--frames",
        "5",
        "--motion",
        tmp_path / "vp",
        "--crop",
        "center",
    )
    command("predict", *words, "--weights", weights, "--out", tmp_path / "out/")
    frames = read_video(tmp_path / "out")
    assert len(frames) == 6 and is_grey(frames)


def test_colour_clips_are_taken_as_their_mean(weights, tmp_path):
    frames = render_clip(9, 0, 3, 32).frames
    model = load_frame_generator(weights)
    by_hand = to_tensor(frames).mean(1, keepdim=True)
    np.testing.assert_allclose(
        model.extract(to_tensor(frames, 1)).value, model.extract(by_hand).value, atol=1e-6
    )
