"""The processes of a run: one, or several started by torchrun or accelerate's `notebook_launcher`.

Each computes its share of every batch. Gradients are averaged in one flat message after the backward pass,
so that a recipe may call its networks as it likes; buffers (statistics of batch norms) are averaged too, so
that all processes hold the same model. Only the first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import Tensor, nn

from fommvg_lib.files import InputError
from fommvg_lib.share import Share

PATIENCE = timedelta(hours=2)  # the others wait while the first validates, draws and saves


class Processes:
    """This process among its fellows.

    Args:
        device: where this process computes.

    Attributes:
        share: its part of every batch.
        is_main: whether it writes.

    Raises:
        InputError: if several processes were started and accelerate is missing.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count > 1:
            _join(device)
            self.share = Share(torch.distributed.get_rank(), torch.distributed.get_world_size())
        else:
            self.share = Share()
        self.is_main = self.share.index == 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self.share.count

    def mean_(self, tensors: Iterable[Tensor]) -> None:
        """Average floating-point tensors over all processes, in place and in one message."""
        tensors = list(tensors)
        if self.count == 1 or not tensors:
            return
        from accelerate.utils import reduce

        flat = torch.cat([tensor.detach().float().flatten() for tensor in tensors])
        flat = reduce(flat, reduction="mean")
        parts = flat.split([tensor.numel() for tensor in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def any(self, *flags: bool) -> list[bool]:
        """Give for each flag whether it is set in any process."""
        if self.count == 1:
            return list(flags)
        from accelerate.utils import reduce

        counts = reduce(torch.tensor(flags, dtype=torch.float32, device=self.device), reduction="sum")
        return [value > 0 for value in counts.tolist()]

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()

    def synchronised(self, network: nn.Module) -> nn.Module:
        """Make batch norms see the whole batch, where that exists (GPUs)."""
        if self.count == 1 or self.device.type != "cuda":
            return network
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)


def _join(device: torch.device) -> None:
    """Join the processes that a launcher started."""
    try:
        from accelerate import PartialState
    except ImportError as error:
        raise InputError("training in several processes needs accelerate: pip install accelerate") from error
    PartialState(cpu=device.type == "cpu", timeout=PATIENCE)


def local_device_index() -> int:
    """Give the number of the GPU that this process has on its host."""
    return int(os.environ.get("LOCAL_RANK", "0"))
