"""Who a cartoon head is: everything about a person that does not move, drawn from (seed, identity).

A person is one row of a NumPy structured array (`LOOK`), so that many persons are simply many rows and the
renderer works on all of them at once. Lengths are in head units: half the height of the face is 1.
Colours are RGB in [0, 1].
"""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np

from fommvg_lib.synthetic.movement import STREAM_LOOK

TRAIN_IDENTITIES = range(0, 800)
TEST_IDENTITIES = range(1000, 1200)

_RGB = ("skin", "lips", "hair", "brow_colour", "iris", "cloth", "cloth_trim", "frame_colour")
_NUMBERS = (
    "head_size",  # half the face's height in picture units
    "face_width",  # half width
    "jaw",  # how much narrower the face is at the chin, 0 to 1
    "eye_x",
    "eye_y",
    "eye_width",
    "eye_height",
    "iris_size",
    "brow_lift",
    "brow_thickness",
    "brow_slant",
    "nose_y",
    "nose_width",
    "nose_height",
    "mouth_y",
    "mouth_width",
    "lip_thickness",
    "ear_size",
    "hair_volume",  # thickness of the hair above the skull; 0 and below: bald
    "hair_side",  # thickness beside the skull
    "hair_reach",  # how far down the hair goes at the sides
    "hairline",  # height of the hair line, negative is up
    "hair_part",  # slope of the hair line
    "hair_wave",  # amplitude of the hair line's waves
    "hair_wave_count",
    "hair_curl",  # bumps on the outline
    "hair_long",  # length of the hair behind the shoulders; 0 is short
    "bun",  # radius of a bun on top; 0 is none
    "beard",  # opacity, 0 is none
    "beard_top",  # where the beard begins
    "moustache",  # opacity
    "glasses",  # radius; 0 is none
    "blush",
    "shoulder_width",  # picture units
    "shoulder_y",  # picture units
    "neck_width",  # picture units
    "neckline",  # depth of the neck line in picture units
    "stripes",  # opacity of the stripes of the clothes
    "stripe_count",
)
LOOK = np.dtype([(name, np.float32, 3) for name in _RGB] + [(name, np.float32) for name in _NUMBERS])

_SKINS = ["ffe0c4", "f6c9a0", "eab187", "d39a6a", "b57a4b", "8f5a36", "6b4127", "f9d3c0"]
_HAIRS = [
    "20191a",
    "3b2417",
    "5c3720",
    "8a5a2b",
    "c89447",
    "ecce7c",
    "a8401f",
    "d9d6d2",
    "4a5fb0",
    "d86a9a",
    "3f9c86",
]
_IRISES = ["3b2314", "5a3a1c", "2f6b8f", "3f7d4f", "6d7f8c", "27408b"]
_FRAMES = ["1c1c22", "8c2f39", "2a4d8f", "c9a227"]


def identities(split: str) -> range:
    """Give the identity numbers of a split; train and test share nobody.

    Raises:
        ValueError: if the split is neither "train" nor "test".
    """
    if split not in ("train", "test"):
        raise ValueError(f"split {split!r} is neither train nor test")
    return TRAIN_IDENTITIES if split == "train" else TEST_IDENTITIES


@lru_cache(maxsize=4096)
def draw_look(identity: int, seed: int = 0) -> np.ndarray:
    """Draw a person: a `LOOK` array of shape (1,), the same for the same (seed, identity)."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, identity, 0, STREAM_LOOK]))
    look = np.zeros(1, dtype=LOOK)
    values = {**_draw_face(rng), **_draw_hair(rng), **_draw_extras(rng), **_draw_clothes(rng)}
    if values["hair_long"] or values["bun"]:
        values.update(beard=0.0, moustache=0.0)
    for name, value in values.items():
        look[name] = value
    look["lips"] = look["skin"] * np.array([0.86, 0.52, 0.54]) + np.array([0.08, 0.02, 0.03])
    look["brow_colour"] = look["hair"] * 0.6
    look.setflags(write=False)
    return look


def stack_looks(identities: list[int], seed: int = 0) -> np.ndarray:
    """Give the `LOOK` rows (n,) of n identities."""
    return np.concatenate([draw_look(identity, seed) for identity in identities])


def _hex(code: str) -> np.ndarray:
    return np.array([int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def _shade(rng: np.random.Generator, codes: list[str], spread: float = 0.04) -> np.ndarray:
    """Pick a colour and vary it a little."""
    return np.clip(_hex(codes[rng.integers(len(codes))]) + rng.uniform(-spread, spread, 3), 0.0, 1.0)


def _vivid(rng: np.random.Generator) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.35, 0.85), rng.uniform(0.45, 0.95)))


def _draw_face(rng: np.random.Generator) -> dict[str, object]:
    return {
        "skin": _shade(rng, _SKINS),
        "iris": _shade(rng, _IRISES),
        "head_size": rng.uniform(0.59, 0.67),
        "face_width": rng.uniform(0.76, 0.92),
        "jaw": rng.uniform(0.02, 0.32),
        "eye_x": rng.uniform(0.31, 0.38),
        "eye_y": rng.uniform(-0.08, 0.03),
        "eye_width": rng.uniform(0.19, 0.25),
        "eye_height": rng.uniform(0.18, 0.25),
        "iris_size": rng.uniform(0.62, 0.74),
        "brow_lift": rng.uniform(0.09, 0.14),
        "brow_thickness": rng.uniform(0.035, 0.075),
        "brow_slant": rng.uniform(-0.30, 0.08),
        "nose_y": rng.uniform(0.20, 0.28),
        "nose_width": rng.uniform(0.10, 0.17),
        "nose_height": rng.uniform(0.10, 0.18),
        "mouth_y": rng.uniform(0.52, 0.58),
        "mouth_width": rng.uniform(0.29, 0.40),
        "lip_thickness": rng.uniform(0.035, 0.08),
        "ear_size": rng.uniform(0.16, 0.25),
        "blush": rng.uniform(0.0, 0.35),
    }


def _draw_hair(rng: np.random.Generator) -> dict[str, object]:
    hair = {
        "hair": _shade(rng, _HAIRS),
        "hair_volume": rng.uniform(0.08, 0.26),
        "hair_side": rng.uniform(0.03, 0.12),
        "hair_reach": rng.uniform(-0.15, 0.15),
        "hairline": rng.uniform(-0.78, -0.52),
        "hair_part": rng.uniform(-0.4, 0.4),
        "hair_wave": rng.uniform(0.0, 0.09),
        "hair_wave_count": rng.uniform(4.0, 14.0),
        "hair_curl": 0.0,
        "hair_long": 0.0,
        "bun": 0.0,
    }
    style = rng.choice(["short", "long", "curly", "bun", "bald"], p=[0.42, 0.26, 0.15, 0.09, 0.08])
    extra = rng.random()
    if style == "long":
        hair.update(hair_long=0.9 + 0.7 * extra, hair_reach=1.1, hair_side=0.08 + 0.1 * extra)
    elif style == "curly":
        hair.update(hair_curl=0.06, hair_volume=0.25 + 0.2 * extra, hair_side=0.14 + 0.16 * extra)
    elif style == "bun":
        hair.update(bun=0.26 + 0.14 * extra, hair_wave=0.0)
    elif style == "bald":
        hair.update(hair_volume=-1.0)
    return hair


def _draw_extras(rng: np.random.Generator) -> dict[str, object]:
    has_glasses, has_beard, has_moustache = rng.random(3) < (0.25, 0.16, 0.14)
    return {
        "glasses": rng.uniform(0.27, 0.33) * has_glasses,
        "frame_colour": _shade(rng, _FRAMES),
        "beard": rng.uniform(0.45, 1.0) * has_beard,
        "beard_top": rng.uniform(0.30, 0.48),
        "moustache": float(has_moustache or (has_beard and rng.random() < 0.6)),
    }


def _draw_clothes(rng: np.random.Generator) -> dict[str, object]:
    return {
        "cloth": _vivid(rng),
        "cloth_trim": _vivid(rng),
        "shoulder_width": rng.uniform(0.66, 0.90),
        "shoulder_y": rng.uniform(0.83, 0.90),
        "neck_width": rng.uniform(0.15, 0.21),
        "neckline": rng.uniform(0.05, 0.20),
        "stripes": float(rng.random() < 0.45),
        "stripe_count": rng.uniform(2.5, 5.0),
    }
