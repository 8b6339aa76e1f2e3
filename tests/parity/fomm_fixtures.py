"""Frozen tensors of the public FOMM release (revision c0274845, torch 2.13, CPU), and how they are read.

A few small files lie in `tests/data/parity/fomm`; the rest in `../shared/parity/fomm`, without which their
tests are skipped. Tolerances are those of the fixtures' README: outputs in eval mode atol 2e-4 and rtol 1e-4,
in train mode atol 5e-4; losses rtol 1e-4; gradients 5e-3 (eval) or 3e-2 (train) of the largest entry.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from fommvg_lib.config.fomm import DiscriminatorConfig, FommModelConfig, HourglassConfig
from fommvg_lib.motion import Motion

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDERS = (
    REPOSITORY / "tests" / "data" / "parity" / "fomm",
    REPOSITORY.parent / "shared" / "parity" / "fomm",
)


class Fixture:
    """Tensors by name and the constructor's values."""

    def __init__(self, name: str) -> None:
        path = next((folder / f"{name}.safetensors" for folder in FOLDERS if _has(folder, name)), None)
        if path is None:
            pytest.skip(f"parity fixture {name} is neither in {FOLDERS[0]} nor in {FOLDERS[1]}")
        with safe_open(path, framework="pt") as stream:
            self.tensors = {key: stream.get_tensor(key) for key in stream.keys()}
            self.hp = json.loads(stream.metadata().get("hp", "{}"))

    def __getitem__(self, name: str) -> torch.Tensor:
        if f"{name}_u8" in self.tensors:
            return self.tensors[f"{name}_u8"].float() / 255
        return self.tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        """Give the tensors under `prefix/`, without the prefix."""
        return {
            k.removeprefix(prefix + "/"): v for k, v in self.tensors.items() if k.startswith(prefix + "/")
        }

    def motion(self, prefix: str) -> Motion:
        """Give the keypoints under `prefix/`."""
        jacobian = f"{prefix}/jacobian"
        return Motion(self[f"{prefix}/value"], self[jacobian] if jacobian in self else None)


def _has(folder: Path, name: str) -> bool:
    return (folder / f"{name}.safetensors").is_file()


def detector_config(hp: dict, **options) -> FommModelConfig:
    """Translate a keypoint detector's constructor values; the fixtures were run with align_corners False."""
    return FommModelConfig(
        num_kp=hp["num_kp"],
        num_channels=hp["num_channels"],
        temperature=hp["temperature"],
        kp_pad=hp.get("pad", 0),
        estimate_jacobian=hp["estimate_jacobian"],
        single_jacobian_map=hp.get("single_jacobian_map", False),
        detector=hourglass(hp),
        detector_scale=hp["scale_factor"],
        **{"align_corners": False, **options},
    )


def generator_options(hp: dict) -> dict:
    """Translate a generator's constructor values to fields of `FommModelConfig`."""
    dense = hp["dense_motion_params"]
    options = {
        "num_kp": hp["num_kp"],
        "num_channels": hp["num_channels"],
        "estimate_jacobian": hp["estimate_jacobian"],
        "dense_motion": None if dense is None else hourglass(dense),
        "block_expansion": hp["block_expansion"],
        "max_features": hp["max_features"],
        "num_down_blocks": hp["num_down_blocks"],
        "num_bottleneck_blocks": hp["num_bottleneck_blocks"],
        "estimate_occlusion_map": hp["estimate_occlusion_map"],
        "align_corners": False,
    }
    return options if dense is None else {**options, "dense_motion_scale": dense["scale_factor"]}


def hourglass(hp: dict) -> HourglassConfig:
    """Pick an hourglass's sizes."""
    return HourglassConfig(hp["block_expansion"], hp["num_blocks"], hp["max_features"])


def discriminator_config(hp: dict) -> DiscriminatorConfig:
    """Translate a discriminator's constructor values."""
    return DiscriminatorConfig(
        scales=tuple(float(scale) for scale in hp["scales"]),
        block_expansion=hp["block_expansion"],
        max_features=hp["max_features"],
        num_blocks=hp["num_blocks"],
        spectral_norm=hp["sn"],
        use_kp=hp.get("use_kp", False),
        kp_variance=hp.get("kp_variance", 0.01),
    )


def assert_close(got: torch.Tensor, wanted: torch.Tensor, atol: float = 2e-4, rtol: float = 1e-4) -> None:
    """Compare outputs (eval mode unless told otherwise)."""
    torch.testing.assert_close(got.detach(), wanted, atol=atol, rtol=rtol)


def assert_motion_close(got: Motion, wanted: Motion, **tolerance: float) -> None:
    """Compare both parts."""
    assert_close(got.value, wanted.value, **tolerance)
    assert (got.jacobian is None) == (wanted.jacobian is None)
    if wanted.jacobian is not None:
        assert_close(got.jacobian, wanted.jacobian, **tolerance)


def assert_gradient_close(name: str, got: torch.Tensor, wanted: torch.Tensor, share: float) -> None:
    """Compare gradients to a share of the largest entry; in eval mode the mask's bias is all noise."""
    atol = share * wanted.abs().max().item()
    atol = max(atol, 1e-4) if name.endswith("mask.bias") else atol
    assert wanted.abs().max() > 0
    torch.testing.assert_close(got, wanted, atol=atol, rtol=0, msg=lambda text: f"{name}: {text}")
