"""The published `.npy` layouts of motion, always read and written with `allow_pickle=False`.

Two layouts: vectors [T, 1, 2K] (one file a video, values only; K = 50 for thin-plate splines), and the pair
values [N, T, K, 2] with Jacobians [N, T, K, 2, 2] (one pair of files for N clips of T frames).
"""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import torch

from fommvg_lib.files import InputError, atomic_path
from fommvg_lib.motion import Motion

_MAGIC = b"\x93NUMPY"
_DAMAGE = (ValueError, EOFError, OSError, SyntaxError, TokenError, OverflowError, MemoryError, RecursionError)
"""What NumPy raises at a damaged header, which it reads as a line of Python."""


def load_npy(path: str | Path) -> np.ndarray:
    """Read a `.npy` file of finite numbers; never unpickles.

    Raises:
        InputError: if it is missing, torn, an object array, not numeric, or not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        with path.open("rb") as stream:
            if stream.read(len(_MAGIC)) != _MAGIC:
                raise ValueError("it does not begin like one")
        # Mapped, a file that declares more numbers than it holds is refused before memory is taken for them.
        array = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read as .npy numbers without unpickling ({reason})") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{path}: holds no array of numbers")
    if not np.isfinite(array).all():
        raise InputError(f"{path}: holds numbers that are not finite")
    return array


def import_vectors_npy(path: str | Path) -> Motion:
    """Read the published [T, 1, 2K] form (also [T, 2K]).

    Returns:
        Motion (T,) with values only, float32.

    Raises:
        InputError: for another shape, or as `load_npy`.
    """
    array = load_npy(path)
    flat = array[:, 0] if array.ndim == 3 and array.shape[1] == 1 else array
    if flat.ndim != 2 or flat.shape[1] % 2 or 0 in flat.shape:
        raise InputError(f"{path}: shape {array.shape}, expected [T, 1, 2K]")
    return Motion.from_vectors(torch.from_numpy(flat.astype(np.float32)), flat.shape[1] // 2)


def export_vectors_npy(path: str | Path, motion: Motion) -> None:
    """Write the published [T, 1, 2K] form, float32.

    Raises:
        InputError: if the motion has Jacobians, which this form cannot hold, or the file cannot be written.
    """
    if motion.jacobian is not None:
        raise InputError(
            f"{path}: the [T, 1, 2K] form cannot hold Jacobians, write the pair of files instead"
        )
    _write_npy(path, motion.vectors()[:, None])


def import_pair_npy(values_path: str | Path, jacobians_path: str | Path) -> list[Motion]:
    """Read values [N, T, K, 2] and Jacobians [N, T, K, 2, 2].

    Returns:
        N motions of T frames, float32.

    Raises:
        InputError: for other shapes, or as `load_npy`.
    """
    values, jacobians = load_npy(values_path), load_npy(jacobians_path)
    if values.ndim != 4 or values.shape[-1] != 2:
        raise InputError(f"{values_path}: shape {values.shape}, expected [N, T, K, 2]")
    if jacobians.shape != (*values.shape, 2):
        raise InputError(f"{jacobians_path}: shape {jacobians.shape}, expected {(*values.shape, 2)}")
    pairs = zip(values.astype(np.float32), jacobians.astype(np.float32), strict=True)
    return [Motion(torch.from_numpy(value), torch.from_numpy(jacobian)) for value, jacobian in pairs]


def export_pair_npy(values_path: str | Path, jacobians_path: str | Path, motions: list[Motion]) -> None:
    """Write N motions of equal length as values [N, T, K, 2] and Jacobians [N, T, K, 2, 2], float32.

    Raises:
        InputError: if one has no Jacobians, their shapes differ, there is none, or a file cannot be written.
    """
    if not motions or any(motion.jacobian is None for motion in motions):
        raise InputError(f"{jacobians_path}: the pair of files needs motions with Jacobians")
    if len({motion.value.shape for motion in motions}) > 1:
        raise InputError(f"{values_path}: the pair of files needs motions of equal length")
    _write_npy(values_path, torch.stack([motion.value for motion in motions]))
    _write_npy(jacobians_path, torch.stack([motion.jacobian for motion in motions]))


def _write_npy(path: str | Path, tensor: torch.Tensor) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, tensor.detach().cpu().float().numpy(), allow_pickle=False)
