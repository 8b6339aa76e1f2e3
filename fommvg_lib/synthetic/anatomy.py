"""Where the parts of a head lie: points and tangent planes on an ellipsoid, turned by the pose.

Head frame: x to the person's left (the picture's right), y down, z to the viewer, origin in the middle of
the face, half the face's height is 1. A point is turned by yaw, then pitch, projected along z, rolled about
the neck, scaled and moved into the picture ([-1, 1], xy, -1 and +1 the centres of the border pixels).
Features lie at different depths, so that they shift over the head when it turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fommvg_lib.synthetic.movement import PARAMETER_NAMES

LANDMARK_NAMES = (
    "left_eye",  # centres of the eyes; left and right are the picture's
    "right_eye",
    "left_eye_outer",
    "left_eye_inner",
    "right_eye_inner",
    "right_eye_outer",
    "left_pupil",
    "right_pupil",
    "left_brow",
    "right_brow",
    "nose_tip",
    "mouth_left",
    "mouth_right",
    "mouth_top",  # middle of the upper edge of the opening
    "mouth_bottom",
    "chin",
    "left_ear",
    "right_ear",
    "head_top",
    "left_shoulder",
    "right_shoulder",
)
DEPTH = 0.85  # of the ellipsoid, its half axis along z
PIVOT = 0.6  # the neck joint, below the middle of the face: roll turns about it
HEAD_Y = 0.10  # height of the middle of the face at rest, picture units
LID_REST = 0.12  # share of the eye that the lid covers when open
_COLUMN = {name: i for i, name in enumerate(PARAMETER_NAMES)}


@dataclass(frozen=True)
class Patch:
    """A small flat piece of the head in the picture, one per frame.

    Attributes:
        centre: (n, 2) picture coordinates.
        axes: (n, 2, 2), columns are the picture vectors of one head unit along the patch's x and y.
        facing: (n,) cosine between the patch's normal and the view; above 0 it faces the viewer.
    """

    centre: np.ndarray
    axes: np.ndarray
    facing: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Give picture coordinates (n, 2) of the patch's own coordinates (n,), in head units."""
        return self.centre + np.einsum("nij,nj->ni", self.axes, np.stack(np.broadcast_arrays(x, y), axis=-1))


class Anatomy:
    """n heads: `look` (n,) rows of `LOOK` in the poses of `parameters` (n, P)."""

    def __init__(self, look: np.ndarray, parameters: np.ndarray) -> None:
        self.look = look
        self.parameters = parameters
        self.yaw, self.pitch, roll = self["yaw"], self["pitch"], self["roll"]
        self.sin_yaw, self.cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        self.sin_pitch, self.cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        sine, cosine = np.sin(roll), np.cos(roll)
        size = look["head_size"] * self["scale"]
        rolled = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], 1)
        self.plane = rolled * size[:, None, None]  # (n, 2, 2): head plane -> picture
        joint = np.stack([self["x"], self["y"] + HEAD_Y + PIVOT * look["head_size"]], axis=-1)
        self.centre = joint - self.plane[:, :, 1] * PIVOT  # (n, 2)
        self.size = size

    def __getitem__(self, name: str) -> np.ndarray:
        """Give one motion parameter (n,)."""
        return self.parameters[:, _COLUMN[name]]

    def select(self, rows: np.ndarray) -> Anatomy:
        """Give the heads of some rows."""
        return Anatomy(self.look[rows], self.parameters[rows])

    def turn(self, points: np.ndarray) -> np.ndarray:
        """Turn head-frame vectors (n, 3) by yaw and pitch; (n, 3)."""
        x, y, z = points[:, 0], points[:, 1], points[:, 2]
        across = x * self.cos_yaw + z * self.sin_yaw
        depth = z * self.cos_yaw - x * self.sin_yaw
        down = y * self.cos_pitch + depth * self.sin_pitch
        return np.stack([across, down, depth * self.cos_pitch - y * self.sin_pitch], axis=-1)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Project head-frame points (n, 3) to picture coordinates (n, 2)."""
        return self.centre + np.einsum("nij,nj->ni", self.plane, self.turn(points)[:, :2])

    def point(self, x: float | np.ndarray, y: float | np.ndarray, z: float | np.ndarray) -> np.ndarray:
        """Like `place`, from coordinates that broadcast to (n,)."""
        zero = np.zeros_like(self.yaw)
        return self.place(np.stack([zero + x, zero + y, zero + z], axis=-1))

    def surface(self, x: float | np.ndarray, y: float | np.ndarray, lift: float | np.ndarray = 0.0) -> Patch:
        """Give the tangent patch of the face at (x, y), raised above the surface by `lift` head units."""
        zero = np.zeros_like(self.yaw)
        x, y = zero + x, zero + y
        width = self.look["face_width"]
        depth = np.sqrt(np.maximum(1.0 - (x / width) ** 2 - y**2, 0.05))
        # Faces are flatter than an ellipsoid: its normal is bent towards the viewer.
        normal = np.stack([0.6 * x / width**2, 0.35 * y, depth / DEPTH], axis=-1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        across = np.stack([normal[:, 2], zero, -normal[:, 0]], axis=-1)
        across /= np.linalg.norm(across, axis=-1, keepdims=True)
        down = np.cross(normal, across)
        position = np.stack([x, y, DEPTH * depth], axis=-1) + normal * (zero + lift)[:, None]
        axes = np.stack([self.turn(across)[:, :2], self.turn(down)[:, :2]], axis=-1)  # (n, 2, 2)
        return Patch(self.place(position), self.plane @ axes, self.turn(normal)[:, 2])

    def eye(self, side: int) -> Patch:
        """Give the eye on the picture's left (-1) or right (+1)."""
        return self.surface(side * self.look["eye_x"], self.look["eye_y"])

    def brow(self, side: int) -> Patch:
        """Give the middle of a brow; it rises with the brow parameter."""
        rest = self.look["eye_y"] - self.look["eye_height"] - self.look["brow_lift"]
        return self.surface(side * self.look["eye_x"] * 1.05, rest - 0.07 * self["brow"])

    def nose(self) -> Patch:
        """Give the tip of the nose, which stands out by .16."""
        return self.surface(0.0, self.look["nose_y"], 0.16)

    def mouth(self) -> Patch:
        """Give the middle of the mouth line."""
        return self.surface(0.0, self.look["mouth_y"])

    def mouth_shape(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Give half width, bend (how far corners rise), upper and lower opening, each (n,) in head units."""
        opening = self["mouth_open"]
        width = self.look["mouth_width"] * (1.0 + 0.14 * self["smile"] - 0.22 * opening)
        return width, 0.17 * self["smile"], 0.015 + 0.07 * opening, 0.015 + 0.27 * opening

    def ear(self, side: int) -> np.ndarray:
        """Give the middle of an ear (n, 2) in the picture."""
        return self.point(side * (self.look["face_width"] + 0.03), 0.02, -0.08)

    def ear_depth(self, side: int) -> np.ndarray:
        """Give z (n,) of an ear after turning: it stands before the face's outline above about .1."""
        ear = np.stack(
            [side * (self.look["face_width"] + 0.03), 0.02 + 0 * self.yaw, -0.08 + 0 * self.yaw], -1
        )
        return self.turn(ear)[:, 2]

    def jaw_drop(self) -> np.ndarray:
        """Give the factor (n,) by which an open mouth lengthens the lower half of the face."""
        return 1.0 + 0.10 * self["mouth_open"]

    def chin_shift(self) -> np.ndarray:
        """Give how far (n,) the chin, which lies before the middle of the head, goes aside with yaw."""
        return 0.20 * self.sin_yaw

    def body(self) -> tuple[np.ndarray, np.ndarray]:
        """Give middle (n,) and height (n,) of the shoulders in the picture; they follow the head a little."""
        return 0.4 * self["x"], self.look["shoulder_y"] + 0.25 * self["y"]
