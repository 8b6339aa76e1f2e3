"""Small TPSMMs for tests, with cameras that move and AVD networks whose answer is known."""

from __future__ import annotations

from pathlib import Path

import torch

from fommvg_lib.checkpoints import save_weights
from fommvg_lib.config.fomm_networks import HourglassConfig
from fommvg_lib.config.tpsmm_networks import AvdNetworkConfig, TpsmmModelConfig
from fommvg_lib.frame_generator.tpsmm import AvdNetwork, Tpsmm

TINY_TPSMM = TpsmmModelConfig(
    num_tps=2,
    detector_width=4,
    background_width=4,
    dense_motion=HourglassConfig(4, 2, 8),
    dense_motion_scale=0.5,
    block_expansion=4,
    max_features=8,
    num_down_blocks=2,
    avd=AvdNetworkConfig(20, 20),
)


def small_tpsmm(seed: int = 0, size: int = 32, **changes) -> Tpsmm:
    """A random model in eval mode; its background predictor is not the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Tpsmm(TINY_TPSMM.replace(**changes), size)
        if model.bg_predictor is not None:
            torch.nn.init.normal_(model.bg_predictor.bg_encoder.fc.weight, 0, 0.05)
    return model.eval()


def save_tpsmm(folder: Path, model: Tpsmm, **info) -> str:
    """Write it as a weights folder; give its hash."""
    info = {"size": model.size, **info}
    return save_weights(folder, "tpsmm", model.config.to_dict(), model.state_for_saving(), info)


@torch.no_grad()
def pass_on(network: AvdNetwork, part: str) -> None:
    """Make an AVD network give one of its two arguments, "pose" or "identity", unchanged.

    A number x passes a ReLU as max(x, 0) and max(-x, 0), whose difference it is. Bottlenecks must hold 2K
    numbers.
    """
    size = 2 * network.num_kp
    for stack in (network.id_encoder, network.pose_encoder, network.decoder):
        linears = [layer for layer in stack if isinstance(layer, torch.nn.Linear)]
        for linear in linears:
            linear.weight.zero_()
            linear.bias.zero_()
        first, *middle, last = linears
        behind = first.in_features - size if part == "identity" else 0  # the decoder sees [pose, identity]
        for index in range(size):
            first.weight[index, behind + index], first.weight[size + index, behind + index] = 1, -1
            last.weight[index, index], last.weight[index, size + index] = 1, -1
        for linear in middle:
            linear.weight[: 2 * size, : 2 * size] = torch.eye(2 * size)
        for norm in (layer for layer in stack if isinstance(layer, torch.nn.BatchNorm1d)):
            norm.reset_running_stats()
            norm.weight.fill_((1 + norm.eps) ** 0.5)
            norm.bias.zero_()
