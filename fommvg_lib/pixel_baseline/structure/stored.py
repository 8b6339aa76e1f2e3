"""Structure that users bring: maps computed elsewhere, or joints of a body, one file for each clip.

Maps: `<clip>.npz` with `norm` (T, S, S, N), or a folder `<clip>` with one `.npz` or `.mat` a frame, in the
order of their names, each `norm` (S, S, N), as FRGAN's own preparation saves them; values in [-1, 1].
Joints: `<clip>.npz` with `points` (T, 13, 2) in [-1, 1], or Penn Action's own `<clip>.mat` with `x`, `y`,
`visibility` (T, 13) and `dimensions`, in pixels; a joint that is not visible is left out of the maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.files import InputError
from fommvg_lib.pixel_baseline.structure.arrays import SUFFIXES, read_arrays
from fommvg_lib.pixel_baseline.structure.gaussians import NUM_JOINTS


class StoredMaps:
    """Maps read from files, frame by frame where they lie so; see `interface.ClipMaps`.

    Args:
        folder: with a file or a folder for each clip.
        names: of the clips.
        lengths: frames of each.
        size: side of the maps in pixels.

    Raises:
        InputError: naming the file, if a clip has none, or it has other frames or another size.
    """

    def __init__(self, folder: str | Path, names: Sequence[str], lengths: Sequence[int], size: int) -> None:
        self.size, self._whole = size, {}
        self._places = [_find(Path(folder), name) for name in names]
        for place, length in zip(self._places, lengths, strict=True):
            files = _frame_files(place) if place.is_dir() else None
            count = len(files) if files is not None else len(self._clip(place))
            if count != length:
                raise InputError(f"{place}: holds maps of {count} frames, its clip has {length}")
        self.num_channels = self.maps(0, [0]).shape[1]

    def maps(self, index: int, moments: Sequence[int] | np.ndarray) -> Tensor:
        """Give maps (n, N, S, S) in [-1, 1] of frames of a clip."""
        place = self._places[index]
        if place.is_dir():
            files = _frame_files(place)
            chosen = np.stack([read_arrays(files[moment], ("norm",))["norm"] for moment in moments])
        else:
            chosen = self._clip(place)[np.asarray(moments, np.int64)]
        self._check(place, chosen)
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(chosen, -1, 1))).float()

    def _clip(self, place: Path) -> np.ndarray:
        if place not in self._whole:
            self._whole[place] = read_arrays(place, ("norm",))["norm"]
            self._check(place, self._whole[place])
        return self._whole[place]

    def _check(self, place: Path, maps: np.ndarray) -> None:
        wanted = getattr(self, "num_channels", None)
        fits = maps.ndim == 4 and maps.shape[1:3] == (self.size, self.size)
        if not fits or wanted not in (None, maps.shape[-1]):
            side = f"(T, {self.size}, {self.size}, {wanted or 'N'})"
            raise InputError(f"{place}: its maps are {maps.shape}, {side} was expected")
        if np.abs(maps).max(initial=0) > 1 + 1e-6:
            raise InputError(f"{place}: its maps leave [-1, 1]")


def read_joints(folder: str | Path, name: str) -> Tensor:
    """Read a clip's joints: (T, 13, 2) in [-1, 1]; a joint that is not visible is NaN.

    Raises:
        InputError: naming the file, if there is none or it holds something else.
    """
    path = _find(Path(folder), name)
    if path.is_dir():
        raise InputError(f"{path}: joints are one .npz or .mat a clip")
    if path.suffix.lower() == ".npz":
        points = read_arrays(path, ("points",))["points"]
    else:
        points = _penn_action(read_arrays(path, ("x", "y", "visibility", "dimensions")))
    if points.ndim != 3 or points.shape[1:] != (NUM_JOINTS, 2):
        raise InputError(f"{path}: its joints are {points.shape}, (T, {NUM_JOINTS}, 2) was expected")
    return torch.from_numpy(np.ascontiguousarray(points)).float()


def _penn_action(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """Bring pixels (counted from 1) of a whole frame to the middle square that clips are cut to."""
    height, width = arrays["dimensions"].reshape(-1)[:2].astype(float)
    side = min(height, width)
    places = np.stack([arrays["x"], arrays["y"]], axis=-1).astype(float) - 1  # (T, 13, 2)
    shifted = places - [(width - side) / 2, (height - side) / 2]
    points = 2 * shifted / (side - 1) - 1
    return np.where(arrays["visibility"][..., None] > 0, points, np.nan)


def _find(folder: Path, name: str) -> Path:
    for place in (folder / name, *(folder / f"{name}{suffix}" for suffix in SUFFIXES)):
        if place.exists():
            return place
    raise InputError(f"{folder}: holds neither {name}.npz, {name}.mat nor a folder {name}")


def _frame_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{folder}: holds no .npz or .mat files")
    return files
