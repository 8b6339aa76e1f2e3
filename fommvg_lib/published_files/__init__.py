"""Files that others published, read without running anything in them.

`forms` says what a file is by its first bytes, `plain_pickle` what a pickle says without doing any of it,
`declared` refuses sizes that the file cannot hold, `checkpoint` puts them before `torch.load`, which alone
makes tensors. `layout` compares names and shapes; `components` reads the one published `.npy` of objects.
"""

from __future__ import annotations

from fommvg_lib.published_files.checkpoint import Checkpoint, read_checkpoint
from fommvg_lib.published_files.components import read_components

__all__ = ["Checkpoint", "read_checkpoint", "read_components"]
