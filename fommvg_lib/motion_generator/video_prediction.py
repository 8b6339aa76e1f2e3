"""Video prediction (VP): one known frame, all later ones generated (FOMMVG, VP model).

Two forms. `default` is corrected: it works in the space of `MotionScaling`, is conditioned on the clip's
own first frame and gives a displacement that neither drifts nor freezes. `legacy` is the published one,
raw in and out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from fommvg_lib.motion_generator.networks import PredictionNetwork, PublishedPrediction
from fommvg_lib.motion_generator.patterns import check_request, draw_noise, keep_known, known_past
from fommvg_lib.motion_generator.scaling import MotionScaling
from fommvg_lib.motion_generator.stored import StoredGenerator

FORMS = ("default", "legacy")


class VideoPrediction(StoredGenerator):
    """A motion generator that knows the first frame (of several, it looks at the last one only).

    Args:
        num_dims: D, 2K or 6K.
        num_kp: K.
        form: "default" or "legacy".
        noise_dim: noise per frame.
        hidden_dim: width of the LSTM.
        num_components: C, principal components of residual motion.
        num_layers: LSTM layers; the legacy form has one.
        fps: frame rate of what it learned.
        frame_generator_hash: of the frame generator whose motion it learned.
        noise_memory: frames that noise channels remember (`NoiseMemory`); none: white, as in the legacy form.

    Attributes:
        share_touched: after `complete`, the share of generated keypoints that were brought back into range.
    """

    kind = "vp"

    def __init__(
        self,
        num_dims: int,
        num_kp: int,
        form: str = "default",
        noise_dim: int = 32,
        hidden_dim: int = 32,
        num_components: int = 30,
        num_layers: int = 1,
        fps: float | None = None,
        frame_generator_hash: str | None = None,
        noise_memory: Sequence[float] = (),
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f"form {form!r} is neither default nor legacy")
        self.num_dims, self.num_kp, self.form = num_dims, num_kp, form
        self.fps, self.frame_generator_hash = fps, frame_generator_hash
        self.share_touched = 0.0
        self.sizes = {
            "num_dims": num_dims, "num_kp": num_kp, "form": form, "noise_dim": noise_dim,
            "hidden_dim": hidden_dim, "num_components": num_components, "num_layers": num_layers,
            "noise_memory": list(noise_memory),
        }  # fmt: skip
        if form == "legacy":
            self.network = PublishedPrediction(num_dims, num_kp, noise_dim, hidden_dim, num_components)
            return
        self.network = PredictionNetwork(
            num_dims, num_components, noise_dim, hidden_dim, num_layers, noise_memory
        )
        self.scaling = MotionScaling(num_dims, num_kp)
        self.register_buffer("basis", torch.zeros(num_components, num_dims))

    def supports(self, known: Tensor) -> bool:
        """Say whether every row of (B, T) bool knows the same first frames (one or more) and no other."""
        return known_past(known) > 0

    @torch.no_grad()
    def complete(self, motion: Tensor, known: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Predict; see `MotionGenerator.complete`. Of a longer past only the last frame counts."""
        pattern = "the first frame or frames alone are known"
        check_request("vp", pattern, self.supports(known), motion, known, self.num_dims)
        last = known_past(known) - 1
        batch, num_new = known.shape[0], known.shape[1] - last - 1
        device = next(self.parameters()).device
        num_noise = num_new + (self.form == "default")  # the default form draws its start state too
        noise = draw_noise(num_samples, (batch, num_noise, self.network.noise_dim), generator).to(device)
        first = motion[:, last].to(noise).expand(num_samples, -1, -1).flatten(0, 1)  # (S B, D)
        drawn = self._generate(first, noise.flatten(0, 1)).unflatten(0, (num_samples, batch)).to(motion)
        if last:
            past = motion[None, :, :last].expand(num_samples, -1, -1, -1)
            drawn = torch.cat([past, drawn], dim=2)
        return keep_known(drawn, motion, known)

    def _generate(self, first: Tensor, noise: Tensor) -> Tensor:
        if self.form == "legacy":
            return self.network.rollout(first, noise)[0]
        origin = self.scaling.represent(first[:, None], first)[:, 0]
        displacement = self.network(self.scaling.condition(origin), noise) @ self.basis
        motion, touched = self.scaling.restore(self.scaling.displaced(origin, displacement), first)
        self.share_touched = touched[:, 1:].float().mean().item()
        return motion


def translate_published(state: Mapping[str, Tensor], swap_encoders: bool = False) -> dict[str, Tensor]:
    """Turn the published names of the VP or FI parts into those of our fused networks.

    LSTM cells (`frnn.weight_ih`) become single-layer LSTMs (`frnn.weight_ih_l0`). The critic and H keep their
    prefixes `D.` and `H.`.

    Args:
        state: tensors named `<part>.<name>`.
        swap_encoders: exchange ench and encc: the published loader does so whenever it loads a VP checkpoint.

    Returns:
        The same tensors under our names.
    """
    exchanged = {"ench": "encc", "encc": "ench"} if swap_encoders else {}
    renamed = {}
    for name, tensor in state.items():
        part, _, rest = name.partition(".")
        suffix = "_l0" if part in ("frnn", "brnn") else ""
        renamed[f"{exchanged.get(part, part)}.{rest}{suffix}"] = tensor
    return renamed
