"""The large parts of the picture: clothes, neck, hair, ears and face, painted from back to front."""

from __future__ import annotations

import numpy as np

from fommvg_lib.synthetic.anatomy import Anatomy
from fommvg_lib.synthetic.canvas import Canvas, Window, column, ellipse, soft

SHOULDER_DROP = 0.24  # how far the shoulders fall from the neck to their ends, picture units


def paint_body(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint the torso with its stripes and neck line, and the neck up to the head."""
    look = anatomy.look
    middle, height = anatomy.body()
    band, x, y = canvas.band(float(height.min()) - 2 / canvas.pixels_per_unit)
    pixels = np.float32(canvas.pixels_per_unit)
    across = x - column(middle)  # (n, 1, size)
    edge = column(height) + SHOULDER_DROP * (across / column(look["shoulder_width"])) ** 4
    torso = np.clip(0.5 + (y - edge) * pixels, 0.0, 1.0)  # (n, h, size)
    stripes = soft(np.sin(column(look["stripe_count"] * 2 * np.pi) * (y - column(height))) * 0.03, pixels)
    stripes *= column(look["stripes"])  # (n, h, 1)
    collar = ellipse(across, y - column(height), column(look["neck_width"] * 1.5), column(look["neckline"]))
    trim = torso * soft(collar - 0.03, pixels)
    bare = torso * soft(collar, pixels)
    for k, plane in enumerate(band):
        cloth, second = column(look["cloth"][:, k]), column(look["cloth_trim"][:, k])
        plane += torso * (cloth + stripes * (second - cloth) - plane)
        plane += trim * (second - plane)
        plane += bare * (column(look["skin"][:, k] * 0.92) - plane)
    _paint_neck(canvas, anatomy, middle, height)


def _paint_neck(canvas: Canvas, anatomy: Anatomy, middle: np.ndarray, height: np.ndarray) -> None:
    look = anatomy.look
    top = anatomy.centre + 0.3 * anatomy.plane[:, :, 1]
    centre = np.stack([(middle + top[:, 0]) / 2, (height + top[:, 1]) / 2], axis=-1)
    reach = np.maximum(height - top[:, 1], 0.2) / 2 + 0.06
    rows = np.arange(len(look))
    window = canvas.window(
        rows, centre, np.maximum(reach, np.abs(middle - centre[:, 0]) + 1.3 * look["neck_width"])
    )
    x, y, pixels = window.local(centre, np.broadcast_to(np.eye(2), (len(rows), 2, 2)))
    share = np.clip(0.5 + y[:, :, :1] / column(2 * reach), 0.0, 1.0)  # 0 at the head, 1 at the shoulders
    lean = column((middle - top[:, 0]) / 2)
    flare = column(look["neck_width"]) * (0.9 + 0.35 * share**3)
    neck = soft(np.abs(x - (2 * share - 1) * lean) - flare, pixels)
    neck *= soft(np.abs(y[:, :, :1]) - column(reach), pixels)
    window.blend(neck, look["skin"], gain=0.72 + 0.2 * share)
    window.close()


def paint_hair_behind(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint what lies behind the head: long hair, and a bun on the crown."""
    rows = np.flatnonzero(anatomy.look["hair_long"] > 0)
    if len(rows):
        part = anatomy.select(rows)
        look, length = part.look, part.look["hair_long"]
        centre = part.point(0.0, length / 2 - 0.15, -0.45)
        window = canvas.window(rows, centre, part.size * (1.0 + length / 2))
        x, y, pixels = window.local(centre, part.plane)
        width = column(look["face_width"] + look["hair_side"]) * (1.0 + 0.06 * np.sin(5 * y))
        distance = ellipse(x, np.abs(y) ** 1.5, width, column((0.75 + length / 2) ** 1.5))
        window.blend(soft(distance, pixels), look["hair"], gain=0.82 + 0.06 * np.sin(16 * x))
        window.close()
    rows = np.flatnonzero(anatomy.look["bun"] > 0)
    if len(rows):
        part = anatomy.select(rows)
        radius = part.look["bun"]
        centre = part.point(0.0, -1.0 - part.look["hair_volume"] - 0.45 * radius, -0.25)
        window = canvas.window(rows, centre, part.size * radius * 1.1)
        x, y, pixels = window.local(centre, part.plane)
        window.blend(
            soft(ellipse(x, y, column(radius), column(radius * 0.9)), pixels),
            part.look["hair"],
            0.9 - 0.3 * y,
        )
        window.close()


def paint_ears(canvas: Canvas, anatomy: Anatomy, in_front: bool) -> None:
    """Paint the ears behind the face, or those that the yaw has turned before its outline."""
    for side in (-1, 1):
        depth = anatomy.ear_depth(side)
        rows = np.flatnonzero((depth > 0.0) if in_front else (depth > -0.6))
        rows = rows[anatomy.look["hair_long"][rows] == 0]
        if not len(rows):
            continue
        part = anatomy.select(rows)
        size, centre = part.look["ear_size"], part.ear(side)
        window = canvas.window(rows, centre, part.size * size * 1.2)
        x, y, pixels = window.local(centre, part.plane)
        fade = column(np.clip(depth[rows] / 0.12, 0.0, 1.0)) if in_front else np.float32(1.0)
        if in_front:  # hair that stands out beside the head hides them again
            fade = fade * column(part.look["hair_curl"] == 0)
        outer = soft(ellipse(x, y, column(size * 0.72), column(size)), pixels)
        inner = soft(ellipse(x - 0.02 * side, y, column(size * 0.36), column(size * 0.6)), pixels)
        window.blend(outer * fade, part.look["skin"] * 0.94)
        window.blend(inner * fade, part.look["skin"] * np.array([0.78, 0.66, 0.64]))
        window.close()


def paint_head(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint the face with its shading and beard, and the hair over it."""
    look = anatomy.look
    tall = 1.0 + np.maximum(look["hair_volume"] + 0.05, np.where(look["hair_long"] > 0, 0.34, 0.14))
    wide = look["face_width"] * 1.06 + look["hair_side"] + 0.08
    half = anatomy.size * (np.maximum(tall, wide) + 1.6 * look["hair_curl"])
    rows = np.arange(len(look))
    window = canvas.window(rows, anatomy.centre, half)
    x, y, pixels = window.local(anatomy.centre, anatomy.plane)
    face = _face_coverage(anatomy, x, y, pixels)
    light = 1.03 - 0.13 * x - 0.07 * y
    window.blend(face, look["skin"], gain=light)
    _blend_beard(window, anatomy, x, y, pixels, face)
    hair = _hair_coverage(anatomy, x, y, pixels)
    strands = light + 0.07 * np.sin(18.0 * x - 5.0 * y)
    window.blend(hair, look["hair"], gain=strands)
    window.close()


def _face_coverage(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    look = anatomy.look
    half_width = np.sqrt((look["face_width"] * anatomy.cos_yaw) ** 2 + (0.85 * anatomy.sin_yaw) ** 2)
    low = np.clip(y, 0.0, 1.0)
    width = column(half_width) * (1.0 - column(look["jaw"]) * low * low)
    height = np.where(y > 0, column(anatomy.jaw_drop()), np.float32(1.0))
    return soft(ellipse(x - column(anatomy.chin_shift()) * low, y, width, height), pixels)


def _blend_beard(
    window: Window, anatomy: Anatomy, x: np.ndarray, y: np.ndarray, pixels: np.ndarray, face: np.ndarray
) -> None:
    look = anatomy.look
    if not look["beard"].any():
        return
    across = x - column(0.6 * anatomy.sin_yaw)
    down = y - column(0.55 * anatomy.sin_pitch)
    edge = column(look["beard_top"]) + 0.42 * np.exp(-((across / 0.28) ** 2) * 2.0) - 0.55 * across * across
    beard = soft(edge - down, pixels) * face
    window.blend(beard * column(look["beard"] * 0.9), look["hair"] * 0.85)


def _hair_coverage(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The cap of hair without the face's opening, which lies before the middle and so shifts with yaw."""
    look = anatomy.look
    half_width = look["face_width"] * (1.0 + 0.06 * anatomy.sin_yaw**2) + look["hair_side"]
    cap_x = x + column(0.12 * anatomy.sin_yaw)
    cap_y = y + column(0.08 * anatomy.sin_pitch)
    cap_y = np.where(cap_y < 0, cap_y, cap_y * 0.72)
    cap = ellipse(cap_x, cap_y, column(half_width), column(1.0 + np.maximum(look["hair_volume"], 0.0)))
    if look["hair_curl"].any():
        cap += column(look["hair_curl"]) * np.sin(9.0 * x) * np.sin(9.0 * y + 1.0)
    open_x = x - column(0.50 * anatomy.sin_yaw)
    open_y = y - column(0.30 * anatomy.cos_pitch + 0.42 * anatomy.sin_pitch)
    line = column(look["hair_part"]) * open_x
    line += column(look["hair_wave"]) * np.sin(column(look["hair_wave_count"]) * open_x)
    open_width = look["face_width"] * (0.90 - 0.16 * np.abs(anatomy.sin_yaw))
    opening = ellipse(
        open_x, np.minimum(open_y + line, 0.0), column(open_width), column(0.30 - look["hairline"])
    )
    reach = y - column(look["hair_reach"])
    hidden = np.maximum(np.maximum(cap, -opening), reach)
    return soft(hidden, pixels) * column(look["hair_volume"] > 0)
