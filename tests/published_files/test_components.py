"""The published principal components come out as they were, without unpickling."""

from __future__ import annotations

import numpy as np
import pytest

from fommvg_lib.files import InputError
from fommvg_lib.published_files import read_components
from tests.published_files.malice import object_npy

ROWS = np.linalg.qr(np.random.default_rng(0).normal(size=(100, 30)))[0].T  # columns first
STATE = {
    "comp": np.ascontiguousarray(ROWS),
    "stdev": np.geomspace(0.0296, 0.0017, 30),
    "var_ratio": np.geomspace(0.357, 0.0012, 30),
}


@pytest.mark.parametrize("protocol", [3, 4])
def test_components_are_read_bit_by_bit(tmp_path, protocol):
    arrays = read_components(object_npy(tmp_path / "pca.npy", STATE, protocol))
    assert arrays.keys() == STATE.keys()
    for name, array in arrays.items():
        assert np.array_equal(array, STATE[name]) and array.dtype == np.float64


def test_arrays_that_lie_by_columns_are_read(tmp_path):
    assert ROWS.flags.f_contiguous
    arrays = read_components(object_npy(tmp_path / "pca.npy", {**STATE, "comp": ROWS}))
    assert np.array_equal(arrays["comp"], ROWS)


def test_what_numpy_saves_today_is_read(tmp_path):
    np.save(tmp_path / "pca.npy", STATE)
    assert np.array_equal(read_components(tmp_path / "pca.npy")["comp"], STATE["comp"])


def test_other_arrays_and_sizes_are_refused(tmp_path):
    np.save(tmp_path / "plain.npy", np.ones((30, 100)))
    with pytest.raises(InputError, match="plain numbers"):
        read_components(tmp_path / "plain.npy")
    for value in ({"comp": STATE["comp"]}, {**STATE, "stdev": STATE["stdev"][:5]}, [1, 2], "text"):
        with pytest.raises(InputError, match="no published components"):
            read_components(object_npy(tmp_path / "pca.npy", value))
    with pytest.raises(InputError, match="cannot be read"):
        read_components(tmp_path / "none.npy")


@pytest.mark.parametrize("kept", [4, 60, 130, 1000, 24000])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = object_npy(tmp_path / "pca.npy", STATE)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match="no published components"):
        read_components(path)
