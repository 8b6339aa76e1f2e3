"""Facts about the configs of VP and FI."""

from __future__ import annotations

import pytest

from fommvg_lib.config.base import PROFILE_NAMES
from fommvg_lib.config.motion import FrameInterpolationConfig, VideoPredictionConfig

BOTH = pytest.mark.parametrize("cls", [VideoPredictionConfig, FrameInterpolationConfig])


@BOTH
@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_profiles_survive_the_round_trip_through_plain_values(cls, profile):
    config = cls.from_profile(profile)
    assert cls.from_dict(config.to_dict()) == config


def test_full_is_the_published_schedule():
    vp, fi = (cls.from_profile("full") for cls in (VideoPredictionConfig, FrameInterpolationConfig))
    published = (vp.num_epochs, vp.epoch_size, vp.batch_size, vp.learning_rate, vp.learning_rate_generator)
    assert published == (500, 600, 300, 1e-3, 5e-5)
    assert (vp.noise_dim, vp.hidden_dim, vp.num_components, vp.max_seq_len, vp.d_update_epoch) == (
        32,
        32,
        30,
        16,
        100,
    )
    assert (fi.num_epochs, fi.epoch_size, fi.batch_size, fi.learning_rate, fi.weight_lm) == (
        1000,
        600,
        600,
        5e-4,
        10,
    )
    assert (fi.noise_dim, fi.hidden_dim, fi.max_seq_len, fi.d_update_epoch) == (100, 100, 16, 200)


@BOTH
@pytest.mark.parametrize(
    "change",
    [
        {"form": "other"}, {"batch_size": 0}, {"min_window": 2}, {"min_window": 50, "max_window": 40},
        {"beta1": 1.0},
        {"ema_decay": 1.0}, {"constant_share": 0.0}, {"weight_moments": -1.0}, {"moment_lags": []},
        {"max_seq_len": 2}, {"start": "first"}, {"moments": "off"}, {"critic_condition": "yes"},
        {"critic_steps": "some"}, {"is_scaled": False, "form": "legacy"},
        {"noise_memory": (-1.0,)}, {"weight_score": -1.0}, {"weight_critic": -1.0},
    ],
)  # fmt: skip
def test_values_that_mean_nothing_raise_naming_the_field(cls, change):
    with pytest.raises(ValueError, match=next(iter(change))):
        cls().replace(**change)


def test_a_form_chooses_what_is_left_open():
    for cls in (VideoPredictionConfig, FrameInterpolationConfig):
        assert (cls().chosen("start"), cls(form="legacy").chosen("start")) == ("own", "random")
        assert cls(form="legacy", start="own").chosen("start") == "own"


def test_a_critic_that_no_window_can_fill_is_refused():
    with pytest.raises(ValueError, match="critic_span must be from 1 to 15"):
        VideoPredictionConfig(critic_span=16)
    with pytest.raises(ValueError, match="critic_span must be from 1 to 9"):
        VideoPredictionConfig(form="legacy", max_seq_len=10, critic_span=10)
    with pytest.raises(ValueError, match="needs a critic_span"):
        VideoPredictionConfig(form="legacy", critic_condition="start")
