"""First Order Motion Model (Siarohin et al., NeurIPS 2019)."""

from fommvg_lib.frame_generator.fomm.discriminator import MultiScaleDiscriminator
from fommvg_lib.frame_generator.fomm.model import Fomm
from fommvg_lib.frame_generator.fomm.objective import discriminator_loss, generator_losses
from fommvg_lib.frame_generator.fomm.transform import Transform, random_transform

__all__ = [
    "Fomm",
    "MultiScaleDiscriminator",
    "Transform",
    "discriminator_loss",
    "generator_losses",
    "random_transform",
]
