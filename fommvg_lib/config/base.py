"""What every config shares: profiles, overrides, plain-dict form.

A config is a frozen dataclass. `PROFILES` names, for each of `smoke`, `shipped`, `colab` and `full`, only
the fields that differ from the defaults; nested fields are written with dots (`"model.num_kp"`).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, ClassVar, Self

import yaml

from fommvg_lib.files import InputError

PROFILE_NAMES = ("smoke", "shipped", "colab", "full")


class Config:
    """Base of the frozen dataclasses that configure a task."""

    PROFILES: ClassVar[dict[str, dict[str, Any]]] = {}

    @classmethod
    def from_profile(cls, profile: str, **overrides: Any) -> Self:
        """Build the config of a profile; an override of None leaves the profile's value.

        Raises:
            ValueError: if the profile is unknown or a field is.
        """
        if profile not in PROFILE_NAMES:
            raise ValueError(f"profile {profile!r} is none of {', '.join(PROFILE_NAMES)}")
        chosen = {name: value for name, value in overrides.items() if value is not None}
        return cls().replace(**cls.PROFILES.get(profile, {})).replace(**chosen)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a config from nested plain values, as `to_dict` gives them; missing fields take defaults."""
        return _build(cls, values)

    def to_dict(self) -> dict[str, Any]:
        """Give the config as nested plain values (lists for tuples), fit for JSON and YAML."""
        return _plain(dataclasses.asdict(self))

    def replace(self, **changes: Any) -> Self:
        """Give a copy with fields changed; `"model.num_kp"` reaches into a nested config.

        Raises:
            ValueError: naming the field, if there is none of that name.
        """
        direct: dict[str, Any] = {}
        nested: dict[str, dict[str, Any]] = {}
        names = {field.name for field in dataclasses.fields(self)}
        for name, value in changes.items():
            head, _, rest = name.partition(".")
            if head not in names:
                raise ValueError(
                    f"{type(self).__name__} has no field {head!r}; it has {', '.join(sorted(names))}"
                )
            if rest:
                nested.setdefault(head, {})[rest] = value
            else:
                direct[head] = value
        for head, inner in nested.items():
            current = direct.get(head, getattr(self, head))
            if not isinstance(current, Config):
                raise ValueError(f"{type(self).__name__}.{head} has no fields of its own (value {current!r})")
            direct[head] = current.replace(**inner)
        direct = {name: _coerce(_field_type(type(self), name), value) for name, value in direct.items()}
        return dataclasses.replace(self, **direct)

    def with_assignments(self, assignments: list[str]) -> Self:
        """Apply the command line's `key=value` words; values are read as YAML.

        Raises:
            InputError: if a word is no assignment, a key is unknown or a value does not fit.
        """
        changes = {}
        for word in assignments:
            key, equals, text = word.partition("=")
            if not equals or not key:
                raise InputError(f"{word!r}: expected key=value")
            changes[key] = yaml.safe_load(text)
        try:
            return self.replace(**changes)
        except (ValueError, TypeError) as error:
            raise InputError(str(error)) from error


def _field_type(cls: type, name: str) -> Any:
    return typing.get_type_hints(cls)[name]


def _coerce(kind: Any, value: Any) -> Any:
    """Turn plain values into what the field declares: lists to tuples, dicts to configs, ints to floats."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        if value is None:
            return None
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    if isinstance(kind, type) and issubclass(kind, Config) and isinstance(value, dict):
        return _build(kind, value)
    if typing.get_origin(kind) is tuple and isinstance(value, (list, tuple)):
        inner = typing.get_args(kind)[0]
        return tuple(_coerce(inner, item) for item in value)
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        return float(value)  # YAML reads 2e-4 as text
    return value


def _build(cls: type, values: dict[str, Any]) -> Any:
    names = {field.name for field in dataclasses.fields(cls)}
    unknown = sorted(set(values) - names)
    if unknown:
        raise ValueError(f"{cls.__name__} has no field {unknown[0]!r}; it has {', '.join(sorted(names))}")
    return cls(**{name: _coerce(_field_type(cls, name), value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
