"""Training pairs: what is drawn, and that it depends on the item's number alone."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
import torch

from fommvg_lib.clips import ClipFolder, FramePairs, PairLoader, SyntheticClips
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.synthetic import write_clip_folder

STILL = AugmentationConfig(time_flip=False, horizontal_flip=False)
LIVELY = AugmentationConfig(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)


class CountingClips:
    """Clips whose pixels say which clip and frame they are; clip i belongs to identity i // 3."""

    size = 2

    def __init__(self, num_clips: int = 12, num_frames: int = 10):
        self.names = [f"{i // 3}#{i}" for i in range(num_clips)]
        self._num_frames = num_frames

    def __len__(self):
        return len(self.names)

    def num_frames(self, index):
        return self._num_frames

    def identity(self, index):
        return self.names[index].split("#")[0]

    def frames_at(self, requests):
        frames = np.zeros((len(requests), 2, 2, 3), np.uint8)
        for row, (clip, frame) in enumerate(requests):
            frames[row] = (clip, frame, 0)
        return frames


def drawn(pairs: FramePairs, count: int) -> np.ndarray:
    """(count, 3): clip, source frame, driving frame."""
    batch = pairs.batch(0, count)
    source, driving = (
        (batch[name][:, :, 0, 0] * 255).round().int().numpy() for name in ("source", "driving")
    )
    assert (source[:, 0] == driving[:, 0]).all()
    assert [pairs.clips.names[clip] for clip in source[:, 0]] == batch["name"]
    return np.stack([source[:, 0], source[:, 1], driving[:, 1]], axis=1)


def test_an_epoch_shows_every_clip_as_often_as_it_is_repeated():
    pairs = FramePairs(CountingClips(), FrameDataConfig(num_repeats=4, augmentation=STILL), seed=1)
    assert len(pairs) == 48
    clips = drawn(pairs, 96)[:, 0]
    assert set(Counter(clips[:48]).values()) == {4} and set(Counter(clips[48:]).values()) == {4}
    assert (clips[:48] != clips[48:]).any() and (clips[:12] != np.arange(12)).any()


def test_id_sampling_draws_any_clip_of_each_identity():
    config = FrameDataConfig(id_sampling=True, num_repeats=30, augmentation=STILL)
    pairs = FramePairs(CountingClips(), config, seed=1)
    assert len(pairs) == 4 * 30
    clips = drawn(pairs, 120)[:, 0]
    assert set(Counter(clips // 3).values()) == {30}
    assert min(Counter(clips).values()) >= 3 and len(Counter(clips)) == 12


def test_frames_are_drawn_with_replacement_and_sorted():
    pairs = FramePairs(CountingClips(), FrameDataConfig(augmentation=STILL), seed=0)
    items = drawn(pairs, 2000)
    assert (items[:, 1] <= items[:, 2]).all()
    assert 0.07 < (items[:, 1] == items[:, 2]).mean() < 0.13
    shares = np.bincount(items[:, 1:].reshape(-1), minlength=10) / 4000
    assert np.abs(shares - 0.1).max() < 0.02


def test_time_flip_exchanges_half_of_the_pairs():
    config = FrameDataConfig(augmentation=AugmentationConfig(horizontal_flip=False))
    items = drawn(FramePairs(CountingClips(), config, seed=0), 2000)
    rising, falling = (items[:, 1] < items[:, 2]).mean(), (items[:, 1] > items[:, 2]).mean()
    assert abs(rising - 0.45) < 0.04 and abs(falling - 0.45) < 0.04


def test_items_depend_on_seed_and_number_alone():
    clips = SyntheticClips("train", 32, num_identities=6)
    config = FrameDataConfig(augmentation=LIVELY)
    pairs = FramePairs(clips, config, seed=4)
    np.random.seed(0)
    torch.manual_seed(0)
    batch = pairs.batch(3, 4)
    np.random.seed(1)
    torch.manual_seed(1)
    for row, number in enumerate(range(12, 16)):
        item = FramePairs(clips, config, seed=4)[number]
        assert torch.equal(item["source"], batch["source"][row])
        assert torch.equal(item["driving"], batch["driving"][row]) and item["name"] == batch["name"][row]
    assert not torch.equal(FramePairs(clips, config, seed=5).batch(3, 4)["source"], batch["source"])
    assert batch["source"].shape == (4, 3, 32, 32) and batch["source"].dtype == torch.float32
    assert 0 <= batch["source"].min() and batch["source"].max() <= 1


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_loader_started_later_gives_the_same_batches(num_workers, tmp_path):
    write_clip_folder(tmp_path, 3, 1, num_frames=6, size=32)
    clips = ClipFolder(tmp_path, "train")
    clips.frames(0, [0])  # a file is open before workers are forked
    pairs = FramePairs(clips, FrameDataConfig(augmentation=LIVELY), seed=0)
    expected = list(islice(PairLoader(pairs, 2), 5))
    resumed = list(islice(PairLoader(pairs, 2, start_step=3, num_workers=num_workers), 2))
    for first, second in zip(expected[3:], resumed, strict=True):
        assert torch.equal(first["source"], second["source"]) and first["name"] == second["name"]
        assert torch.equal(first["driving"], second["driving"])


def test_one_channel_is_the_mean_of_the_colours():
    clips = SyntheticClips("train", 32, num_identities=4)
    config = FrameDataConfig(augmentation=STILL)
    colour, grey = (FramePairs(clips, config, 0, channels).batch(0, 3) for channels in (3, 1))
    assert grey["source"].shape == (3, 1, 32, 32)
    torch.testing.assert_close(grey["source"], colour["source"].mean(1, keepdim=True))
    with pytest.raises(ValueError, match="num_channels"):
        FramePairs(clips, config, 0, 2)
