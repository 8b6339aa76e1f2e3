"""The 68 points of a face as face landmark detectors number them, exact, of the cartoon heads.

Order (iBUG 300-W), left and right being the picture's: 0-16 jaw from left to right, 17-21 and 22-26 brows
from left to right, 27-30 bridge of the nose downwards, 31-35 its base, 36-41 left eye and 42-47 right eye
clockwise from the left corner, 48-59 outer lips and 60-67 inner lips clockwise from the left corner.
"""

from __future__ import annotations

import numpy as np

from fommvg_lib.synthetic.anatomy import LID_REST, Anatomy, Patch

NUM_FACE_POINTS = 68
_EYE = np.array([-1, -1 / 3, 1 / 3, 1, 1 / 3, -1 / 3])  # along the eye's width, clockwise


def find_face_points(anatomy: Anatomy) -> np.ndarray:
    """Give the 68 points of n heads: (n, 68, 2) float32 in [-1, 1] xy; they may leave the picture."""
    parts = [_jaw(anatomy), *(_brow(anatomy, side) for side in (-1, 1)), *_nose(anatomy)]
    parts += [*(_eye(anatomy, side) for side in (-1, 1)), *_lips(anatomy)]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _on(patch: Patch, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Give picture coordinates (n, p, 2) of a patch's own coordinates, each (n, p)."""
    local = np.stack(np.broadcast_arrays(x, y), axis=-1)
    return patch.centre[:, None] + np.einsum("nij,npj->npi", patch.axes, local)


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values)[:, None]


def _jaw(anatomy: Anatomy) -> np.ndarray:
    """The outline of the face as it is painted, from ear to ear by the chin."""
    look = anatomy.look
    angle = np.linspace(1.06 * np.pi, -0.06 * np.pi, 17)[None]
    y = np.sin(angle) * np.where(np.sin(angle) > 0, _column(anatomy.jaw_drop()), 1.0)
    low = np.clip(y, 0.0, 1.0)
    half = np.sqrt((look["face_width"] * anatomy.cos_yaw) ** 2 + (0.85 * anatomy.sin_yaw) ** 2)
    width = _column(half) * (1.0 - _column(look["jaw"]) * low**2)
    x = _column(anatomy.chin_shift()) * low + width * np.cos(angle)
    return _on(Patch(anatomy.centre, anatomy.plane, anatomy.yaw), x, y)


def _brow(anatomy: Anatomy, side: int) -> np.ndarray:
    look = anatomy.look
    slant = _column(side * (look["brow_slant"] - 0.25 * np.minimum(anatomy["brow"], 0.0)))
    x = _column(look["eye_width"]) * np.linspace(-1, 1, 5)
    return _on(anatomy.brow(side), x, 0.02 - 1.1 * x**2 - slant * x)


def _nose(anatomy: Anatomy) -> list[np.ndarray]:
    look, tip = anatomy.look, anatomy.nose()
    shares = np.linspace(0.0, 1.0, 4)[:-1]
    heights = [(1 - share) * look["eye_y"] + share * look["nose_y"] for share in shares]
    bridge = [
        anatomy.surface(0.0, y, 0.05 + 0.11 * share).centre for y, share in zip(heights, shares, strict=True)
    ]
    x = _column(look["nose_width"]) * np.linspace(-1, 1, 5)
    base = _on(tip, x, _column(look["nose_height"]) * (0.6 + 0.3 * (1 - np.linspace(-1, 1, 5) ** 2)))
    return [np.stack([*bridge, tip.centre], axis=1), base]


def _eye(anatomy: Anatomy, side: int) -> np.ndarray:
    """Corners and lids, as they are painted."""
    look, blink = anatomy.look, _column(anatomy["blink"])
    height, arch = _column(look["eye_height"]), 1.0 - _EYE**2
    closed = LID_REST + (1.0 - LID_REST) * blink
    upper = height * (1.1 * closed - 0.9 + (0.95 * closed - 0.50) * arch)
    lower = 1.3 * height * (1.0 - blink) + upper * blink
    limit = height * np.sqrt(arch)
    y = np.clip(np.where(np.arange(6) < 3, upper, lower), -limit, limit)
    return _on(anatomy.eye(side), _column(look["eye_width"]) * _EYE, y)


def _lips(anatomy: Anatomy) -> list[np.ndarray]:
    half, bend, upper, lower = (_column(part) for part in anatomy.mouth_shape())
    lips, mouth = _column(anatomy.look["lip_thickness"]), anatomy.mouth()

    def edge(x: np.ndarray, down: float, thickness: float) -> np.ndarray:
        arch = np.maximum(1.0 - x**2, 0.0)
        opening = lower if down > 0 else upper
        y = bend * (arch - 0.5) + down * (opening * arch + thickness * lips * np.sqrt(arch))
        return _on(mouth, half * x, y)

    outer = np.array([-1, -0.65, -0.3, 0, 0.3, 0.65, 1])
    inner = np.array([-0.9, -0.4, 0, 0.4, 0.9])
    return [
        edge(outer, -1, 1.0), edge(outer[-2:0:-1], 1, 1.3), edge(inner, -1, 0.0), edge(inner[-2:0:-1], 1, 0.0)
    ]  # fmt: skip
