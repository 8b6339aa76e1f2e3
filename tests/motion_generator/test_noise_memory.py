"""Facts about noise with a memory."""

from __future__ import annotations

import pytest
import torch

from fommvg_lib.motion_generator.noise_memory import CHUNK, NoiseMemory


def white(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_recurrence_it_says_also_beyond_a_chunk():
    memory, noise = NoiseMemory(3, (0.0, 2.0, 20.0)), white(2, 2 * CHUNK + 5, 3)
    expected = [noise[:, 0]]
    for t in range(1, noise.shape[1]):
        fresh = (1 - memory.kept.square()).sqrt() * noise[:, t]
        expected.append(memory.kept * expected[-1] + fresh)
    torch.testing.assert_close(memory(noise), torch.stack(expected, dim=1))


def test_every_frame_has_unit_variance_and_channels_remember_as_long_as_told():
    made = NoiseMemory(2, (0.0, 8.0))(white(4000, 24, 2))
    assert made.var(dim=0).sub(1).abs().max() < 0.12
    together = (made[:, 8:16] * made[:, :8]).mean(dim=(0, 1))  # eight frames apart
    assert together.tolist() == pytest.approx([0, torch.exp(torch.tensor(-1.0)).item()], abs=0.05)


def test_without_memory_noise_is_as_it_came_and_the_future_plays_no_part():
    noise = white(2, 9, 2)
    assert torch.equal(NoiseMemory(2, (0.0,))(noise), noise)
    memory = NoiseMemory(2, (3.0,))
    torch.testing.assert_close(memory(noise)[:, :5], memory(noise[:, :5]))
