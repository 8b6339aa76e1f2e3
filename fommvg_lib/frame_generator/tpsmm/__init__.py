"""Thin-Plate-Spline Motion Model (Zhao and Zhang, CVPR 2022)."""

from fommvg_lib.frame_generator.tpsmm.avd import AvdNetwork, random_stretch
from fommvg_lib.frame_generator.tpsmm.dropout import draw_kept
from fommvg_lib.frame_generator.tpsmm.model import Tpsmm
from fommvg_lib.frame_generator.tpsmm.objective import avd_losses, generator_losses
from fommvg_lib.frame_generator.tpsmm.transform import random_transform

__all__ = [
    "AvdNetwork",
    "Tpsmm",
    "avd_losses",
    "draw_kept",
    "generator_losses",
    "random_stretch",
    "random_transform",
]
