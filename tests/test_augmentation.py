"""Augmentation of frame pairs."""

import colorsys

import numpy as np
import pytest

from fommvg_lib import augmentation
from fommvg_lib.augmentation import augment, draw_flips, flip, jitter, random_crop, resize_nearest, rotate
from fommvg_lib.config.data import AugmentationConfig, FrameDataConfig
from fommvg_lib.synthetic import render_clip

FRAMES = render_clip(11, 0, 20, 32).frames[[0, 19]]
FULL = AugmentationConfig(
    rotation_degrees=10,
    resize_ratio=(0.8, 1.2),
    crop_size=28,
    brightness=0.3,
    contrast=0.3,
    saturation=0.3,
    hue=0.2,
)
OFF = AugmentationConfig(time_flip=False, horizontal_flip=False)


def as_float(frames: np.ndarray) -> np.ndarray:
    return frames.astype(np.float32) / 255


def test_nothing_switched_on_changes_nothing():
    np.testing.assert_array_equal(augment(FRAMES, OFF, np.random.default_rng(0)), FRAMES)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_kind_range_and_channels_are_kept(channels, dtype):
    frames = FRAMES[..., :channels]
    frames = frames if dtype == np.uint8 else as_float(frames)
    for seed in range(20):
        changed = augment(frames, FULL, np.random.default_rng(seed))
        assert changed.shape == (2, 28, 28, channels) and changed.dtype == dtype
        assert changed.min() >= 0 and changed.max() <= (255 if dtype == np.uint8 else 1)


def test_one_draw_serves_both_frames():
    twins = np.stack([FRAMES[0], FRAMES[0]])
    for seed in range(10):
        first, second = augment(twins, FULL, np.random.default_rng(seed))
        np.testing.assert_array_equal(first, second)


def test_same_generator_same_result():
    first, second, other = (augment(FRAMES, FULL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_flips_undo_themselves():
    np.testing.assert_array_equal(flip(flip(FRAMES, True, True), True, True), FRAMES)
    np.testing.assert_array_equal(flip(FRAMES, True, False), FRAMES[::-1])
    np.testing.assert_array_equal(flip(FRAMES, False, True), FRAMES[:, :, ::-1])


@pytest.mark.parametrize(
    ("config", "shares"),
    [
        (AugmentationConfig(), {(0, 0): 0.25, (0, 1): 0.25, (1, 0): 0.25, (1, 1): 0.25}),
        (AugmentationConfig(independent_flips=False), {(0, 0): 0.25, (0, 1): 0.25, (1, 0): 0.5, (1, 1): 0}),
        (AugmentationConfig(time_flip=False), {(0, 0): 0.5, (0, 1): 0.5, (1, 0): 0, (1, 1): 0}),
        (AugmentationConfig(time_flip=False, independent_flips=False), {(0, 1): 0.5, (0, 0): 0.5}),
        (AugmentationConfig(horizontal_flip=False), {(1, 0): 0.5, (0, 0): 0.5, (0, 1): 0}),
    ],
)
def test_flips_occur_as_often_as_stated(config, shares):
    rng = np.random.default_rng(0)
    drawn = np.array([draw_flips(config, rng) for _ in range(4000)], dtype=int)
    for combination, share in shares.items():
        assert abs((drawn == combination).all(axis=1).mean() - share) < 0.03


def test_rotation_by_a_quarter_turn_is_exact_and_edges_are_repeated():
    np.testing.assert_allclose(
        rotate(as_float(FRAMES), 90), np.rot90(as_float(FRAMES), axes=(1, 2)), atol=1e-5
    )
    assert (rotate(np.full((2, 16, 16, 3), 77, np.uint8), 33) == 77).all()


def test_resize_picks_pixels_of_the_frame():
    doubled = resize_nearest(FRAMES, 2.0)
    np.testing.assert_array_equal(doubled, FRAMES.repeat(2, axis=1).repeat(2, axis=2))
    np.testing.assert_array_equal(resize_nearest(FRAMES, 1.0), FRAMES)
    assert resize_nearest(FRAMES, 0.9).shape == (2, 29, 29, 3)


def test_crop_is_a_window_and_small_frames_repeat_their_edge():
    rng = np.random.default_rng(0)
    corners = set()
    grid = np.arange(32 * 32).reshape(1, 32, 32, 1)
    for _ in range(200):
        window = random_crop(grid, 30, rng)[0, :, :, 0]
        corners.add(int(window[0, 0]))
        assert window.shape == (30, 30) and (np.diff(window, axis=1) == 1).all()
    assert corners == {32 * row + column for row in range(3) for column in range(3)}
    padded = random_crop(FRAMES, 36, rng)
    np.testing.assert_array_equal(padded[:, 2:34, 2:34], FRAMES)
    np.testing.assert_array_equal(padded[:, 0, 2:34], FRAMES[:, 0])


def one_step(name: str, factor: float) -> np.ndarray:
    """Jitter with a single step whose factor (or turn) is exactly `factor`."""

    class Fixed:
        def uniform(self, low, high):
            wanted = np.ones(3) if isinstance(low, np.ndarray) else 0.0
            if name == "hue":
                return wanted if isinstance(low, np.ndarray) else factor
            if isinstance(low, np.ndarray):
                wanted[["brightness", "contrast", "saturation"].index(name)] = factor
            return wanted

        def permutation(self, count):
            return np.arange(count)

    return jitter(as_float(FRAMES), AugmentationConfig(**{name: 0.5}), Fixed())


def test_jitter_steps_follow_their_definitions():
    frames = as_float(FRAMES)
    grey = frames @ np.array([0.299, 0.587, 0.114], np.float32)
    mean = grey.mean(axis=(1, 2))[:, None, None, None]
    np.testing.assert_allclose(one_step("brightness", 0.6), 0.6 * frames, atol=1e-6)
    np.testing.assert_allclose(one_step("contrast", 0.6), mean + 0.6 * (frames - mean), atol=1e-5)
    pale = grey[..., None] + 0.5 * (frames - grey[..., None])
    np.testing.assert_allclose(one_step("saturation", 0.5), pale, atol=1e-5)
    turned = one_step("hue", 0.3)
    for row, column in ((0, 0), (12, 16), (20, 14), (31, 16)):
        hue, saturation, value = colorsys.rgb_to_hsv(*frames[0, row, column].tolist())
        expected = colorsys.hsv_to_rgb((hue + 0.3) % 1, saturation, value)
        np.testing.assert_allclose(turned[0, row, column], expected, atol=1e-5)


def test_hue_of_grey_has_no_effect_and_a_full_turn_returns():
    grey = np.full((2, 4, 4, 3), 0.3, np.float32)
    np.testing.assert_allclose(augmentation.shift_hue(grey, 0.4), grey, atol=1e-7)
    np.testing.assert_allclose(augmentation.shift_hue(as_float(FRAMES), 1.0), as_float(FRAMES), atol=1e-5)


def test_jitter_order_varies():
    config = AugmentationConfig(time_flip=False, horizontal_flip=False, brightness=0.9, contrast=0.9)
    orders = set()

    class Spy:
        def __init__(self, seed):
            self._rng = np.random.default_rng(seed)

        def __getattr__(self, name):
            return getattr(self._rng, name)

        def permutation(self, count):
            order = self._rng.permutation(count)
            orders.add(tuple(order))
            return order

    for seed in range(60):
        augment(as_float(FRAMES), config, Spy(seed))
    assert len(orders) > 15


@pytest.mark.parametrize(
    "wrong",
    [
        {"brightness": -0.1},
        {"hue": 0.6},
        {"rotation_degrees": 200.0},
        {"resize_ratio": (1.2, 0.9), "crop_size": 8},
        {"resize_ratio": (0.9, 1.1)},
        {"crop_size": 0},
    ],
)
def test_settings_without_meaning_raise(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AugmentationConfig(**wrong)


def test_epoch_needs_at_least_one_repeat_and_config_survives_yaml():
    with pytest.raises(ValueError, match="num_repeats"):
        FrameDataConfig(num_repeats=0)
    config = FrameDataConfig(id_sampling=True, num_repeats=75, augmentation=FULL)
    assert FrameDataConfig.from_dict(config.to_dict()) == config
