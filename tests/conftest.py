"""What several tests need: a tiny random FOMM, a short driving clip, a portrait."""

from pathlib import Path

import pytest
import torch

from fommvg_lib.checkpoints import save_weights
from fommvg_lib.config.fomm import FommModelConfig, HourglassConfig
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.synthetic import render_clip
from fommvg_lib.video_io import write_image, write_video
from tests.tpsmm_cases import save_tpsmm, small_tpsmm

torch.set_num_threads(1)

TINY = FommModelConfig(
    detector=HourglassConfig(4, 2, 16),
    detector_scale=0.5,
    dense_motion=HourglassConfig(4, 2, 16),
    dense_motion_scale=0.5,
    block_expansion=4,
    max_features=8,
    num_down_blocks=1,
    num_bottleneck_blocks=1,
)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory) -> Path:
    """A FOMM for 32 px with random weights that moves: its heads are scaled up so that motion is seen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Fomm(TINY, 32)
        torch.nn.init.normal_(model.kp_detector.jacobian.weight, std=0.01)
    folder = tmp_path_factory.mktemp("tiny-fomm")
    save_weights(folder, "fomm", TINY.to_dict(), model.state_for_saving(), {"size": 32})
    return folder


@pytest.fixture(scope="session")
def tiny_tpsmm(tmp_path_factory) -> Path:
    """A TPSMM for 32 px with random weights and an AVD network; its camera moves."""
    folder = tmp_path_factory.mktemp("tiny-tpsmm")
    save_tpsmm(folder, small_tpsmm())
    return folder


@pytest.fixture(scope="session")
def driving(tmp_path_factory) -> Path:
    """A clip of a synthetic head, 24 frames at 25 fps, 64 px."""
    path = tmp_path_factory.mktemp("driving") / "driving clip.mp4"
    write_video(path, render_clip(1, 0, num_frames=24).frames, 25)
    return path


@pytest.fixture(scope="session")
def portrait(tmp_path_factory) -> Path:
    """A synthetic head, 64 px."""
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    write_image(path, render_clip(2, 0, num_frames=1).frames[0])
    return path
