"""Facts about motion on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fommvg_lib.files import InputError
from fommvg_lib.motion import Motion
from fommvg_lib.motion_files import MotionClip, load_motion, load_motion_set, resample_motion, save_motion
from fommvg_lib.motion_npy import (
    export_pair_npy,
    export_vectors_npy,
    import_pair_npy,
    import_vectors_npy,
    load_npy,
)
from tests.motion_cases import wandering, wandering_clips


@pytest.mark.parametrize("has_jacobian", [False, True])
def test_round_trip_is_bit_exact(tmp_path, has_jacobian):
    motion = wandering(7, 3, has_jacobian)
    clip = MotionClip(motion, 29.97, (48, 64), "a/b", "abc", "def")
    save_motion(tmp_path / "sub" / "x.safetensors", clip)
    back = load_motion(tmp_path / "sub" / "x.safetensors")
    assert torch.equal(back.motion.vectors(), motion.vectors())
    assert (back.motion.jacobian is None) != has_jacobian
    assert replace(back, motion=motion) == clip


def test_a_set_is_recursive_and_sorted(tmp_path):
    for name, clip in zip(("b/2", "a/9", "c"), wandering_clips(3), strict=True):
        save_motion(tmp_path / f"{name}.safetensors", replace(clip, name=name))
    assert [clip.name for clip in load_motion_set(tmp_path)] == ["a/9", "b/2", "c"]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"fps": 30.0}, "30 frames/s"), ({"weights_hash": "other"}, "one frame generator")],
)
def test_mixed_sets_are_refused_naming_both_files(tmp_path, change, words):
    first, second = wandering_clips(2)
    save_motion(tmp_path / "a.safetensors", first)
    save_motion(tmp_path / "b.safetensors", replace(second, **change))
    with pytest.raises(InputError, match=words) as caught:
        load_motion_set(tmp_path)
    assert "a.safetensors" in str(caught.value) and "b.safetensors" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mixed_layouts_are_refused(tmp_path):
    save_motion(tmp_path / "a.safetensors", wandering_clips(1)[0])
    save_motion(tmp_path / "b.safetensors", wandering_clips(1, has_jacobian=False)[0])
    with pytest.raises(InputError, match="numbers a frame"):
        load_motion_set(tmp_path)


def test_mixed_rates_are_resampled_when_a_rate_is_named(tmp_path):
    first, second = wandering_clips(2, num_frames=21)
    save_motion(tmp_path / "a.safetensors", first)
    save_motion(tmp_path / "b.safetensors", replace(second, fps=50.0))
    clips = load_motion_set(tmp_path, fps=25.0)
    assert [clip.fps for clip in clips] == [25.0, 25.0] and [len(clip) for clip in clips] == [21, 11]
    torch.testing.assert_close(clips[1].motion.vectors(), second.motion.vectors()[::2], rtol=1e-4, atol=1e-5)


def test_resampling_up_and_down_returns_the_frames_between_which_it_went():
    motion = wandering(9)
    up = resample_motion(motion, 25, 50)
    assert len(up) == 17
    torch.testing.assert_close(up.value[::2], motion.value)
    torch.testing.assert_close(up.value[1], (motion.value[0] + motion.value[1]) / 2)
    assert (torch.linalg.det(up.jacobian) > 0).all() == (torch.linalg.det(motion.jacobian) > 0).all()


def test_resampling_a_straight_line_is_exact_at_any_rate():
    motion = Motion(torch.linspace(-0.5, 0.5, 31)[:, None, None].expand(-1, 2, 2).contiguous())
    resampled = resample_motion(motion, 30, 24)
    assert len(resampled) == 25
    expected = torch.linspace(-0.5, 0.5, 25)[:, None, None].expand(-1, 2, 2)
    torch.testing.assert_close(resampled.value, expected)


def test_bad_files_are_one_line_errors(tmp_path):
    cases = {"missing": None, "text": b"hello", "torn": None, "foreign": None, "nan": None}
    for name in cases:
        path = tmp_path / f"{name}.safetensors"
        if name == "text":
            path.write_bytes(b"hello")
        if name == "torn":
            save_motion(path, wandering_clips(1)[0])
            path.write_bytes(path.read_bytes()[:-100])
        if name == "foreign":
            save_file({"weight": torch.zeros(2)}, path)
        if name == "nan":
            clip = wandering_clips(1)[0]
            save_motion(path, replace(clip, motion=Motion(clip.motion.value * float("nan"))))
        with pytest.raises(InputError, match=name) as caught:
            load_motion(path)
        assert "\n" not in str(caught.value)


def test_folder_without_motion_is_refused(tmp_path):
    with pytest.raises(InputError, match="no motion file"):
        load_motion_set(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_motion_set(tmp_path / "absent")


def test_published_vectors_npy_round_trip(tmp_path):
    motion = wandering(6, 50, has_jacobian=False)
    export_vectors_npy(tmp_path / "x.npy", motion)
    array = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert array.shape == (6, 1, 100) and array.dtype == np.float32
    assert torch.equal(import_vectors_npy(tmp_path / "x.npy").value, motion.value)


def test_pair_npy_round_trip(tmp_path):
    motions = [wandering(5, 10, seed=seed) for seed in range(3)]
    paths = tmp_path / "values.npy", tmp_path / "jacobians.npy"
    export_pair_npy(*paths, motions)
    assert np.load(paths[0]).shape == (3, 5, 10, 2) and np.load(paths[1]).shape == (3, 5, 10, 2, 2)
    for back, motion in zip(import_pair_npy(*paths), motions, strict=True):
        assert torch.equal(back.vectors(), motion.vectors())


def test_object_arrays_are_never_unpickled(tmp_path):
    np.save(tmp_path / "x.npy", np.array({"comp": 1}, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="without unpickling"):
        load_npy(tmp_path / "x.npy")


@pytest.mark.parametrize(
    "array", [np.zeros((4, 2, 100)), np.zeros((4, 3)), np.array(["a"]), np.full((2, 4), np.nan)]
)
def test_wrong_npy_is_refused(tmp_path, array):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match="x.npy"):
        import_vectors_npy(tmp_path / "x.npy")


def test_jacobians_do_not_fit_the_published_vectors(tmp_path):
    with pytest.raises(InputError, match="Jacobians"):
        export_vectors_npy(tmp_path / "x.npy", wandering(3))
    assert not list(tmp_path.iterdir())
