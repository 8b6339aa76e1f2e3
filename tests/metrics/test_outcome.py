"""A metric has a value or a reason, and errors stay errors."""

from __future__ import annotations

import json
import math

import pytest

from fommvg_lib.metrics.outcome import NotAvailable, Outcome, outcome_of


def test_a_value_and_a_reason_print_and_store():
    assert str(outcome_of(lambda: 0.25)) == "0.25" and outcome_of(lambda: 0.25).is_available
    assert outcome_of(lambda: 0.25).to_dict() == {"value": 0.25}

    def absent():
        raise NotAvailable("no weights")

    missing = outcome_of(absent)
    assert not missing.is_available and str(missing) == "not available: no weights"
    assert missing.to_dict() == {"not available": "no weights"}


def test_infinity_survives_strict_json():
    stored = json.loads(json.dumps(Outcome(math.inf).to_dict(), allow_nan=False))
    assert float(stored["value"]) == math.inf


@pytest.mark.parametrize("parts", [{}, {"value": 1.0, "reason": "x"}, {"value": math.nan}, {"reason": ""}])
def test_neither_both_nan_and_an_empty_reason_are_refused(parts):
    with pytest.raises(ValueError):
        Outcome(**parts)


def test_errors_are_no_outcomes():
    def wrong():
        raise ValueError("shapes")

    with pytest.raises(ValueError, match="shapes"):
        outcome_of(wrong)
