"""Number formats: which a device really has, which is used for what was asked, and the switches for it.

Only convolutions and matrix products ever leave float32; grids, inverses, soft-argmax, residual sums in
rendering and losses stay in it (DESIGN section 8). A format that a device merely emulates is slower than
float32 and no more exact: in rendering it is refused, in training replaced by float32 with a remark.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from fommvg_lib.files import InputError

PRECISIONS = ("fp32", "bf16")
"""What can be trained in."""
RENDERING_PRECISIONS = ("auto", "fp32", "bf16", "fp16")
"""What can be asked for in rendering."""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
FULL_NAMES = {"bf16": "bfloat16", "fp16": "float16"}


def has_real_bf16(device: torch.device) -> bool:
    """Say whether the device computes in bfloat16 itself; a T4, for one, only emulates it, slowly."""
    if device.type == "cuda":
        with torch.cuda.device(device):  # torch asks the current device
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return False


def has_real_fp16(device: torch.device) -> bool:
    """Say whether the device convolves in float16 itself; most processors do so 5 to 100 times slower."""
    if device.type == "cpu":
        return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_fp16_supported()
    return device.type == "cuda"


def device_name(device: torch.device) -> str:
    """Give a device with its model, such as "cuda (Tesla T4)" or "cpu (AVX2)"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.backends.cpu.get_cpu_capability()})"
    return str(device)


def rendering_precision(device: torch.device, wanted: str) -> str:
    """Decide what frames are rendered in.

    Args:
        device: where they are rendered.
        wanted: "fp32"; "bf16" or "fp16" for convolutions in 16 bits; "auto": bf16 where the device has it,
            else fp16 on a GPU, else fp32.

    Returns:
        "fp32", "bf16" or "fp16".

    Raises:
        InputError: if the device only emulates what is wanted, naming it and what to use instead.
        ValueError: for another precision.
    """
    if wanted not in RENDERING_PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(RENDERING_PRECISIONS)}, got {wanted!r}")
    best = _best(device)
    is_real = {"fp32": True, "auto": True, "bf16": has_real_bf16(device), "fp16": has_real_fp16(device)}
    if not is_real[wanted]:
        raise InputError(
            f"{device_name(device)}: only emulates {FULL_NAMES[wanted]}, slower than float32; "
            f"use precision {best} instead"
        )
    return best if wanted == "auto" else wanted


def _best(device: torch.device) -> str:
    if has_real_bf16(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "fp32"


def training_precision(
    device: torch.device, wanted: str, has_volumes: bool = False
) -> tuple[str, str | None]:
    """Decide what is trained in.

    Args:
        device: where it trains.
        wanted: "fp32" or "bf16".
        has_volumes: whether there are 3-D convolutions. Their weights' gradients in bfloat16 on a CPU hold
            numbers that nobody has written (torch 2.13, 3x3x3 over two frames: 21 of 40 tries).

    Returns:
        What is used, and a line that says why it is not what was wanted, or None.

    Raises:
        ValueError: for another precision.
    """
    _check_trainable(wanted)
    if wanted == "bf16" and not has_real_bf16(device):
        return "fp32", f"{device_name(device)} only emulates bfloat16, slower than float32: training in fp32"
    if wanted == "bf16" and has_volumes and device.type == "cpu":
        return "fp32", "gradients of 3-D convolutions in bfloat16 are wrong on a CPU: training in fp32"
    return wanted, None


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """Give the context in which a step's losses are computed.

    Args:
        device: where they are computed.
        precision: "fp32" or "bf16".

    Raises:
        ValueError: for another precision.
    """
    _check_trainable(precision)
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _check_trainable(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}")


@contextmanager
def tensor_float_32(is_on: bool) -> Iterator[None]:
    """Allow or forbid TF32 convolutions (10-bit mantissas, GPUs since Ampere) inside the block.

    Matrix products stay in full float32 either way: here they are soft-argmax, splines and small networks.

    torch 2.9 has a second set of switches (`fp32_precision`). Whoever reads the first set (`allow_tf32`)
    after only the second was written gets a RuntimeError, and `torch.compile` reads it up to 2.13 at least.
    Writing the first sets both, so that is done here; reading is done on the second, which never raises.
    Versions that warn of the first set's age are told not to.
    """
    cudnn = torch.backends.cudnn
    parts = torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn, torch.backends.mkldnn.matmul
    with _without_warnings():
        before = [part.fp32_precision for part in parts]
        mode = _product_mode()
        torch.set_float32_matmul_precision("highest")
        cudnn.allow_tf32 = is_on
        if not is_on:  # the line above leaves "none", which would follow torch.backends.fp32_precision
            cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = "ieee"
    try:
        yield
    finally:
        with _without_warnings():
            torch.set_float32_matmul_precision(mode or ("high" if before[0] == "tf32" else "highest"))
            cudnn.allow_tf32 = before[1] == "tf32"
            for part, was in zip(parts, before, strict=True):
                part.fp32_precision = was


def _product_mode() -> str | None:
    """Give "highest", "high" or "medium"; None if torch's two sets of switches disagree."""
    try:
        return torch.get_float32_matmul_precision()
    except RuntimeError:
        return None


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
