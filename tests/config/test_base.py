"""Facts about configs: profiles, overrides, round trips."""

from dataclasses import dataclass, field
from typing import ClassVar

import pytest

from fommvg_lib.config.base import Config
from fommvg_lib.files import InputError


@dataclass(frozen=True)
class Inner(Config):
    width: int = 8
    rates: tuple[float, ...] = (1.0, 0.5)


@dataclass(frozen=True)
class Outer(Config):
    lr: float = 2e-4
    name: str | None = None
    inner: Inner = field(default_factory=Inner)

    PROFILES: ClassVar = {"smoke": {"lr": 1e-3, "inner.width": 4}}

    def __post_init__(self):
        if self.lr <= 0:
            raise ValueError(f"lr must be above 0, got {self.lr}")


def test_profile_changes_only_what_it_names():
    assert Outer.from_profile("smoke") == Outer(1e-3, None, Inner(4))
    assert Outer.from_profile("full") == Outer()


def test_override_of_none_is_skipped():
    assert Outer.from_profile("smoke", lr=None, name="x") == Outer(1e-3, "x", Inner(4))


def test_unknown_profile_and_field_are_named():
    with pytest.raises(ValueError, match="tiny"):
        Outer.from_profile("tiny")
    with pytest.raises(ValueError, match="Inner has no field 'depth'"):
        Outer().replace(**{"inner.depth": 3})


def test_round_trip_through_plain_values():
    config = Outer(0.5, "n", Inner(3, (0.1, 0.2)))
    assert Outer.from_dict(config.to_dict()) == config


def test_assignments_are_read_as_yaml_and_coerced():
    config = Outer().with_assignments(["lr=1e-3", "inner.rates=[1, 2]", "name=null"])
    assert config == Outer(1e-3, None, Inner(8, (1.0, 2.0)))
    assert isinstance(config.inner.rates[0], float)


@pytest.mark.parametrize("word", ["lr", "=3", "depth=3", "lr=-1", "inner.depth=1", "lr.x=1"])
def test_bad_assignment_is_the_users_error(word):
    with pytest.raises(InputError):
        Outer().with_assignments([word])
