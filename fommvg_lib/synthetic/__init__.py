"""Synthetic talking heads: the embedded data set, with exact ground truth (DESIGN section 4)."""

from fommvg_lib.synthetic.anatomy import LANDMARK_NAMES
from fommvg_lib.synthetic.export import write_clip_folder
from fommvg_lib.synthetic.identity import TEST_IDENTITIES, TRAIN_IDENTITIES, identities
from fommvg_lib.synthetic.movement import PARAMETER_NAMES
from fommvg_lib.synthetic.renderer import (
    POSE_NAMES,
    HeadClip,
    render_batch,
    render_clip,
    render_frames,
)

__all__ = [
    "LANDMARK_NAMES",
    "PARAMETER_NAMES",
    "POSE_NAMES",
    "TEST_IDENTITIES",
    "TRAIN_IDENTITIES",
    "HeadClip",
    "identities",
    "render_batch",
    "render_clip",
    "render_frames",
    "write_clip_folder",
]
