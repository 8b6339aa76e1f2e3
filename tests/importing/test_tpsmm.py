"""Published TPSMM files, full-size by the published layouts, with and without their optional parts."""

from __future__ import annotations

import shutil

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.presets import load_config
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.importing import ImportOptions, import_weights
from fommvg_lib.published_files import Checkpoint
from fommvg_lib.weights.registry import read_registry
from tests.importing.published import LAYOUTS, full_size

pytestmark = pytest.mark.skipif(not LAYOUTS.is_file(), reason=f"no published layouts at {LAYOUTS}")


def test_a_full_size_file_comes_out_with_its_own_names_and_shapes(tmp_path):
    entries = full_size("tpsmm/vox-256 (train_avd)")
    path = tmp_path / "vox.pth.tar"
    torch.save(entries, path)
    made = import_weights(path, "tpsmm", tmp_path / "out", ImportOptions("vox-256"))
    path.unlink()
    weights = load_weights(tmp_path / "out", "tpsmm")
    for part in ("kp_detector", "dense_motion_network", "inpainting_network", "avd_network"):
        saved = weights.part(part)
        assert saved.keys() == entries[part].keys()
        assert all(torch.equal(saved[key], tensor) for key, tensor in entries[part].items())
    assert weights.config["avd"] == {"id_bottleneck": 128, "pose_bottleneck": 128}
    assert load_frame_generator(tmp_path / "out").num_kp == 50
    assert made.kind == "tpsmm"
    shutil.rmtree(tmp_path / "out")


@pytest.fixture
def translate(monkeypatch):
    """Translate entries without a file: its checks are tested elsewhere."""
    from fommvg_lib.importing.tpsmm import translate_tpsmm

    def call(entries, config="vox-256"):
        return translate_tpsmm(Checkpoint("vox.pth.tar", 10**10, "", entries), ImportOptions(config))

    return call


@pytest.fixture(scope="module")
def entries():
    return full_size("tpsmm/vox-256 (train)") | full_size("tpsmm/vox-256 (train_avd)")


@pytest.mark.parametrize("missing", ["bg_predictor", "avd_network"])
def test_a_missing_part_is_noted_and_the_model_built_without(translate, entries, missing):
    translated = translate({name: part for name, part in entries.items() if name != missing})
    assert len(translated.notes) == 1 and missing in translated.notes[0]
    assert not any(name.startswith(missing) for name in translated.state)
    assert translated.config["estimate_background"] is (missing != "bg_predictor")
    assert (translated.config["avd"] is None) is (missing == "avd_network")


def test_nothing_is_noted_of_a_whole_file(translate, entries):
    assert "bg_predictor" in entries and "avd_network" in entries
    assert translate(entries, "ted-384").notes == []
    assert translate(entries, "ted-384").info == {"size": 384}


def test_a_missing_network_is_told(translate, entries):
    with pytest.raises(InputError, match="has no part inpainting_network"):
        translate({name: part for name, part in entries.items() if name != "inpainting_network"})


def test_an_unknown_config_is_told(translate, entries):
    with pytest.raises(InputError, match="neither a preset of tpsmm"):
        translate(entries, "vox-512")


def test_the_registrys_sizes_are_those_of_the_configs():
    for entry in read_registry().values():
        assert entry.kind != "tpsmm" or load_config(entry.config, "tpsmm").size == entry.size
