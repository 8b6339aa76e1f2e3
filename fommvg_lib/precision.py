"""Number formats: which a device really has, and the switches that go with them.

Only convolutions and matrix products ever leave float32; grids, inverses, soft-argmax and losses stay in it
(DESIGN section 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

PRECISIONS = ("fp32", "bf16")


def has_real_bf16(device: torch.device) -> bool:
    """Say whether the device computes in bfloat16 itself; a T4, for one, only emulates it, slowly."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Give the context in which a step's losses are computed.

    Args:
        device: where they are computed.
        precision: "fp32" or "bf16".

    Raises:
        ValueError: for another precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@contextmanager
def tensor_float_32(is_on: bool) -> Iterator[None]:
    """Allow or forbid TF32 (float32 products with 10-bit mantissas, GPUs since Ampere) inside the block."""
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = is_on
        yield
    finally:
        for backend, was in zip(backends, before, strict=True):
            backend.allow_tf32 = was
