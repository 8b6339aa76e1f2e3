"""Checkpoints laid out as published, full-size ones by the published table and small ones, random weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

LAYOUTS = Path(__file__).resolve().parents[2].parent / "shared" / "parity" / "checkpoint_keys.json"


def full_size(config: str) -> dict[str, Any]:
    """Give all that a published file of a config holds: parts, optimisers (their moments small), epoch."""
    table = json.loads(LAYOUTS.read_text(encoding="utf-8"))
    layouts, described = table["layouts"], table["configs"][config]["top_level"]
    return {name: _entry(layouts, what) for name, what in described.items()}


def published_shapes(config: str, parts: Collection[str]) -> dict[str, tuple]:
    """Give the shapes of a published file's parts by `part.name`, from the table alone."""
    table = json.loads(LAYOUTS.read_text(encoding="utf-8"))
    named = {part: table["layouts"][table["configs"][config]["top_level"][part]] for part in parts}
    return {
        f"{part}.{name}": tuple(size for size in shape if size != "i64")
        for part, shapes in named.items()
        for name, shape in shapes.items()
    }


def shapes_of(state: Mapping[str, torch.Tensor]) -> dict[str, tuple]:
    """Give the shapes of tensors by name."""
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _entry(layouts: dict, what: Any) -> Any:
    if isinstance(what, dict):
        moments = {index: {"step": 9, "exp_avg": torch.zeros(2)} for index in range(what["n_params"][0])}
        return {"state": moments, "param_groups": [{"lr": 2e-4, "params": list(moments)}]}
    if what == "int":
        return 99
    if what not in layouts:
        return argparse.Namespace(dataset="vox", seed=1, x_dim=64, h_dim=64, n_dim=64, vid_root="/private")
    return {name: tensor_of(shape) for name, shape in layouts[what].items()}


def tensor_of(shape: list) -> torch.Tensor:
    """Give a random tensor of a shape of the table; its last item may be a number format."""
    if shape and shape[-1] == "i64":
        return torch.zeros(shape[:-1], dtype=torch.int64)
    return torch.rand(shape)


def mlp(num_in: int, num_hidden: int, num_out: int, num_layers: int = 3) -> dict[str, torch.Tensor]:
    """Give a published MLP's state."""
    sizes = [num_in] + [num_hidden] * (num_layers - 1) + [num_out]
    state = {}
    for index in range(num_layers):
        state[f"layers.{2 * index}.weight"] = 0.3 * torch.randn(sizes[index + 1], sizes[index])
        state[f"layers.{2 * index}.bias"] = 0.3 * torch.randn(sizes[index + 1])
    return state


def cell(num_in: int, num_hidden: int) -> dict[str, torch.Tensor]:
    """Give a published LSTM cell's state."""
    return {
        name: tensor.detach() for name, tensor in torch.nn.LSTMCell(num_in, num_hidden).state_dict().items()
    }


def vp_file(path: Path, is_zip: bool = True, **changes: Any) -> dict[str, Any]:
    """Write a VP checkpoint of the published sizes with a Namespace that names others; give its entries."""
    entries = {
        "frnn": cell(32, 32), "pred": mlp(32, 30, 30, 2), "D": mlp(100, 50, 1), "ench": mlp(100, 32, 32),
        "encc": mlp(100, 32, 32), "frnn_opt": {"state": {}, "param_groups": []}, "epoch": 499,
        "opt": argparse.Namespace(dataset="vox", seed=1, weight_lm=0.5, h_dim=64, vid_root="/private"),
    }  # fmt: skip
    entries |= changes
    torch.save(entries, path, _use_new_zipfile_serialization=is_zip)
    return entries


def fi_file(path: Path) -> dict[str, Any]:
    """Write an FI checkpoint of the published sizes; give its entries."""
    entries = {
        "frnn": cell(100, 100), "brnn": cell(100, 100), "pred": mlp(200, 100, 100), "D": mlp(400, 100, 1),
        "H": mlp(100, 100, 100), "E": mlp(100, 200, 200), "epoch": 999,
        "opt": argparse.Namespace(dataset="kps_vox", weight_lm=10.0, rnn_size=256),
    }  # fmt: skip
    torch.save(entries, path)
    return entries


def components_file(path: Path, count: int = 30, num_dims: int = 100) -> dict[str, np.ndarray]:
    """Write principal components as published; give them."""
    rows = np.linalg.qr(np.random.default_rng(1).normal(size=(num_dims, count)))[0].T
    state = {"comp": np.ascontiguousarray(rows), "stdev": np.geomspace(0.03, 0.002, count)}
    np.save(path, state)
    return state


def tpsmm_file(path: Path, model: torch.nn.Module, **changes: Any) -> dict[str, Any]:
    """Write a TPSMM checkpoint laid out as published, of whatever sizes the model has; give its entries."""
    names = ("inpainting_network", "dense_motion_network", "kp_detector", "bg_predictor", "avd_network")
    there = {name: part.state_dict() for name, part in model.named_children() if name in names}
    moments = {0: {"step": 9, "exp_avg": torch.zeros(2)}}
    optimizer = {"state": moments, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    entries = {**there, "optimizer_avd": optimizer, "epoch": 99, **changes}
    torch.save(entries, path)
    return entries
