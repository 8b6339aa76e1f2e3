"""A FOMM learns one short clip by heart: takes minutes, so it runs in `make soak`."""

import pytest
import torch

from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.synthetic import render_clip
from fommvg_lib.training.build import build_recipe
from fommvg_lib.training.engine import EngineConfig, fit
from fommvg_lib.training.log import read_log
from fommvg_lib.video_io import write_video


@pytest.mark.soak
def test_one_clip_is_learned_by_heart(tmp_path):
    for split in ("train", "test"):
        write_video(tmp_path / "clips" / split / "0#0.mp4", render_clip(0, 0, num_frames=64).frames[::8], 25)
    config = FommConfig.from_profile("smoke").replace(num_steps=300, batch_size=4, precision="fp32")
    recipe = build_recipe("fomm", config, tmp_path / "clips", torch.device("cpu"))
    result = fit(recipe, tmp_path / "run", EngineConfig(log_every=25), show_progress=False)
    pixel = read_log(tmp_path / "run" / "losses.csv")["pixel"]
    assert pixel[-1] < 0.6 * pixel[0]
    assert result.validation["ratio"] < 0.7
