"""The small parts of the face: eyes with lids, brows, nose, mouth, cheeks, moustache, glasses."""

from __future__ import annotations

import numpy as np

from fommvg_lib.synthetic.anatomy import LID_REST, Anatomy
from fommvg_lib.synthetic.canvas import Canvas, Window, column, ellipse, soft
from fommvg_lib.synthetic.landmarks import pupil_offset

_WHITE = np.array([0.98, 0.98, 0.97])
_DARK = np.array([0.07, 0.05, 0.06])


def _constant(colour: np.ndarray, anatomy: Anatomy) -> np.ndarray:
    return np.broadcast_to(colour, (len(anatomy.look), 3))


def _all(anatomy: Anatomy) -> np.ndarray:
    return np.arange(len(anatomy.look))


def paint_cheeks(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint soft blushes below the eyes."""
    for side in (-1, 1):
        patch = anatomy.surface(side * 0.46, 0.30)
        window = canvas.window(_all(anatomy), patch.centre, anatomy.size * 0.24)
        x, y, _ = window.local(patch.centre, patch.axes)
        glow = np.clip(1.0 - (x * x + y * y) / 0.05, 0.0, 1.0)
        window.blend(glow * column(anatomy.look["blush"]), _constant(np.array([0.92, 0.36, 0.36]), anatomy))
        window.close()


def paint_eyes(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint eyeball, iris, pupil, glint, and the lid that comes down over them in a blink."""
    look = anatomy.look
    width, height = column(look["eye_width"]), column(look["eye_height"])
    gaze_x, gaze_y = (column(part) for part in pupil_offset(anatomy))
    for side in (-1, 1):
        patch = anatomy.eye(side)
        reach = anatomy.size * (np.maximum(look["eye_width"], look["eye_height"]) + 0.06)
        window = canvas.window(_all(anatomy), patch.centre, reach)
        x, y, pixels = window.local(patch.centre, patch.axes)
        distance = ellipse(x, y, width, height)
        window.blend(soft(distance - 0.03, pixels), look["skin"] * 0.72)
        ball = soft(distance, pixels)
        window.blend(ball, _constant(_WHITE, anatomy))
        iris = look["iris_size"] * np.minimum(look["eye_width"], look["eye_height"])
        from_pupil = np.sqrt((x - gaze_x) ** 2 + (y - gaze_y) ** 2)
        window.blend(soft(from_pupil - column(iris), pixels) * ball, look["iris"])
        window.blend(soft(from_pupil - column(iris * 0.62), pixels) * ball, _constant(_DARK, anatomy))
        glint = np.hypot(x - gaze_x + 0.35 * column(iris), y - gaze_y + 0.45 * column(iris))
        window.blend(soft(glint - column(iris * 0.26), pixels) * ball, _constant(_WHITE, anatomy))
        _paint_lids(window, anatomy, x, y, pixels)
        window.close()


def _paint_lids(window: Window, anatomy: Anatomy, x: np.ndarray, y: np.ndarray, pixels: np.ndarray) -> None:
    """The upper lid comes down, the lower one rises to meet it; the lashes follow the upper edge."""
    look, blink = anatomy.look, anatomy["blink"]
    closed = LID_REST + (1.0 - LID_REST) * blink
    width, height = column(look["eye_width"]), column(look["eye_height"])
    arch = 1.0 - (x / width) ** 2
    upper = height * (column(1.1 * closed - 0.9) + column(0.95 * closed - 0.50) * arch)
    lower = 1.3 * height * column(1.0 - blink) + upper * column(blink)
    socket = soft(ellipse(x, y, width + 0.02, height + 0.02), pixels)
    window.blend(socket * soft(np.minimum(y - upper, lower - y), pixels), look["skin"] * 0.9)
    thickness = np.maximum(0.03, 0.55 / pixels)
    window.blend(soft(np.abs(y - upper) - thickness, pixels) * socket, look["brow_colour"] * 0.4)


def paint_brows(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint curved brows that rise and fall."""
    look = anatomy.look
    for side in (-1, 1):
        patch = anatomy.brow(side)
        window = canvas.window(_all(anatomy), patch.centre, anatomy.size * 0.42 + 2 / canvas.pixels_per_unit)
        x, y, pixels = window.local(patch.centre, patch.axes)
        slant = column(side * (look["brow_slant"] - 0.25 * np.minimum(anatomy["brow"], 0.0)))
        bent = y + 1.1 * x * x + slant * x - 0.02
        brow = soft(
            ellipse(x, bent, column(look["eye_width"] * 1.05), column(look["brow_thickness"])), pixels
        )
        window.blend(brow, look["brow_colour"])
        window.close()


def paint_nose(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint a rounded nose that stands out: a shade below it and a light on its tip."""
    look, patch = anatomy.look, anatomy.nose()
    width, height = column(look["nose_width"]), column(look["nose_height"])
    window = canvas.window(_all(anatomy), patch.centre, anatomy.size * 0.30)
    x, y, pixels = window.local(patch.centre, patch.axes)
    window.blend(
        soft(ellipse(x, y - 0.04, width * 1.12, height), pixels), look["skin"] * np.array([0.66, 0.56, 0.54])
    )
    body = soft(ellipse(x, y, width, height), pixels)
    window.blend(body, look["skin"] * np.array([1.0, 0.90, 0.87]))
    light = soft(ellipse(x + 0.3 * width, y + 0.35 * height, width * 0.35, height * 0.3), pixels)
    window.blend(0.5 * light, _constant(_WHITE, anatomy))
    window.close()


def paint_moustache(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint a moustache between nose and mouth, for those who have one."""
    rows = np.flatnonzero(anatomy.look["moustache"] > 0)
    if not len(rows):
        return
    part = anatomy.select(rows)
    patch = part.surface(0.0, part.look["mouth_y"] - 0.13, 0.03)
    window = canvas.window(rows, patch.centre, part.size * 0.52)
    x, y, pixels = window.local(patch.centre, patch.axes)
    shape = ellipse(
        x, y - 0.7 * x * x + 0.03 * np.cos(9 * x), column(part.look["mouth_width"] * 1.05), np.float32(0.085)
    )
    window.blend(soft(shape, pixels), part.look["hair"] * 0.8)
    window.close()


def paint_mouth(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint lips around an opening that shows teeth and tongue when it is wide."""
    look, patch = anatomy.look, anatomy.mouth()
    half, bend, upper, lower = (column(part) for part in anatomy.mouth_shape())
    window = canvas.window(
        _all(anatomy),
        patch.centre,
        anatomy.size * (look["mouth_width"] * 1.15 + 0.12) + 2 / canvas.pixels_per_unit,
    )
    x, y, pixels = window.local(patch.centre, patch.axes)
    arch = np.maximum(1.0 - (x / half) ** 2, 0.0)
    y = y - bend * (arch - 0.5)
    ends = np.abs(x) - half
    above, below = -y - upper * arch, y - lower * arch
    inside = np.maximum(np.maximum(above, below), ends)
    lips = column(look["lip_thickness"]) * np.sqrt(arch)
    outside = np.maximum(np.maximum(above - lips, below - 1.3 * lips), ends - 0.02)
    window.blend(soft(outside, pixels), look["lips"])
    mouth = soft(inside, pixels)
    window.blend(mouth, _constant(np.array([0.22, 0.05, 0.07]), anatomy))
    tongue = soft(np.maximum(ellipse(x, y - lower, half * 0.6, lower * 0.55 + 0.01), inside), pixels)
    window.blend(
        tongue * column(np.clip(anatomy["mouth_open"] * 6 - 0.6, 0, 1)),
        _constant(np.array([0.85, 0.36, 0.38]), anatomy),
    )
    teeth = mouth * soft(np.maximum(y + upper * 0.1 - 0.035, np.abs(x) - 0.75 * half), pixels)
    window.blend(teeth * column(np.clip(anatomy["mouth_open"] * 6 - 0.6, 0, 1)), _constant(_WHITE, anatomy))
    window.close()


def paint_glasses(canvas: Canvas, anatomy: Anatomy) -> None:
    """Paint round glasses, for those who wear them; they stand out from the face."""
    rows = np.flatnonzero(anatomy.look["glasses"] > 0)
    if not len(rows):
        return
    part = anatomy.select(rows)
    look = part.look
    radius, inner = column(look["glasses"]), column(look["eye_x"] - look["glasses"])
    patch = part.surface(0.0, look["eye_y"], 0.10)
    bridge = canvas.window(rows, patch.centre, part.size * 0.16)
    x, y, pixels = bridge.local(patch.centre, patch.axes)
    bridge.blend(
        soft(np.maximum(np.abs(y + 0.03) - 0.022, np.abs(x) - inner - 0.06), pixels), look["frame_colour"]
    )
    bridge.close()
    for side in (-1, 1):
        patch = part.surface(side * look["eye_x"], look["eye_y"], 0.06)
        window = canvas.window(rows, patch.centre, part.size * (look["glasses"] + 0.05))
        x, y, pixels = window.local(patch.centre, patch.axes)
        distance = ellipse(x, y, radius, radius)
        window.blend(0.14 * soft(distance.copy(), pixels), _constant(_WHITE, part))
        window.blend(soft(np.abs(distance) - 0.026, pixels), look["frame_colour"])
        window.close()
