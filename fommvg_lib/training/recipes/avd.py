"""Training the AVD network of a finished TPSMM (Zhao and Zhang 2022, Sec. on animation via disentanglement).

A step: keypoints of two frames of one clip, the driver's stretched at random, from which the network shall
give the driver's own points. The detector stays as it is, in evaluation mode, so that its statistics keep.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fommvg_lib.checkpoints import Weights, save_weights
from fommvg_lib.clips import ClipSet
from fommvg_lib.config.avd import AvdConfig
from fommvg_lib.config.tpsmm_networks import TpsmmModelConfig
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork, random_stretch
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.frame_generator.tpsmm.objective import avd_losses
from fommvg_lib.motion import Motion
from fommvg_lib.share import Share
from fommvg_lib.training.recipe import Batch, Losses, Phase
from fommvg_lib.training.recipes.frames import PairRecipe, held_out_frames, picture
from fommvg_lib.visualize import strip


class AvdRecipe(PairRecipe):
    """The recipe of `train avd`; what it saves is the whole TPSMM with its AVD network.

    Args:
        config: size of the network, data and schedule.
        weights: of the TPSMM.
        train: clips that are learned from.
        test: clips of other identities.
        device: where the networks live.
        num_workers: processes that prepare batches.

    Raises:
        InputError: if the weights are no TPSMM's.
    """

    kind = "avd"
    best_figure = "shift"
    config: AvdConfig

    def __init__(
        self,
        config: AvdConfig,
        weights: Weights,
        train: ClipSet,
        test: ClipSet,
        device: torch.device,
        num_workers: int = 0,
    ) -> None:
        if weights.kind != "tpsmm":
            raise InputError(f"{weights.folder}: holds {weights.kind} weights, AVD is trained on TPSMM's")
        self.weights = weights
        self.tpsmm = Tpsmm.from_weights(weights).to(device).requires_grad_(False)
        super().__init__(config, train, device, num_workers, self.tpsmm.num_channels)
        self.held_out = held_out_frames(test, self.tpsmm.num_channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            network = AvdNetwork(config.network, self.tpsmm.num_kp)
        self.add_network("avd_network", network)
        self.add_optimizer("avd_network", list(network.parameters()), config.lr, (0.5, 0.999))

    @property
    def network(self) -> nn.Module:
        """What trains."""
        return self.networks["avd_network"]

    def phases(self, step: int) -> list[Phase]:
        """Update the AVD network."""
        return [Phase(("avd_network",), self._losses)]

    def _losses(self, batch: Batch, step: int, share: Share) -> Losses:
        source, driving = batch["source"], batch["driving"]
        with torch.no_grad():
            kp_source, kp_driving = self.tpsmm.kp_detector(source), self.tpsmm.kp_detector(driving)
        count = len(source) * share.count
        stretch = share.of(random_stretch(count, self.config.random_scale, self.randomness(step)))
        terms, _ = avd_losses(self.network, kp_source, kp_driving, stretch, self.config.weight)
        return Losses.of(sum(terms.values()), terms)

    @torch.no_grad()
    def validate(self, step: int) -> dict[str, float]:
        """Give on held-out clips the points their own identity and their pose, which should change nothing.

        Returns:
            `shift`, the mean distance of coordinates, and `shift_of_first`, that of the first frame's points.
        """
        network = self.network.eval()
        shifts, stills = [], []
        for clip in self.held_out:
            points = self.tpsmm.kp_detector(clip.to(self.device))
            first, rest = points[:1].expand(len(points) - 1), points[1:]
            shifts.append((network(first, rest).value - rest.value).abs().mean().item())
            stills.append((first.value - rest.value).abs().mean().item())
        return {"shift": float(np.mean(shifts)), "shift_of_first": float(np.mean(stills))}

    @torch.no_grad()
    def pictures(self, step: int) -> dict[str, np.ndarray]:
        """Show pairs of strangers: source, driving, animated by the points themselves, and by AVD."""
        network, rows = self.network.eval(), []
        for source, driving in zip(self.held_out[:4], self.held_out[1:5], strict=False):
            source, driving = source[:1].to(self.device), driving[-1:].to(self.device)
            kp_source, kp_driving = self.tpsmm.kp_detector(source), self.tpsmm.kp_detector(driving)
            row = [picture(source[0], kp_source[0]), picture(driving[0], kp_driving[0])]
            for points in (kp_driving, Motion(network(kp_source, kp_driving).value)):
                row.append(picture(self.tpsmm(source, kp_source, points).prediction[0], points[0]))
            rows.append(row)
        if not rows:
            return {}
        names = ["source", "driving", "absolute", "AVD"]
        return {"strangers": strip(rows, columns=names, factor=max(1, 128 // self.tpsmm.size))}

    def save(self, folder: Path, info: dict[str, Any]) -> str:
        """Write the TPSMM together with this network."""
        config = TpsmmModelConfig.from_dict(self.weights.config).replace(avd=self.config.network)
        state = {
            name: value for name, value in self.weights.state.items() if not name.startswith("avd_network.")
        }
        state |= {f"avd_network.{name}": value for name, value in self.network.state_dict().items()}
        info = {
            **self.weights.info,
            "avd_training": self.config.to_dict(),
            "tpsmm": self.weights.sha256,
            **info,
        }
        return save_weights(folder, "tpsmm", config.to_dict(), state, info)
