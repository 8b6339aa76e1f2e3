"""Facts about the components of residual motion (specification section 9)."""

from __future__ import annotations

import numpy as np
import pytest

from fommvg_lib.files import InputError
from fommvg_lib.pca import ResidualPCA, fit_residual_pca


def walks(rank=5, num_dims=20, scales=None, seed=0, num_clips=6):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(num_dims, rank)))[0].T
    scales = np.linspace(1.0, 0.2, rank) if scales is None else scales
    lengths = rng.integers(30, 60, num_clips)
    return [
        np.cumsum((rng.normal(size=(length, rank)) * scales) @ basis, axis=0) for length in lengths
    ], basis


def test_rank_five_differences_are_explained_by_five_components():
    motions, basis = walks()
    pca = fit_residual_pca(motions, 5)
    assert pca.ratio.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(pca.components.T @ (pca.components @ basis.T), basis.T, atol=1e-9)
    assert pca.num_differences == sum(len(motion) - 1 for motion in motions)
    assert pca.components.dtype == np.float64


def test_streaming_equals_the_covariance_of_all_differences():
    motions, _ = walks(rank=20)
    pca = fit_residual_pca(iter(motions), 20)
    differences = np.concatenate([np.diff(motion, axis=0) for motion in motions])
    np.testing.assert_allclose(pca.mean, differences.mean(axis=0), atol=1e-12)
    covariance = pca.components.T @ np.diag(pca.stdev**2) @ pca.components
    np.testing.assert_allclose(covariance, np.cov(differences.T), atol=1e-12)
    total = np.trace(np.cov(differences.T))
    np.testing.assert_allclose(pca.stdev**2 / pca.ratio, total)


def test_steps_across_clips_are_not_differences():
    motions = [np.full((2, 3), 5.0), np.full((2, 3), -5.0) + [[0, 0, 0], [1, 0, 0]], np.zeros((1, 3))]
    pca = fit_residual_pca(motions, 1)
    assert pca.num_differences == 2
    np.testing.assert_allclose(np.abs(pca.components), [[1, 0, 0]], atol=1e-12)


def test_sign_is_fixed():
    motions, _ = walks()
    flipped = fit_residual_pca([-motion for motion in motions], 5)
    np.testing.assert_allclose(flipped.components, fit_residual_pca(motions, 5).components, atol=1e-9)


@pytest.mark.parametrize("ending", [".safetensors", ".npz"])
def test_round_trip_is_bit_exact(tmp_path, ending):
    pca = fit_residual_pca(walks()[0], 4)
    pca.save(tmp_path / f"x{ending}")
    back = ResidualPCA.load(tmp_path / f"x{ending}")
    for name in ("components", "stdev", "ratio", "mean"):
        assert np.array_equal(getattr(back, name), getattr(pca, name)), name
    assert back.num_differences == pca.num_differences


def test_npz_carries_the_published_names_without_pickles(tmp_path):
    fit_residual_pca(walks()[0], 4).save(tmp_path / "x.npz")
    with np.load(tmp_path / "x.npz", allow_pickle=False) as stream:
        assert {"comp", "stdev", "var_ratio"} <= set(stream.files)
        assert stream["comp"].shape == (4, 20) and stream["comp"].dtype == np.float64


@pytest.mark.parametrize(
    ("motions", "count", "words"),
    [
        ([np.zeros((2, 3))], 1, "too few"),
        ([np.zeros((9, 3))], 1, "does not move"),
        ([np.eye(3), np.eye(4)], 1, "4 numbers"),
        ([np.eye(3)], 4, "outside 1 to 3"),
    ],
)
def test_motion_without_components_raises(motions, count, words):
    with pytest.raises(ValueError, match=words):
        fit_residual_pca(motions, count)


def test_bad_files_are_one_line_errors(tmp_path):
    (tmp_path / "text.npz").write_bytes(b"no zip")
    (tmp_path / "text.safetensors").write_bytes(b"no tensors")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name in ("text.npz", "text.safetensors", "other.npz", "absent.npz"):
        with pytest.raises(InputError, match=name) as caught:
            ResidualPCA.load(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="safetensors or .npz"):
        fit_residual_pca(walks()[0], 2).save(tmp_path / "x.npy")
