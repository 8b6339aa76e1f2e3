"""Facts about shares: equal parts of a whole, by process and by part of a batch."""

import pytest
import torch

from fommvg_lib.share import WHOLE, Share


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 12])
def test_shares_are_equal_and_cover_the_whole_once(count):
    values = torch.arange(12)
    parts = [Share(index, count).of(values) for index in range(count)]
    assert torch.equal(torch.cat(parts), values) and len({len(part) for part in parts}) == 1
    assert [Share(index, count).bounds(12) for index in range(count)] == [
        (index * 12 // count, (index + 1) * 12 // count) for index in range(count)
    ]


def test_parts_of_shares_are_shares_of_the_whole():
    values = torch.arange(24)
    for outer in range(3):
        mine = Share(outer, 3).of(values)
        for inner in range(4):
            assert torch.equal(Share(inner, 4).of(mine), Share(outer, 3).within(inner, 4).of(values))


def test_share_is_taken_along_any_dimension():
    values = torch.arange(2 * 6 * 3).view(2, 6, 3)
    assert torch.equal(Share(1, 3).of(values, dim=1), values[:, 2:4])
    assert torch.equal(Share(2, 3).of(values, dim=-1), values[..., 2:])


def test_one_share_of_one_is_the_whole():
    values = torch.arange(5)
    assert WHOLE == Share() == Share(0, 1) and torch.equal(WHOLE.of(values), values)
    assert WHOLE.within(1, 3) == Share(1, 3)


@pytest.mark.parametrize("index,count", [(-1, 2), (2, 2), (0, 0), (1, 1)])
def test_share_that_does_not_exist_is_refused(index, count):
    with pytest.raises(ValueError, match=f"share {index} of {count} does not exist"):
        Share(index, count)


def test_unequal_parts_are_refused():
    with pytest.raises(ValueError, match="10 items cannot be divided into 4 equal parts"):
        Share(0, 4).bounds(10)
    with pytest.raises(ValueError, match="10 items"):
        Share(0, 4).of(torch.arange(10))
