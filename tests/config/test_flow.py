"""Facts about the config of motion flow."""

from __future__ import annotations

import pytest

from fommvg_lib.config.base import PROFILE_NAMES
from fommvg_lib.config.flow import FlowConfig


@pytest.mark.parametrize("profile", PROFILE_NAMES)
def test_profiles_survive_the_round_trip_through_plain_values(profile):
    config = FlowConfig.from_profile(profile)
    assert FlowConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    "change",
    [
        {"batch_size": 0}, {"min_window": 3}, {"min_window": 50, "max_window": 40}, {"beta1": 1.0},
        {"beta2": -0.1}, {"ema_decay": 1.0}, {"constant_share": 0.0}, {"weight_change": -1.0},
        {"weight_bend": -1.0},
        {"clip_norm": -1.0}, {"num_patterns": 5}, {"width": 90},
        {"share_prediction": 0.6}, {"share_past": -0.1},
    ],
)  # fmt: skip
def test_values_that_mean_nothing_raise_naming_the_field(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        FlowConfig().replace(**change)
