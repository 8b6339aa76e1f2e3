"""Published TPSMM files, full-size by the published layouts, with and without their optional parts."""

from __future__ import annotations

import shutil
from functools import cache

import pytest
import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.presets import TPSMM_PRESETS, load_config
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.importing import ImportOptions, import_weights
from fommvg_lib.published_files import Checkpoint
from fommvg_lib.weights.registry import read_registry
from tests.importing.published import LAYOUTS, full_size, published_shapes, shapes_of, tpsmm_file
from tests.tpsmm_cases import small_tpsmm

pytestmark = pytest.mark.skipif(not LAYOUTS.is_file(), reason=f"no published layouts at {LAYOUTS}")


PARTS = {"kp_detector", "dense_motion_network", "inpainting_network", "bg_predictor", "avd_network"}


def test_a_full_size_file_comes_out_with_its_own_names_and_shapes(tmp_path):
    entries = full_size("tpsmm/vox-256 (train_avd)")
    assert PARTS <= entries.keys()
    path = tmp_path / "vox.pth.tar"
    torch.save(entries, path)
    made = import_weights(path, "tpsmm", tmp_path / "out", ImportOptions("vox-256"))
    path.unlink()
    weights = load_weights(tmp_path / "out", "tpsmm")
    for part in PARTS:
        saved = weights.part(part)
        assert saved.keys() == entries[part].keys()
        assert all(torch.equal(saved[key], tensor) for key, tensor in entries[part].items())
    assert weights.config["avd"] == {"id_bottleneck": 128, "pose_bottleneck": 128}
    exported = Tpsmm.from_weights(weights).state_for_saving()
    assert shapes_of(exported) == published_shapes("tpsmm/vox-256 (train_avd)", PARTS)
    assert made.kind == "tpsmm"
    shutil.rmtree(tmp_path / "out")


@cache
def our_shapes(config):
    return shapes_of(Tpsmm(config, size=384).state_for_saving())


@pytest.mark.parametrize("name", TPSMM_PRESETS)
@pytest.mark.parametrize("stage", ["train", "train_avd"])
def test_every_published_layout_is_that_of_its_config(name, stage):
    has_avd = stage == "train_avd"
    ours = our_shapes(TPSMM_PRESETS[name].model.replace(avd=AvdNetworkConfig() if has_avd else None))
    parts = {part for part in PARTS if any(key.startswith(f"{part}.") for key in ours)}
    assert ("bg_predictor" in parts, "avd_network" in parts) == (name != "mgif-256", has_avd)
    assert ours == published_shapes(f"tpsmm/{name} ({stage})", parts)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_small_file_of_several_gpus_without_its_optional_parts_renders_the_same(
    tmp_path, monkeypatch, is_zip
):
    model = small_tpsmm()
    config = TpsmmConfig.from_profile("smoke").replace(size=model.size, model=model.config)
    monkeypatch.setitem(TPSMM_PRESETS, "small-32", config)
    entries = tpsmm_file(tmp_path / "vox.pth.tar", model)
    kept = ("kp_detector", "dense_motion_network", "inpainting_network")
    parts = {part: {f"module.{name}": t for name, t in entries[part].items()} for part in kept}
    rest = {"optimizer_avd": entries["optimizer_avd"], "epoch": 3}
    torch.save({**parts, **rest}, tmp_path / "mine.pth.tar", _use_new_zipfile_serialization=is_zip)
    made = import_weights(tmp_path / "mine.pth.tar", "tpsmm", tmp_path / "out", ImportOptions("small-32"))
    assert [note.split(",")[0] for note in made.notes] == [
        "the file has no bg_predictor", "the file has no avd_network",
    ]  # fmt: skip
    loaded, frames = load_frame_generator(tmp_path / "out"), torch.rand(3, 3, 32, 32)
    assert loaded.bg_predictor is None and loaded.avd_network is None
    reference = model.for_inference()
    motion = reference.extract(frames)
    for ours, wanted in zip(
        loaded.render(loaded.encode(frames[0]), motion),
        reference.render(reference.encode(frames[0]), motion),
        strict=True,
    ):
        assert torch.equal(ours, wanted)


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


def test_an_absurd_avd_network_is_refused_before_one_is_built_of_it(translate, entries):
    avd = {f"{part}_encoder.0.bias": torch.zeros(10**6) for part in ("id", "pose")}
    with pytest.raises(InputError, match="id_encoder ends in 1000000 numbers, more than 4096"):
        translate({**entries, "avd_network": avd})


def test_a_missing_network_is_told(translate, entries):
    with pytest.raises(InputError, match="has no part inpainting_network"):
        translate({name: part for name, part in entries.items() if name != "inpainting_network"})


def test_an_unknown_config_is_told(translate, entries):
    with pytest.raises(InputError, match="neither a preset of tpsmm"):
        translate(entries, "vox-512")


def test_the_registrys_sizes_are_those_of_the_configs():
    for entry in read_registry().values():
        assert entry.kind != "tpsmm" or load_config(entry.config, "tpsmm").size == entry.size
