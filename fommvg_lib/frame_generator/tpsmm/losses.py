"""Losses of the TPSMM beyond those shared with the FOMM: pure functions, each giving a scalar."""

from __future__ import annotations

import torch
from torch import Tensor

from fommvg_lib.losses import l1


def feature_warp(driving_maps: list[Tensor], warped_maps: list[Tensor]) -> Tensor:
    """Give sum_i mean |E_i(D) - W(E_i(S))|: warped features of the source look like the driving frame's.

    Args:
        driving_maps: features of the driving frame, masked; one for each size of the encoder.
        warped_maps: features of the source, warped and masked, same shapes.

    Source: Zhao and Zhang 2022, warp loss.
    """
    terms = [l1(a, b) for a, b in zip(driving_maps, warped_maps, strict=True)]
    return torch.stack(terms).sum()


def background_cycle(forward: Tensor, backward: Tensor) -> Tensor:
    """Give mean |I - B(S, D) B(D, S)|: the camera's motion there and back is none.

    Args:
        forward: (B, 3, 3).
        backward: the frames exchanged, (B, 3, 3).

    Source: Zhao and Zhang 2022, background loss.
    """
    product = (forward[..., :, :, None] * backward[..., None, :, :]).sum(-2)  # (B, 3, 3)
    return l1(product, torch.eye(3, dtype=product.dtype, device=product.device))
