"""Structure from the 68 points of a face, drawn as coloured lines: any landmark detector will do.

Groups and their order are those of the iBUG 300-W markup; each has a colour of its own in [-1, 1]. Lines are
anti-aliased; where nothing is drawn, maps are 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.synthetic.face_points import NUM_FACE_POINTS

GROUPS = (
    (0, 17, False),  # jaw
    (17, 22, False),  # brows
    (22, 27, False),
    (27, 31, False),  # bridge of the nose
    (31, 36, False),  # its base
    (36, 42, True),  # eyes
    (42, 48, True),
    (48, 60, True),  # outer lips
    (60, 68, True),  # inner lips
)
"""First point, point after the last, whether the line is closed."""
COLOURS = (
    (1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (1.0, -1.0, 1.0), (-1.0, 1.0, -1.0), (-1.0, 1.0, 1.0),
    (-1.0, -1.0, 1.0), (1.0, 0.5, -1.0), (1.0, 1.0, -1.0), (-1.0, -1.0, -1.0),
)  # fmt: skip
WIDTH = 1 / 64
"""Of the lines, as a share of the picture's side; at least a pixel."""


class LandmarkLines:
    """Draws 68 points as lines in 3 channels; see `interface.Structure`."""

    kind = "landmarks"
    num_points = NUM_FACE_POINTS
    num_channels = 3

    def draw(self, points: Tensor, size: int) -> Tensor:
        """Give maps (N, 3, size, size) in [-1, 1] of points (N, 68, 2)."""
        pixels = 0.5 * (points.float() + 1) * (size - 1)
        maps = torch.zeros(len(points), 3, size, size, device=points.device)
        half = 0.5 * max(1.0, WIDTH * size)
        for (first, stop, is_closed), colour in zip(GROUPS, COLOURS, strict=True):
            line = pixels[:, first:stop]
            line = torch.cat([line, line[:, :1]], dim=1) if is_closed else line
            covered = (half + 0.5 - distance_to_line(line, size)).clamp(0, 1)[:, None]
            paint = maps.new_tensor(colour)[:, None, None]
            maps = maps + covered * (paint - maps)
        return maps


def distance_to_line(line: Tensor, size: int) -> Tensor:
    """Give each pixel's distance to a line of straight pieces, in pixels.

    Args:
        line: (N, P, 2), its corners in pixels, xy.
        size: side of the picture.

    Returns:
        (N, size, size).
    """
    places = torch.arange(size, device=line.device, dtype=line.dtype)
    begin, piece = line[:, :-1], line.diff(dim=1)  # (N, P - 1, 2)
    x = places - begin[..., 0, None]  # (N, P - 1, size)
    y = places - begin[..., 1, None]
    length = piece.square().sum(-1).clamp_min(1e-8)
    along = x[..., None, :] * piece[..., 0, None, None] + y[..., :, None] * piece[..., 1, None, None]
    share = (along / length[..., None, None]).clamp(0, 1)  # (N, P - 1, size, size)
    right = x[..., None, :] - share * piece[..., 0, None, None]
    down = y[..., :, None] - share * piece[..., 1, None, None]
    return (right.square() + down.square()).amin(dim=1).sqrt()
