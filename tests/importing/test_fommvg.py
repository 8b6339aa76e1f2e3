"""Published VP and FI files move as the published networks do, with and without the exchanged encoders."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.nn.functional import leaky_relu

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.files import InputError
from fommvg_lib.importing import ImportOptions, import_weights
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.pca import ResidualPCA
from tests.importing.published import LAYOUTS, components_file, fi_file, full_size, mlp, vp_file


def run_mlp(state, x):
    names = sorted({int(name.split(".")[1]) for name in state})
    for index in names:
        x = x @ state[f"layers.{index}.weight"].T + state[f"layers.{index}.bias"]
        x = leaky_relu(x, 0.2) if index != names[-1] else x
    return x


def run_cell(state, x, hidden, memory):
    cell = torch.nn.LSTMCell(state["weight_ih"].shape[1], state["weight_hh"].shape[1])
    cell.load_state_dict(state)
    return cell(x, (hidden, memory))


@torch.no_grad()
def published_vp(entries, pca, x0, noise, swap):
    first, second = ("encc", "ench") if swap else ("ench", "encc")
    hidden, memory = run_mlp(entries[first], x0), run_mlp(entries[second], x0)
    frames = [x0]
    for step in noise.unbind(1):
        hidden, memory = run_cell(entries["frnn"], step, hidden, memory)
        moved = run_mlp(entries["pred"], hidden) @ torch.from_numpy(pca["comp"]).float()
        frames.append((frames[-1] + moved).clamp(-1, 1))
    return torch.stack(frames, 1)


@torch.no_grad()
def published_fi(entries, x0, x1, noise):
    ahead, back = [], []
    states = {"frnn": run_mlp(entries["E"], x0).chunk(2, -1), "brnn": run_mlp(entries["E"], x1).chunk(2, -1)}
    for name, order, kept in (("frnn", noise, ahead), ("brnn", noise.flip(1), back)):
        hidden, memory = states[name]
        for step in order.unbind(1):
            hidden, memory = run_cell(entries[name], step, hidden, memory)
            kept.append(hidden)
    both = torch.cat([torch.stack(ahead, 1), torch.stack(back, 1).flip(1)], -1)
    return torch.cat([x0[:, None], run_mlp(entries["pred"], both), x1[:, None]], 1)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("swap", [False, True])
def test_a_vp_file_moves_as_published(tmp_path, swap, is_zip):
    torch.manual_seed(0)
    entries = vp_file(tmp_path / "vp_best.pth", is_zip)
    pca = components_file(tmp_path / "pca.npy")
    options = ImportOptions(legacy_swap=swap, components=tmp_path / "pca.npy")
    import_weights(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", options)
    model = load_motion_generator(tmp_path / "vp", num_dims=100, num_kp=50)
    x0, noise = torch.rand(3, 100) - 0.5, torch.randn(3, 15, 32)
    with torch.no_grad():
        moved = model.network.rollout(x0, noise)[0]
    assert torch.allclose(moved, published_vp(entries, pca, x0, noise, swap), atol=1e-5)
    assert not torch.allclose(moved, published_vp(entries, pca, x0, noise, not swap), atol=1e-3)


def test_an_fi_file_moves_as_published(tmp_path):
    torch.manual_seed(0)
    entries = fi_file(tmp_path / "fi_best.pth")
    import_weights(tmp_path / "fi_best.pth", "fi", tmp_path / "fi")
    model = load_motion_generator(tmp_path / "fi", num_dims=100, num_kp=50)
    x0, x1, noise = torch.rand(2, 100), torch.rand(2, 100), torch.randn(2, 30, 100)
    with torch.no_grad():
        moved = model.network(x0, x1, noise)
    assert torch.allclose(moved, published_fi(entries, x0, x1, noise), atol=1e-5)


def test_an_imported_vp_file_completes_a_motion(tmp_path):
    vp_file(tmp_path / "vp_best.pth")
    components_file(tmp_path / "pca.npy")
    import_weights(
        tmp_path / "vp_best.pth", "vp", tmp_path / "vp", ImportOptions(components=tmp_path / "pca.npy")
    )
    model = load_motion_generator(tmp_path / "vp")
    known = torch.zeros(1, 10, dtype=torch.bool)
    known[:, 0] = True
    motion = torch.rand(1, 10, 100)
    completed = model.complete(motion, known, 2, torch.Generator().manual_seed(0))
    assert completed.shape == (2, 1, 10, 100) and torch.equal(completed[0, :, 0], motion[:, 0])


def test_sizes_come_from_the_tensors_and_not_from_the_options(tmp_path):
    vp_file(tmp_path / "vp_best.pth")
    components_file(tmp_path / "pca.npy")
    options = ImportOptions(components=tmp_path / "pca.npy")
    import_weights(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", options)
    weights = load_weights(tmp_path / "vp", "vp")
    assert (weights.config["hidden_dim"], weights.config["noise_dim"]) == (32, 32)
    assert weights.config["num_dims"] == 100 and weights.config["num_components"] == 30
    assert weights.info["published_options"] == {"dataset": "vox", "weight_lm": 0.5, "seed": 1}
    assert "private" not in json.dumps(weights.info)
    assert weights.info["imported_from"]["epoch"] == 499


def test_our_own_components_serve_too(tmp_path):
    vp_file(tmp_path / "vp_best.pth")
    rows = np.linalg.qr(np.random.default_rng(0).normal(size=(100, 30)))[0].T
    state = ResidualPCA(np.ascontiguousarray(rows), np.ones(30), np.ones(30) / 30, np.zeros(100), 5)
    state.save(tmp_path / "pca.safetensors")
    options = ImportOptions(components=tmp_path / "pca.safetensors")
    import_weights(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", options)
    saved = load_weights(tmp_path / "vp").state["network.components"]
    assert torch.allclose(saved, torch.from_numpy(rows).float())


def refused(path, kind, folder, options=None, match=""):
    with pytest.raises(InputError, match=match):
        import_weights(path, kind, folder, options)
    assert not folder.exists()


def test_a_vp_file_without_components_is_refused_with_the_way_out(tmp_path):
    vp_file(tmp_path / "vp_best.pth")
    refused(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", match="--pca")


def test_components_of_another_size_are_refused(tmp_path):
    vp_file(tmp_path / "vp_best.pth")
    components_file(tmp_path / "pca.npy", 20)
    options = ImportOptions(components=tmp_path / "pca.npy")
    refused(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", options, r"\(20, 100\).*needs \(30, 100\)")


def test_parts_that_do_not_fit_together_are_named(tmp_path):
    vp_file(tmp_path / "vp_best.pth", encc=mlp(100, 16, 16))
    components_file(tmp_path / "pca.npy")
    options = ImportOptions(components=tmp_path / "pca.npy")
    match = r"6 of another shape \(network.encc.layers.0.weight \(16, 100\) instead of \(32, 100\)"
    refused(tmp_path / "vp_best.pth", "vp", tmp_path / "vp", options, match)


@pytest.mark.parametrize(("name", "shape"), [("weight_hh", (1, 10**6)), ("weight_ih", (400, 0))])
def test_absurd_sizes_are_refused_before_a_model_is_built_of_them(tmp_path, name, shape):
    entries = fi_file(tmp_path / "fi_best.pth")
    entries["frnn"] |= {name: torch.zeros(shape)}
    torch.save(entries, tmp_path / "fi_best.pth")
    match = rf"a matrix frnn.{name} of shape \({shape[0]}, {shape[1]}\)"
    refused(tmp_path / "fi_best.pth", "fi", tmp_path / "fi", match=match)


def test_options_of_other_kinds_are_refused(tmp_path):
    fi_file(tmp_path / "fi_best.pth")
    for given, match in (
        (ImportOptions(legacy_swap=True), "--legacy-swap"),
        (ImportOptions(components=tmp_path / "pca.npy"), "--pca"),
        (ImportOptions("vox-256"), "--config"),
    ):
        refused(tmp_path / "fi_best.pth", "fi", tmp_path / "fi", given, match)


def test_a_file_of_another_kind_is_named(tmp_path):
    fi_file(tmp_path / "fi_best.pth")
    refused(tmp_path / "fi_best.pth", "vp", tmp_path / "vp", match="holds fi weights, not vp")


@pytest.mark.skipif(not LAYOUTS.is_file(), reason=f"no published layouts at {LAYOUTS}")
def test_the_published_layouts_of_vp_and_fi_import(tmp_path):
    for kind in ("vp", "fi"):
        torch.save(full_size(f"fommvg/{kind}"), tmp_path / f"{kind}.pth")
    components_file(tmp_path / "pca.npy")
    options = ImportOptions(components=tmp_path / "pca.npy")
    import_weights(tmp_path / "vp.pth", "vp", tmp_path / "vp", options)
    import_weights(tmp_path / "fi.pth", "fi", tmp_path / "fi")
    for kind in ("vp", "fi"):
        assert load_motion_generator(tmp_path / kind, num_dims=100, num_kp=50).form == "legacy"
