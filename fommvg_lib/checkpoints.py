"""Weights on disk: a folder with `weights.safetensors` and `config.json`.

`config.json` holds `kind` (fomm, vp, fi, ...), `config` (what the model needs to be built again), `sha256` of
the tensors' file and free `info` (trained size, frame rate, provenance). Nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fommvg_lib.files import InputError, atomic_path, sha256, write_text

FORMAT = 1


@dataclass(frozen=True)
class Weights:
    """A weights folder that was read and checked.

    Attributes:
        folder: where it lies.
        kind: which family, e.g. "fomm".
        config: plain values from which the model is built.
        info: trained size, frame rate, hash of the frame generator, provenance.
        sha256: of `weights.safetensors`.
        state: tensors by name, on the CPU.
    """

    folder: Path
    kind: str
    config: dict[str, Any]
    info: dict[str, Any]
    sha256: str
    state: dict[str, Tensor]

    @property
    def keypoints_hash(self) -> str:
        """The SHA-256 of the weights whose keypoints these find: those before an AVD network was added."""
        return self.info.get("tpsmm") or self.sha256

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Give the tensors under `prefix.`, without the prefix."""
        start = prefix + "."
        return {name[len(start) :]: tensor for name, tensor in self.state.items() if name.startswith(start)}


def save_weights(
    folder: str | Path, kind: str, config: dict[str, Any], state: Mapping[str, Tensor], info: dict[str, Any]
) -> str:
    """Write a weights folder; each file is whole or absent, the tensors first.

    Returns:
        The SHA-256 of the tensors' file.

    Raises:
        InputError: if the folder cannot be written.
    """
    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with atomic_path(folder / "weights.safetensors") as temporary:
        save_file(tensors, temporary)
        digest = sha256(temporary)
    description = {"format": FORMAT, "kind": kind, "config": config, "info": info, "sha256": digest}
    write_text(folder / "config.json", json.dumps(description, indent=2) + "\n")
    return digest


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read and check `config.json` of a weights folder, not the tensors.

    Raises:
        InputError: if it is missing, no JSON, or not ours.
    """
    folder = Path(folder)
    path = folder / "config.json"
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no weights folder (expected a folder with weights.safetensors and config.json)"
        )
    if not path.is_file():
        raise InputError(f"{folder}: holds no config.json, so it is no weights folder")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    if not isinstance(description, dict) or not {"kind", "config", "sha256"} <= description.keys():
        raise InputError(f"{path}: is not the description of a weights folder (kind, config, sha256)")
    kinds = {"kind": str, "config": dict, "sha256": str, "info": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(description.get(name, {}), kind)]
    if wrong:
        raise InputError(f"{path}: its {wrong[0]} is not what a weights folder says")
    if description.get("format") != FORMAT:
        raise InputError(f"{path}: format {description.get('format')!r}, this version reads {FORMAT}")
    return description


def load_weights(folder: str | Path, kind: str | None = None) -> Weights:
    """Read a weights folder and check its kind and hash.

    Args:
        folder: the folder.
        kind: what is expected, or None for any.

    Raises:
        InputError: in one line, if it is missing, torn, of another kind, or its hash differs.
    """
    folder = Path(folder)
    description = read_description(folder)
    if kind is not None and description["kind"] != kind:
        raise InputError(f"{folder}: holds {description['kind']} weights, {kind} was expected")
    path = folder / "weights.safetensors"
    if not path.is_file():
        raise InputError(f"{folder}: weights.safetensors is missing")
    digest = sha256(path)
    if digest != description["sha256"]:
        raise InputError(
            f"{path}: sha256 {digest[:12]} differs from config.json's {description['sha256'][:12]}"
        )
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read as safetensors ({error})") from error
    return Weights(
        folder, description["kind"], description["config"], description.get("info", {}), digest, state
    )
