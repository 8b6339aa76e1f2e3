"""`interpolate` with methods in pixels: what it writes, and how it refuses."""

import json

import numpy as np
import pytest
import torch

from fommvg_lib.commands import pixels
from fommvg_lib.config.cvi import CviModelConfig
from fommvg_lib.pixel_baseline import TRAINED, UNTRAINED
from fommvg_lib.pixel_baseline.cvi import Cvi
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import probe, read_image, read_video, write_image
from tests.test_main import assert_refused, run


@pytest.fixture(scope="module")
def cvi(tmp_path_factory):
    """A CVI of 4 frames with random weights."""
    folder = tmp_path_factory.mktemp("cvi")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        Cvi(CviModelConfig(4, 3, 6, 8, 4, layers_per_scale=1), 64, 12.0).save(folder)
    return folder


@pytest.fixture
def between(tmp_path, capsys):
    """Call `interpolate` between two frames of one clip; give the result and the folder written to."""
    clip = render_clip(2, 0, num_frames=24).frames
    paths = [tmp_path / name for name in ("first.png", "last.png")]
    for path, frame in zip(paths, clip[[0, -1]], strict=True):
        write_image(path, frame)

    def call(*words, out=tmp_path / "out"):
        ends = ("--first", paths[0], "--last", paths[1], "--crop", "none", "--out", out)
        return run(capsys, "interpolate", *ends, *words)

    call.paths, call.out = paths, tmp_path / "out"
    return call


def test_the_command_knows_the_methods_of_the_library():
    assert set(pixels.METHODS) == {*UNTRAINED, *TRAINED}


def test_cvi_makes_its_own_number_of_frames_between_the_pictures_themselves(between, cvi):
    status, out, _ = between("--method", "cvi", "--weights", cvi, "--json")
    assert status == 0 and json.loads(out)["written"][0]["fps"] == 12.0
    frames = read_video(between.out)
    assert frames.shape == (4, 64, 64, 3)
    for path, frame in zip(between.paths, frames[[0, -1]], strict=True):
        assert np.array_equal(read_image(path), frame)


def test_samples_differ_and_a_seed_repeats_them(between, cvi, tmp_path):
    words = ("--method", "cvi", "--weights", cvi, "--seed", 3)
    for name in ("a", "b"):
        assert between(*words, "--samples", 2, out=tmp_path / name)[0] == 0
    first, second, again = (read_video(tmp_path / name) for name in ("a-1", "a-2", "b-2"))
    assert not np.array_equal(first, second) and np.array_equal(second, again)


def test_cvi_takes_other_sizes_in_its_steps(between, cvi):
    assert between("--method", "cvi", "--weights", cvi, "--size", 72)[0] == 0
    assert read_video(between.out).shape[1:3] == (72, 72)
    assert_refused(between("--method", "cvi", "--weights", cvi, "--size", 60), "--size 60", "multiples of 8")


def test_a_cross_fade_goes_through_keyframes(between, tmp_path):
    words = ("--method", "cross-fade", "--frames", 3, "--size", 64, "--keyframe", f"2={between.paths[0]}")
    assert between(*words)[0] == 0
    frames = read_video(between.out)
    assert len(frames) == 5
    assert np.array_equal(frames[0], frames[1]) and np.array_equal(frames[0], frames[2])
    assert between("--method", "cross-fade", out=tmp_path / "long.mp4")[0] == 0
    assert probe(tmp_path / "long.mp4").num_frames == 32


@pytest.mark.parametrize(
    "words, parts",
    [
        (("--frames", 9), ("cvi makes 2 frames between", "not 11")),
        (("--frames", 2, "--keyframe", "1={first}"), ("cvi makes 2 frames", "3 are known")),
        (("--no-blend",), ("--no-blend", "no effect")),
        (("--liveliness", 2), ("--liveliness", "no effect")),
        (("--precision", "auto"), ("--precision", "no effect")),
    ],
)
def test_what_cvi_cannot_do_is_refused_in_one_line(between, cvi, words, parts):
    words = [str(word).format(first=between.paths[0]) for word in words]
    assert_refused(between("--method", "cvi", "--weights", cvi, *words), *parts)


def test_weights_are_asked_for_and_checked(between, cvi, tiny_weights, capsys, tmp_path):
    assert_refused(between("--method", "cvi"), "--method cvi", "--weights")
    assert_refused(between("--method", "cvi", "--weights", tiny_weights), tiny_weights, "fomm", "cvi")
    assert_refused(between("--method", "cross-fade", "--weights", cvi), "--weights", "no effect")
    assert_refused(between("--motion", cvi, "--weights", tiny_weights), "holds cvi weights")
    predict = ("predict", "--image", between.paths[0], "--out", tmp_path / "p", "--crop", "none")
    assert_refused(run(capsys, *predict, "--method", "cvi"), "--method cvi", "interpolate")
