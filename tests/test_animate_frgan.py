"""`fommvg animate --method frgan`: a source moved in pixel space; what does not go together is refused."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.__main__ import main
from fommvg_lib.config.frgan import ForecastConfig, StructureConfig
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.pixel_baseline.frgan.model import Frgan
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import probe, write_image, write_video


@pytest.fixture
def animate(capsys, tmp_path, tiny_weights):
    """Animate by weights of a kind; gives status, stdout and stderr."""
    head = render_clip(0, 0, 4, 32)
    write_image(tmp_path / "source.png", head.frames[0])
    write_video(tmp_path / "driver.mp4", head.frames, 25)

    def call(*words, kind: str = "kp", learned: str | None = None):
        torch.manual_seed(0)
        generator = load_frame_generator(tiny_weights)
        channels, points = (generator.num_kp, generator.num_kp) if kind == "kp" else (3, 68)
        structure = StructureConfig(kind=kind).to_dict()
        model = Frgan(
            32, 3, structure, channels, points, ForecastConfig(8, 4, 8).to_dict(), None,
            learned or generator.weights_hash,
        )  # fmt: skip
        model.save(tmp_path / "frgan")
        given = ["--source", tmp_path / "source.png", "--driving", tmp_path / "driver.mp4", "--crop", "none"]
        given += ["--out", tmp_path / "out.mp4", "--weights", tmp_path / "frgan", "--method", "frgan"]
        given += ["--frame-generator", tiny_weights] if kind == "kp" else []
        try:
            status = main([str(word) for word in ("animate", *given, *words)])
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return call


def test_every_driving_frame_becomes_a_frame(animate, tmp_path):
    status, _, err = animate("--structure", "kp", "--side-by-side")
    assert status == 0, err
    facts = probe(tmp_path / "out.mp4")
    assert (facts.width, facts.height, facts.num_frames) == (96, 32, 4)


@pytest.mark.parametrize(
    ("words", "options", "told"),
    [
        (("--structure", "normal"), {}, "learned kp structure, not normal"),
        (("--mode", "avd"), {}, "mode avd"),
        (("--best-frame", "auto"), {}, "--best-frame takes a number"),
        ((), {"learned": "ab" * 32}, "learned the keypoints of frame generator abababababab"),
        (("--frame-generator", "heads64-fomm"), {"kind": "landmarks"}, "says nothing about landmarks"),
        (("--method", "motion"), {}, "--frame-generator: says nothing without --method frgan"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(animate, tmp_path, words, options, told):
    status, out, err = animate(*words, **options)
    assert status == 2 and told in err and err.count("\n") == 1 and not out, err
    assert not (tmp_path / "out.mp4").exists()
