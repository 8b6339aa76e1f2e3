"""Published FOMM files come out as weights folders that render; what does not fit is told in one line."""

from __future__ import annotations

import json
import shutil
from functools import cache

import pytest
import torch
import yaml

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.config.presets import PRESETS
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.importing import ImportOptions, import_weights
from fommvg_lib.published_files.layout import fit_layout
from tests.conftest import TINY
from tests.importing.published import LAYOUTS, full_size, published_shapes, shapes_of

CONFIG = {
    "dataset_params": {"frame_shape": [32, 32, 3]},
    "model_params": {
        "common_params": {"num_kp": 10, "num_channels": 3, "estimate_jacobian": True},
        "kp_detector_params": {
            "block_expansion": 4, "max_features": 16, "scale_factor": 0.5, "num_blocks": 2,
        },
        "generator_params": {
            "block_expansion": 4, "max_features": 8, "num_down_blocks": 1, "num_bottleneck_blocks": 1,
            "estimate_occlusion_map": True,
            "dense_motion_params": {
                "block_expansion": 4, "max_features": 16, "num_blocks": 2, "scale_factor": 0.5,
            },
        },
    },
    "train_params": {"loss_weights": {"generator_gan": 0}, "scales": [1]},
}  # fmt: skip


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Fomm(TINY, 32).eval()


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return str(path)


def published(model, **changes):
    """Give what a published file of this model holds: parts, discriminator, an optimiser, the epoch."""
    moments = {140234: {"step": 9, "exp_avg": torch.ones(3), "exp_avg_sq": torch.ones(3)}}
    entries = {
        "generator": model.generator.state_dict(),
        "kp_detector": model.kp_detector.state_dict(),
        "discriminator": {"discs.1.conv.weight": torch.ones(1, 2)},
        "optimizer_generator": {"state": moments, "param_groups": [{"lr": 2e-4, "params": [140234]}]},
        "epoch": 99,
    }
    return {**entries, **changes}


@pytest.mark.parametrize("is_zip", [True, False])
def test_an_imported_model_renders_the_same_frames(tmp_path, model, config, is_zip):
    path = tmp_path / "tiny-cpk.pth.tar"
    torch.save(published(model), path, _use_new_zipfile_serialization=is_zip)
    made = import_weights(path, "fomm", tmp_path / "out", ImportOptions(config))
    assert made.notes == () and made.is_new
    loaded = load_frame_generator(tmp_path / "out")
    frames = torch.rand(3, 3, 32, 32)
    reference = model.for_inference()
    assert torch.equal(loaded.extract(frames).value, reference.extract(frames).value)
    motion = reference.extract(frames)
    for ours, wanted in zip(
        loaded.render(loaded.encode(frames[0]), motion),
        reference.render(reference.encode(frames[0]), motion),
        strict=True,
    ):
        assert torch.equal(ours, wanted)


def test_the_folder_says_where_it_comes_from(tmp_path, model, config):
    path = tmp_path / "tiny-cpk.pth.tar"
    torch.save(published(model), path)
    import_weights(path, "fomm", tmp_path / "out", ImportOptions(config))
    weights = load_weights(tmp_path / "out", "fomm")
    assert weights.info["size"] == 32 and weights.config == TINY.to_dict()
    source = weights.info["imported_from"]
    assert source["file"] == "tiny-cpk.pth.tar" and source["epoch"] == 99 and len(source["sha256"]) == 64
    assert str(tmp_path) not in json.dumps(weights.info)


def test_several_gpus_prefix_old_counters_and_missing_discriminator_are_no_obstacle(tmp_path, model, config):
    entries = published(model)
    for part in ("generator", "kp_detector"):
        kept = {name: t for name, t in entries[part].items() if not name.endswith("num_batches_tracked")}
        entries[part] = {f"module.{name}": tensor for name, tensor in kept.items()}
    del entries["discriminator"], entries["optimizer_generator"]
    torch.save(entries, tmp_path / "tiny.pth.tar")
    import_weights(tmp_path / "tiny.pth.tar", "fomm", tmp_path / "out", ImportOptions(config))
    state = load_weights(tmp_path / "out").state
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.state_dict().items())


def test_what_is_not_taken_over_is_noted(tmp_path, model, config):
    torch.save(published(model, scaler={"x": 1}), tmp_path / "tiny.pth.tar")
    made = import_weights(tmp_path / "tiny.pth.tar", "fomm", tmp_path / "out", ImportOptions(config))
    assert made.notes == ("not taken over: scaler",)


def refused(tmp_path, entries, options):
    torch.save(entries, tmp_path / "tiny.pth.tar")
    with pytest.raises(InputError) as caught:
        import_weights(tmp_path / "tiny.pth.tar", "fomm", tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
    text = str(caught.value)
    assert "\n" not in text and len(text) < 700
    return text


def test_another_layout_is_told_by_counts_and_first_names(tmp_path, model, config):
    entries = published(model)
    generator = dict(entries["generator"])
    first = next(iter(generator))
    generator["strange.weight"] = torch.ones(2)
    generator["final.bias"] = torch.ones(7)
    del generator[first]
    text = refused(tmp_path, {**entries, "generator": generator}, ImportOptions(config))
    assert f"1 missing (generator.{first})" in text
    assert "1 not expected (generator.strange.weight)" in text
    assert "1 of another shape (generator.final.bias (7,) instead of (3,))" in text


def test_a_config_of_another_size_is_told(tmp_path, model):
    text = refused(tmp_path, published(model), ImportOptions())
    assert "does not fit vox-256 (--config names another)" in text and "and" in text


def test_a_missing_part_is_told(tmp_path, model, config):
    entries = published(model)
    del entries["kp_detector"]
    text = refused(tmp_path, entries, ImportOptions(config))
    assert "has no part kp_detector (it has generator, discriminator" in text


def test_an_unknown_config_is_told(tmp_path, model):
    assert "neither a preset" in refused(tmp_path, published(model), ImportOptions("vox-257"))


needs_layouts = pytest.mark.skipif(
    not LAYOUTS.is_file(), reason=f"no table of published layouts at {LAYOUTS}"
)


@needs_layouts
def test_a_full_size_file_comes_out_with_its_own_names_and_shapes(tmp_path):
    entries = full_size("fomm/vox-256")
    path = tmp_path / "full.pth.tar"
    torch.save(entries, path)
    import_weights(path, "fomm", tmp_path / "out", ImportOptions("vox-256"))
    path.unlink()
    weights = load_weights(tmp_path / "out", "fomm")
    for part in ("generator", "kp_detector"):
        saved = weights.part(part)
        assert saved.keys() == entries[part].keys()
        assert all(torch.equal(saved[key], tensor) for key, tensor in entries[part].items())
    exported = Fomm.from_weights(weights).state_for_saving()
    assert shapes_of(exported) == published_shapes("fomm/vox-256", ("generator", "kp_detector"))
    shutil.rmtree(tmp_path / "out")


@cache
def our_shapes(config):
    return shapes_of(Fomm(config).state_for_saving())


@needs_layouts
@pytest.mark.parametrize("name", sorted(PRESETS.keys() - {"kth-128"}))
def test_every_published_layout_is_that_of_its_config(name):
    ours = our_shapes(PRESETS[name].model)
    assert ours == published_shapes(f"fomm/{name}", ("generator", "kp_detector"))


@needs_layouts
@pytest.mark.parametrize("name", ["vox-256", "mgif-256"])
def test_published_layouts_fit_their_configs_and_no_other(name):
    with torch.device("meta"):
        entries = full_size(f"fomm/{name}")
    given = {f"{part}.{key}": t for part in ("generator", "kp_detector") for key, t in entries[part].items()}
    wanted = {preset: Fomm(PRESETS[preset].model).state_dict() for preset in ("vox-256", "mgif-256")}
    assert fit_layout(given, wanted.pop(name)).keys() == given.keys()
    with pytest.raises(ValueError, match="of another shape .*jacobian"):
        fit_layout(given, wanted.popitem()[1])
