"""From videos as people have them to clips in the layout of the First Order Motion Model.

What the commands in `data_prep/` share. A *source* is a video file, a gif, a folder of frames or a record
file. A *recipe* says which *stretches* of a source become clips, and by which box they are cut out.
`prepare_set` does that for all sources and keeps the account of it, `manifest.csv`: what became of every
source and every stretch.
"""

from fommvg_lib.preparation.manifest import Row, known_splits, read_manifest
from fommvg_lib.preparation.prepare import Outcome, prepare_set
from fommvg_lib.preparation.sources import Source, find_videos, safe_name
from fommvg_lib.preparation.splits import assign_splits
from fommvg_lib.preparation.stretches import Stretch
from fommvg_lib.preparation.videos import VideoRecipe
from fommvg_lib.preparation.writing import ClipForm

__all__ = [
    "ClipForm",
    "Outcome",
    "Row",
    "Source",
    "Stretch",
    "VideoRecipe",
    "assign_splits",
    "find_videos",
    "known_splits",
    "prepare_set",
    "read_manifest",
    "safe_name",
]
