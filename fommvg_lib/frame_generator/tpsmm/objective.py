"""What the TPSMM's training minimises (Zhao and Zhang 2022, as weighted by the public release).

The order of forward passes is fixed, as batch norm's running statistics depend on it: keypoints of the
source, of the driving frame, background, dense motion, inpainting, keypoints of the transformed frame,
background with the frames exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from fommvg_lib import losses
from fommvg_lib.config.tpsmm import TpsmmConfig
from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork
from fommvg_lib.frame_generator.tpsmm.inpainting import Generated
from fommvg_lib.frame_generator.tpsmm.losses import background_cycle, feature_warp
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.frame_generator.tpsmm.thin_plate_spline import ThinPlateSpline
from fommvg_lib.motion import Motion


@dataclass(frozen=True)
class Forward:
    """What a training step computed on the way, for pictures.

    Attributes:
        generated: the prediction (B, C, H, W) and the motion behind it.
        kp_source: keypoints of the source.
        kp_driving: keypoints of the driving frame.
        background: the camera's motion (B, 3, 3); None where it is not estimated yet.
        transformed_frame: the driving frame under the random transform; None without equivariance loss.
        transformed_kp: its keypoints; None likewise.
    """

    generated: Generated
    kp_source: Motion
    kp_driving: Motion
    background: Tensor | None
    transformed_frame: Tensor | None
    transformed_kp: Motion | None


def generator_losses(
    model: Tpsmm,
    source: Tensor,
    driving: Tensor,
    transform: ThinPlateSpline,
    config: TpsmmConfig,
    perceptual: nn.Module | None,
    use_background: bool = False,
    kept: Tensor | None = None,
) -> tuple[dict[str, Tensor], Forward]:
    """Compute the terms for all networks but the AVD network.

    Args:
        model: what trains.
        source: (B, C, H, W) in [0, 1].
        driving: same shape.
        transform: of the equivariance loss, one for each item.
        config: weights.
        perceptual: what `perceptual.build_perceptual` gave.
        use_background: estimate the camera's motion, as `config.uses_background(epoch)` says.
        kept: (B, K + 1) bool from `draw_kept`, while TPS dropout is active; None for all.

    Returns:
        Weighted scalar terms by name, whose sum is minimised, and what was computed on the way.

    Raises:
        ValueError: if the background is to be estimated and the model has no network for it.
    """
    weights = config.loss_weights
    kp_source = model.kp_detector(source)
    kp_driving = model.kp_detector(driving)
    background = model.predict_background(source, driving) if use_background else None
    shown = driving if weights.warp else None
    generated = model(source, kp_source, kp_driving, background, kept, shown)
    terms: dict[str, Tensor] = {}
    if perceptual is not None and any(weights.perceptual):
        terms[perceptual.name] = perceptual(generated.prediction, driving)
    transformed_frame = transformed_kp = None
    if weights.equivariance_value:
        transformed_frame = transform.frame(driving)
        transformed_kp = model.kp_detector(transformed_frame)
        carried = transform.points(transformed_kp.value)
        value = losses.equivariance_value(kp_driving.value, carried)
        terms["equivariance_value"] = weights.equivariance_value * value
    if weights.warp:
        terms["warp"] = weights.warp * feature_warp(generated.driving_maps, generated.warped_maps)
    if background is not None and weights.background:
        value = background_cycle(background, model.predict_background(driving, source))
        terms["background"] = weights.background * value
    forward = Forward(generated, kp_source, kp_driving, background, transformed_frame, transformed_kp)
    return terms, forward


def avd_losses(
    network: AvdNetwork, kp_source: Motion, kp_driving: Motion, stretch: Tensor, weight: float = 1.0
) -> tuple[dict[str, Tensor], Motion]:
    """Compute the AVD network's term: mean |p_D - AVD(identity p_S, pose s p_D)|.

    Args:
        network: what trains.
        kp_source: keypoints of one frame of each clip (B, 5K, 2), without a graph.
        kp_driving: those of another frame of the same clip.
        stretch: s, (B, 1, 2), from `random_stretch`.
        weight: of the term (published `lambda_shift`: 1).

    Returns:
        The weighted term by name, and the points that the network gave.
    """
    made = network(kp_source, Motion(kp_driving.value * stretch))
    return {"shift": weight * losses.l1(kp_driving.value, made.value)}, made
