"""One training step: for each phase of a recipe forward, backward, average, check, move.

A phase's loss reaches only the parameters that its optimisers move. With accumulation the batch is cut into
parts and every phase runs over all of them before it moves: without batch statistics the step is the same.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fommvg_lib.files import RunError
from fommvg_lib.precision import autocast, training_precision
from fommvg_lib.training.clock import StepClock
from fommvg_lib.training.processes import Processes
from fommvg_lib.training.recipe import Batch, Losses, Phase, Recipe


class NonFiniteError(RunError):
    """A loss or gradient became infinite or not a number; raised before it could reach the weights.

    Attributes:
        step: number of the step, counted from 1.
        names: the terms.
        terms: all terms of the phase.
        batch: this process's share of the batch.
    """

    def __init__(self, step: int, names: list[str], terms: dict[str, float], batch: Batch) -> None:
        super().__init__(f"{', '.join(names)} became non-finite in step {step}")
        self.step, self.names, self.terms, self.batch = step, names, terms, batch


class Updater:
    """Does a recipe's steps.

    Args:
        recipe: says what a step is.
        processes: this one and its fellows.
        num_parts: into how many parts a process cuts its share of the batch (gradient accumulation).
        clock: takes the time of the parts of a step.
    """

    def __init__(
        self, recipe: Recipe, processes: Processes, num_parts: int = 1, clock: StepClock | None = None
    ) -> None:
        self.recipe, self.processes, self.num_parts = recipe, processes, num_parts
        self.clock = clock or StepClock(recipe.device, is_on=False)
        self._modules = [module for network in recipe.networks.values() for module in network.modules()]
        has_volumes = any(isinstance(module, torch.nn.Conv3d) for module in self._modules)
        self.precision, remark = training_precision(recipe.device, recipe.precision, has_volumes)
        if remark and processes.is_main:
            print(remark, file=sys.stderr)
        self._parameters = {
            name: [p for group in optimizer.param_groups for p in group["params"]]
            for name, optimizer in recipe.optimizers.items()
        }
        for optimizer in recipe.optimizers.values():
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", group["lr"])

    def __call__(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Do step `step`, counted from 0.

        Args:
            batch: this process's share of the global batch, on any device.
            step: decides learning rates and noise.

        Returns:
            The terms of all phases, means over the batch's parts and the processes, and
            `grad_norm_<optimiser>`.

        Raises:
            NonFiniteError: before anything was moved by such a value.
        """
        self._set_learning_rates(step)
        if not all(module.training for module in self._modules):  # a validation lies behind us
            for network in self.recipe.networks.values():
                network.train()
        parts = [_to_device(part, self.recipe.device) for part in _cut(batch, self.num_parts)]
        terms: dict[str, Tensor] = {}
        for phase in self.recipe.phases(step):
            losses = [self._backward(phase, part, step, index) for index, part in enumerate(parts)]
            with self.clock.part("optimiser"):
                terms |= self._move(phase, losses, step, batch)
        with self.clock.part("optimiser"):
            self._average_buffers()
            self.recipe.move_averages(step)
        return terms

    def _set_learning_rates(self, step: int) -> None:
        factor = self.recipe.learning_rate_factor(step)
        for optimizer in self.recipe.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def _backward(self, phase: Phase, part: Batch, step: int, index: int) -> Losses:
        """Add one part's gradients to the parameters that the phase moves."""
        share = self.processes.share.within(index, self.num_parts)
        with self.clock.part("forward"), autocast(self.recipe.device, self.precision):
            losses = phase.losses(part, step, share)
        with self.clock.part("backward"):
            parameters = [p for name in phase.optimizers for p in self._parameters[name]]
            (losses.total / self.num_parts).backward(inputs=parameters)
        return Losses(losses.total.detach(), losses.terms)

    def _move(self, phase: Phase, losses: Sequence[Losses], step: int, batch: Batch) -> dict[str, Tensor]:
        gradients = {
            name: [p.grad for p in self._parameters[name] if p.grad is not None] for name in phase.optimizers
        }
        means = _means(losses)
        # The losses travel with the gradients, so that all processes see a bad one and stop together.
        self.processes.mean_([*(gradient for part in gradients.values() for gradient in part), means])
        norms = [_norm(part, means) for part in gradients.values()]
        names = ["total", *losses[0].terms, *(f"grad_norm_{name}" for name in gradients)]
        values = torch.stack([*means.unbind(), *norms])
        self._check_finite(names, values, step, batch)
        if phase.before:
            phase.before()
        for name in phase.optimizers:
            self.recipe.optimizers[name].step()
            self.recipe.optimizers[name].zero_grad(set_to_none=True)
        if phase.after:
            phase.after()
        return dict(zip(names[1:], values[1:].unbind(), strict=True))

    def _check_finite(self, names: Sequence[str], values: Tensor, step: int, batch: Batch) -> None:
        if math.isfinite(values.sum().item()):  # the one wait for a GPU in a phase
            return
        terms = dict(zip(names, values.tolist(), strict=True))
        bad = [name for name, value in terms.items() if not math.isfinite(value)]
        if not bad:  # only their sum is too large
            return
        losses = [name for name in bad if not name.startswith("grad_norm_") and name != "total"]
        raise NonFiniteError(step + 1, losses or bad, terms, batch)

    def _average_buffers(self) -> None:
        """Keep the statistics of batch norms equal in all processes."""
        if self.processes.count > 1:
            networks = self.recipe.networks.values()
            self.processes.mean_(b for net in networks for b in net.buffers() if b.is_floating_point())


def _cut(batch: Batch, num_parts: int) -> list[Batch]:
    """Cut a batch along its first dimension into equal parts."""
    if num_parts == 1:
        return [dict(batch)]
    size = len(next(iter(batch.values()))) // num_parts
    return [
        {name: values[index * size : (index + 1) * size] for name, values in batch.items()}
        for index in range(num_parts)
    ]


def _means(losses: Sequence[Losses]) -> Tensor:
    """Give the means (1 + n,) over parts of a batch: of the total, then of the terms in their order."""
    rows = [torch.stack([part.total, *part.terms.values()]).float() for part in losses]
    return rows[0] if len(rows) == 1 else torch.stack(rows).mean(dim=0)


def _to_device(batch: Batch, device: torch.device) -> Batch:
    return {name: _moved(values, device) for name, values in batch.items()}


def _moved(values: Any, device: torch.device) -> Any:
    if not isinstance(values, Tensor):
        return values
    if values.dim() == 4:  # images
        return values.to(device, memory_format=torch.channels_last, non_blocking=True)
    return values.to(device, non_blocking=True)


def _norm(gradients: Sequence[Tensor], like: Tensor) -> Tensor:
    """Give the Euclidean norm of all gradients together, as `torch.nn.utils.get_total_norm`, sooner."""
    if not gradients:
        return like.new_zeros(())
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
