"""Whole-clip items: every frame, in order, from any kind of set."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fommvg_lib.clips import ClipFolder, SyntheticClips, WholeClips
from fommvg_lib.clips.packing import pack_clips
from fommvg_lib.synthetic import write_clip_folder


@pytest.mark.parametrize("channels", [1, 3])
def test_an_item_is_every_frame_in_order(tmp_path, channels):
    write_clip_folder(tmp_path / "clips", 1, 2, num_frames=5, size=32)
    pack_clips(tmp_path / "clips", tmp_path / "packed")
    for root in (tmp_path / "clips", tmp_path / "packed"):
        clips = ClipFolder(root, "test")
        items = list(DataLoader(WholeClips(clips, channels), batch_size=None))
        assert [item["name"] for item in items] == clips.names and len(items) == 2
        for index, item in enumerate(items):
            frames = clips.frames(index, range(5)).astype(np.float32) / 255
            expected = torch.from_numpy(frames).permute(3, 0, 1, 2)
            expected = expected if channels == 3 else expected.mean(0, keepdim=True)
            assert item["video"].shape == (channels, 5, 32, 32) and item["fps"] == 25
            torch.testing.assert_close(item["video"], expected)


def test_other_clips_and_channels_are_refused():
    clips = SyntheticClips("test", 32, 3, num_identities=1)
    with pytest.raises(IndexError):
        WholeClips(clips)[1]
    with pytest.raises(ValueError, match="num_channels"):
        WholeClips(clips, 2)
