"""Principal components of residual motion (frame-to-frame differences).

The published VP model multiplies its coefficients with such components. The published state is a 0-d object
array in an `.npy` file, which only unpickling can read: we neither read nor write that form. Ours is
safetensors; a path ending in `.npz` gives plain arrays under the published names `comp`, `stdev`, `var_ratio`
(and `mean`, `n`), which numpy reads without unpickling.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from fommvg_lib.files import InputError, atomic_path

_NAMES = ("comp", "stdev", "var_ratio", "mean", "n")


@dataclass(frozen=True)
class ResidualPCA:
    """Directions in which frames differ from the next.

    Attributes:
        components: (C, D) float64, orthonormal rows, most variance first.
        stdev: (C,) float64, standard deviation along each.
        ratio: (C,) float64, share of the total variance.
        mean: (D,) float64, mean difference; the published model does not add it back.
        num_differences: how many differences were seen.
    """

    components: np.ndarray
    stdev: np.ndarray
    ratio: np.ndarray
    mean: np.ndarray
    num_differences: int

    def save(self, path: str | Path) -> None:
        """Write the components as safetensors, or as `.npz` if the path says so.

        Raises:
            InputError: for another ending, or if the file cannot be written.
        """
        path = Path(path)
        if path.suffix not in (".safetensors", ".npz"):
            raise InputError(f"{path}: components are written as .safetensors or .npz")
        count = np.asarray(self.num_differences, dtype=np.int64)
        arrays = dict(zip(_NAMES, (self.components, self.stdev, self.ratio, self.mean, count), strict=True))
        with atomic_path(path) as temporary:
            if path.suffix == ".npz":
                np.savez(temporary, **arrays)
            else:
                save_file(arrays, temporary)

    @classmethod
    def load(cls, path: str | Path) -> ResidualPCA:
        """Read what `save` wrote; never unpickles.

        Raises:
            InputError: if the file is missing, torn, of another form, or its arrays disagree.
        """
        components, stdev, ratio, mean, count = _read_arrays(Path(path))
        sizes_fit = components.ndim == 2 and stdev.shape == ratio.shape == components.shape[:1]
        if not sizes_fit or mean.shape != components.shape[1:]:
            raise InputError(f"{path}: the sizes of its arrays disagree")
        return cls(components.astype(np.float64), stdev, ratio, mean, int(count))


def fit_residual_pca(motions: Iterable[np.ndarray | Tensor], num_components: int) -> ResidualPCA:
    """Fit components to the differences of neighbouring frames, streaming, in float64.

    Args:
        motions: arrays (T, D); one with a single frame adds nothing.
        num_components: C, at most D.

    Returns:
        The components; each one's largest entry is positive, which fixes the sign.

    Raises:
        ValueError: if there are fewer than two differences, D differs, C > D, or nothing moves.
    """
    count, mean, scatter = 0, np.zeros(0), np.zeros((0, 0))
    for motion in motions:
        differences = np.diff(np.asarray(motion, dtype=np.float64), axis=0)
        if count == 0:
            mean, scatter = np.zeros(differences.shape[1]), np.zeros((differences.shape[1],) * 2)
        if differences.shape[1:] != mean.shape:
            raise ValueError(f"a motion has {differences.shape[1]} numbers a frame, those before {len(mean)}")
        if len(differences):
            count, mean, scatter = _merge(count, mean, scatter, differences)
    if count < 2:
        raise ValueError(f"{count} differences of neighbouring frames are too few for components")
    if not 1 <= num_components <= len(mean):
        raise ValueError(f"num_components {num_components} is outside 1 to {len(mean)}")
    variance, vectors = np.linalg.eigh(scatter / (count - 1))
    variance, vectors = variance[::-1].clip(min=0), vectors[:, ::-1].T
    if variance.sum() == 0:
        raise ValueError("the motion does not move: its differences have no variance")
    components = vectors[:num_components]
    largest = np.abs(components).argmax(axis=1)[:, None]
    components = components * np.sign(np.take_along_axis(components, largest, axis=1))
    kept = variance[:num_components]
    return ResidualPCA(np.ascontiguousarray(components), np.sqrt(kept), kept / variance.sum(), mean, count)


def _read_arrays(path: Path) -> list[np.ndarray]:
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as stream:
                return [stream[name] for name in _NAMES]
        arrays = load_file(path)
        return [arrays[name] for name in _NAMES]
    except KeyError as error:
        raise InputError(f"{path}: holds no components of residual motion (without {error})") from error
    except (SafetensorError, ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: cannot be read as components ({error})") from error


def _merge(
    count: int, mean: np.ndarray, scatter: np.ndarray, rows: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Join the moments of (N, D) rows to those so far (Chan et al. 1979)."""
    row_mean = rows.mean(axis=0)
    centred = rows - row_mean
    total = count + len(rows)
    gap = row_mean - mean
    scatter = scatter + centred.T @ centred + np.outer(gap, gap) * (count * len(rows) / total)
    return total, mean + gap * (len(rows) / total), scatter
