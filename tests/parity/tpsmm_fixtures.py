"""Frozen tensors of the public TPSMM release (revision c6168788, torch 2.13, CPU), and how they are read.

Small files lie in `tests/data/parity/tpsmm`; the rest in `../shared/parity/tpsmm`, without which their tests
are skipped. Tolerances are those of `fomm_fixtures`.
"""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch
from safetensors import safe_open

from fommvg_lib.config.fomm import HourglassConfig
from fommvg_lib.config.tpsmm import TpsmmModelConfig
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import ThinPlateSpline
from fommvg_lib.frame_generator.tpsmm.transform import spline_of_regular_grid
from fommvg_lib.motion import Motion
from tests.parity import fomm_fixtures

FOLDERS = tuple(folder.with_name("tpsmm") for folder in fomm_fixtures.FOLDERS)


class Fixture(fomm_fixtures.Fixture):
    """Tensors by name and the constructor's values; motion lies under `fg_kp`."""

    def __init__(self, name: str) -> None:
        path = next(
            (f / f"{name}.safetensors" for f in FOLDERS if (f / f"{name}.safetensors").is_file()), None
        )
        if path is None:
            pytest.skip(f"parity fixture {name} is neither in {FOLDERS[0]} nor in {FOLDERS[1]}")
        with safe_open(path, framework="pt") as stream:
            self.tensors = {key: stream.get_tensor(key) for key in stream.keys()}
            self.hp = json.loads(stream.metadata().get("hp") or "{}")

    def motion(self, prefix: str) -> Motion:
        """Give the keypoints under `prefix/`."""
        return Motion(self[f"{prefix}/fg_kp"])

    def maps(self, prefix: str) -> list[torch.Tensor]:
        """Give the numbered tensors under `prefix/`, in order."""
        numbered = self.under(prefix)
        return [numbered[str(index)] for index in range(len(numbered))]

    def transform(self, prefix: str) -> ThinPlateSpline:
        """Give the random transform under `prefix/`."""
        points = self[f"{prefix}/control_points"].shape[1]
        return spline_of_regular_grid(self[f"{prefix}/theta"], self[f"{prefix}/control_params"], points)


def model_config(dense: dict, inpainting: dict | None = None, **options) -> TpsmmModelConfig:
    """Translate the constructors' values of dense motion and inpainting network."""
    fields = {
        "num_tps": dense["num_tps"],
        "num_channels": dense["num_channels"],
        "kp_variance": dense["kp_variance"],
        "dense_motion": HourglassConfig(dense["block_expansion"], dense["num_blocks"], dense["max_features"]),
        "dense_motion_scale": dense["scale_factor"],
        "estimate_background": dense["bg"],
        "multi_mask": dense["multi_mask"],
    }
    if inpainting is not None:
        names = ("block_expansion", "max_features", "num_down_blocks")
        fields |= {name: inpainting[name] for name in names}
    return TpsmmModelConfig(**{**fields, **options})


def shared_config(shared: Fixture) -> TpsmmModelConfig:
    """Give the sizes of the networks that most fixtures share."""
    width = shared.hp["kp"]["resnet_width"]
    return model_config(
        shared.hp["dense_motion"], shared.hp["inpainting"], detector_width=width, background_width=width
    )


def procedural_state(module: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """Give the weights that the fixtures' README derives from the names of a network's tensors."""
    state = {}
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            state[name] = tensor
            continue
        random = np.random.RandomState(zlib.crc32((prefix + name).encode()))
        n = torch.from_numpy(np.asarray(random.standard_normal(tuple(tensor.shape)), np.float32))
        if name.endswith("running_mean"):
            state[name] = 0.1 * n
        elif name.endswith("running_var"):
            state[name] = 0.75 + 0.25 * n.abs()
        elif name.endswith("weight") and n.ndim >= 2:
            state[name] = n * (2 / n[0].numel()) ** 0.5
        else:
            state[name] = 1 + 0.1 * n if name.endswith("weight") else 0.1 * n
    return state
