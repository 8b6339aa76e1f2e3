"""Make a clip folder of BAIR robot pushing: an arm that moves among objects, seen by two cameras.

    python data_prep/bair.py --records softmotion30_44k --out data/bair --size 256

Source: bair_robot_pushing_dataset_v0.tar (30 GB), from sites.google.com/view/sna-visual-mpc, the
page of F. Ebert, C. Finn, A. Lee, S. Levine,
"Self-Supervised Visual Planning with Temporal Skip Connections", CoRL 2017.
Unpack it: softmotion30_44k/{train,test}/traj_A_to_B.tfrecords, 256 trajectories of 30 frames in each file.

Terms: the page states none beyond citing the paper; ask the authors before you pass the videos on.

The record files are read without TensorFlow, and every checksum is compared. Frames are 64 x 64 pixels; the
published FOMM weights for this set want --size 256. Actions and positions of the arm are kept in
states/<split>/<trajectory>.npz: `action` (T, 4) and `endeffector_pos` (T, 3).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fommvg_lib.commands.preparation import form_of, preparation_parser, run
from fommvg_lib.files import InputError, RunError, atomic_path
from fommvg_lib.preparation import ClipForm, Row, Source
from fommvg_lib.preparation.example import Value, parse_example
from fommvg_lib.preparation.manifest import REJECTED_STATUS
from fommvg_lib.preparation.sources import key_of
from fommvg_lib.preparation.tfrecord import read_records
from fommvg_lib.preparation.writing import clip_path, write_clip

CAMERAS = ("main", "aux1")
SIDE = 64
STATES = {"action": 4, "endeffector_pos": 3}
NAME = re.compile(r"traj_(\d+)_to_(\d+)$")


@dataclass(frozen=True)
class BairRecipe:
    """Each trajectory of a record file becomes a clip for each camera.

    Attributes:
        form: how clips are stored.
        cameras: which of `main` and `aux1`.
        fps: what the clips are said to have; the set states no rate.
    """

    form: ClipForm
    cameras: tuple[str, ...] = CAMERAS
    fps: float = 10.0

    def settings(self) -> dict[str, object]:
        """Say what the clips depend on."""
        return {"recipe": "bair"} | asdict(self)

    def prepare(self, source: Source, digest: str, out: Path) -> list[Row]:
        """Write the clips and states of one record file; a trajectory that is wrong is rejected by itself."""
        rows: list[Row] = []
        records = read_records(source.path)
        number = source.detail
        while True:
            try:
                payload = next(records, None)
                if payload is None:
                    break
                rows += self._prepare_trajectory(source, digest, out, f"traj{number:06d}", payload)
            except ValueError as error:
                rows.append(_rejected(source, digest, f"{source.path}: trajectory {number}: {error}"))
            except InputError as error:  # the chain of records breaks off
                rows.append(_rejected(source, digest, str(error)))
                break
            number += 1
        if not rows:
            raise InputError(f"{source.path}: holds no record")
        return rows

    def _prepare_trajectory(
        self, source: Source, digest: str, out: Path, name: str, payload: bytes
    ) -> Iterator[Row]:
        features = parse_example(payload)
        clips = {camera: read_frames(features, camera) for camera in self.cameras}
        states = {what: read_states(features, what, width) for what, width in STATES.items()}
        lengths = {len(array) for array in (*clips.values(), *states.values())}
        if len(lengths) > 1:
            raise ValueError(f"its parts differ in length: {sorted(lengths)}")
        _write_states(out / "states" / source.split / f"{name}.npz", states)
        rows = []
        for camera, frames in clips.items():
            path = clip_path(out, source.split, f"{name}#{camera}")
            write_clip(path, frames, self.form, self.fps)
            rows.append(self._row(path.relative_to(out).as_posix(), source, digest, len(frames)))
        return rows

    def _row(self, clip: str, source: Source, digest: str, frames: int) -> Row:
        return Row(
            clip=clip,
            split=source.split,
            source=source.key,
            hash=digest,
            box=f"0 0 {SIDE} {SIDE}",
            start="0.000",
            end=f"{frames / self.fps:.3f}",
            fps=f"{self.fps:g}",
            frames=str(frames),
            source_frames=str(frames),
        )


def _rejected(source: Source, digest: str, reason: str) -> Row:
    return Row("", source.split, source.key, digest, status=REJECTED_STATUS, reason=" ".join(reason.split()))


def read_frames(features: dict[str, Value], camera: str) -> np.ndarray:
    """Give a camera's frames, uint8 (T, 64, 64, 3) RGB: bytes without compression, whatever their name says.

    Raises:
        ValueError: if there are none, or one is not 64 * 64 * 3 bytes long.
    """
    frames = []
    while (value := features.get(f"{len(frames)}/image_{camera}/encoded")) is not None:
        if not isinstance(value, list) or len(value) != 1 or len(value[0]) != SIDE * SIDE * 3:
            raise ValueError(f"frame {len(frames)} of camera {camera} is not {SIDE} x {SIDE} x 3 bytes")
        frames.append(np.frombuffer(value[0], np.uint8).reshape(SIDE, SIDE, 3))
    if not frames:
        raise ValueError(f"there is no frame of camera {camera}")
    return np.stack(frames)


def read_states(features: dict[str, Value], what: str, width: int) -> np.ndarray:
    """Give what the arm did or where it was in each frame, float32 (T, width).

    Raises:
        ValueError: if it is missing, or not `width` finite numbers.
    """
    values = []
    while (value := features.get(f"{len(values)}/{what}")) is not None:
        is_good = isinstance(value, np.ndarray) and value.shape == (width,) and np.isfinite(value).all()
        if not is_good:
            raise ValueError(f"{what} of frame {len(values)} is not {width} numbers")
        values.append(value.astype(np.float32))
    if not values:
        raise ValueError(f"there is no {what}")
    return np.stack(values)


def _write_states(path: Path, states: dict[str, np.ndarray]) -> None:
    try:
        with atomic_path(path) as temporary:
            np.savez(temporary, **states)
    except (OSError, InputError) as error:
        raise RunError(f"{path}: cannot be written ({error})") from error


def build_parser() -> argparse.ArgumentParser:
    """Describe the options."""
    parser = preparation_parser("bair.py", __doc__, size=SIDE)
    parser.add_argument("--records", required=True, help="softmotion30_44k, with train/ and test/ in it")
    parser.add_argument("--cameras", default=",".join(CAMERAS), help="main, aux1 or both (main,aux1)")
    parser.add_argument("--fps", type=float, default=10.0, help="what the clips are said to have (10)")
    return parser


def plan(args: argparse.Namespace) -> tuple[Sequence[Source], BairRecipe]:
    """Find the record files."""
    root = Path(args.records)
    cameras = tuple(name.strip() for name in args.cameras.split(","))
    if not set(cameras) <= set(CAMERAS):
        raise InputError(f"--cameras {args.cameras!r}: say {' or '.join(CAMERAS)}")
    if not 0 < args.fps <= 1000:
        raise InputError(f"--fps {args.fps:g}: is no rate")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder")
    sources = []
    for path in sorted(root.glob("*/*.tfrecords")):
        if path.parent.name not in ("train", "test"):
            continue
        parts = NAME.match(path.stem)
        fault = None if parts else "is not named traj_A_to_B.tfrecords"
        first = int(parts.group(1)) if parts else 0
        key = key_of(path, root)
        sources.append(Source(path, key, f"{path.parent.name}-{path.stem}", path.parent.name, first, fault))
    if not sources:
        raise InputError(f"{root}: holds no train/ or test/ with .tfrecords files in it")
    return sources, BairRecipe(form_of(args), cameras, args.fps)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare the set; give the exit status."""
    return run(build_parser(), plan, argv)


if __name__ == "__main__":
    sys.exit(main())
