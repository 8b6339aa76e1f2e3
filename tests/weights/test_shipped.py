"""The shipped weights: whole, small, and as good as their card says."""

import json

import numpy as np
import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.clips import SyntheticClips
from fommvg_lib.config.fomm import FommConfig
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import reconstruct
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.training.build import build_recipe
from fommvg_lib.training.engine import fit
from fommvg_lib.weights import DEFAULTS, SHIPPED_FOLDER, find_weights

NUM_CLIPS = 12


def reconstruction_ratio(model) -> float:
    """L1 of reconstruction over that of repeating the first frame, held-out identities."""
    clips = SyntheticClips("test", model.size, num_frames=64, num_identities=NUM_CLIPS)
    error = baseline = 0.0
    for index in range(NUM_CLIPS):
        frames = clips.frames(index, range(0, 64, 4))
        rebuilt = np.stack([after for _, after in reconstruct(model, frames)])
        error += np.abs(rebuilt.astype(float) - frames).mean()
        baseline += np.abs(frames[:1].astype(float) - frames).mean()
    return error / baseline


@pytest.mark.parametrize("kind", DEFAULTS)
def test_shipped_weights_are_whole_and_have_a_card(kind):
    folder = find_weights(DEFAULTS[kind])
    weights = load_weights(folder, kind)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert weights.sha256 in card and "Data" in card and "Licence" in card
    assert all(torch.isfinite(tensor).all() for tensor in weights.state.values())


def test_shipped_weights_are_small():
    total = sum(path.stat().st_size for path in SHIPPED_FOLDER.rglob("*.safetensors"))
    assert total <= 8_000_000


def test_motion_generators_belong_to_the_shipped_frame_generator():
    model = load_frame_generator(DEFAULTS["fomm"])
    for kind in ("vp", "fi", "wgan", "ar"):
        assert load_motion_generator(find_weights(DEFAULTS[kind])).frame_generator_hash == model.weights_hash


@pytest.mark.parametrize("kind", ["fomm", "tpsmm"])
def test_reconstruction_halves_the_error_of_repeating_the_first_frame(kind):
    assert reconstruction_ratio(load_frame_generator(DEFAULTS[kind])) <= 0.5


def test_card_figures_are_those_of_the_committed_run():
    for name in DEFAULTS.values():
        record = SHIPPED_FOLDER.parents[1] / "results" / "weights" / name
        if not record.parent.is_dir():
            pytest.skip("an installed library comes without results/")
        manifest = json.loads((record / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["weights_hash"] == load_weights(find_weights(name)).sha256


@pytest.mark.full
def test_recipe_yields_the_quality_that_is_shipped(tmp_path):
    config = FommConfig.from_profile("shipped")
    recipe = build_recipe("fomm", config, "synthetic", torch.device("cpu"))
    fit(recipe, tmp_path, show_progress=False)
    again = reconstruction_ratio(load_frame_generator(tmp_path))
    shipped = reconstruction_ratio(load_frame_generator(DEFAULTS["fomm"]))
    assert again <= 1.1 * shipped
