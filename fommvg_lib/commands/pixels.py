"""`fommvg interpolate --method cross-fade|cvi`: frames between pictures without a motion representation."""

from __future__ import annotations

import argparse

import numpy as np

from fommvg_lib.commands import options
from fommvg_lib.files import InputError

METHODS = ("cross-fade", "cvi")
CROSS_FADE_SIZE = 256


def run_interpolate(args: argparse.Namespace) -> None:
    """Make the frames between two pictures, or more, in pixels."""
    import torch

    from fommvg_lib.commands import invent

    report = options.Report(args)
    _refuse_what_has_no_effect(args)
    completer = _load(args)
    size = completer.size or args.size or CROSS_FADE_SIZE
    num_between = args.frames or getattr(completer, "num_frames", invent.DEFAULT_BETWEEN + 2) - 2
    ends = {0: args.first, num_between + 1: args.last}
    keyframes = {index: invent.prepared(path, args, size) for index, path in ends.items()}
    keyframes |= invent.read_keyframes(args, size, (1, num_between))
    frames, known = _given(keyframes, num_between + 2, getattr(completer, "num_channels", 3))
    with torch.inference_mode():
        made = options.checked(completer.complete_video, frames, known, args.samples, args.seed)
    videos = [_shown(video, keyframes) for video in made]
    invent.write_videos(args, report, videos, num_between + 2, completer.fps)


def _refuse_what_has_no_effect(args: argparse.Namespace) -> None:
    """Refuse options of motion generators and frame generators, naming the first."""
    given = {
        "--no-blend": not args.blend,
        "--liveliness": args.liveliness is not None,
        "--allow-mismatch": args.allow_mismatch,
        "--precision": args.precision != "fp32",
        "--weights": args.method == "cross-fade" and args.weights is not None,
    }
    for name, is_given in given.items():
        if is_given:
            raise InputError(f"{name}: has no effect with --method {args.method}")


def _load(args: argparse.Namespace):
    from fommvg_lib.pixel_baseline import load_video_completer
    from fommvg_lib.training.engine import default_device
    from fommvg_lib.weights import find_weights

    if args.method == "cross-fade":
        return load_video_completer(args.method)
    if args.weights is None:
        raise InputError(f"--method {args.method}: no weights of it are shipped, name yours by --weights")
    completer = load_video_completer(find_weights(args.weights), default_device(args.device))
    if args.size is not None:
        completer.check_size(args.size)
        completer.size = args.size
    return completer


def _given(keyframes: dict, num_frames: int, num_channels: int):
    """Give frames (T, C, H, W), NaN where unknown, and the pattern (T,)."""
    import torch

    from fommvg_lib.generate import to_tensor

    known = torch.zeros(num_frames, dtype=torch.bool)
    some = next(iter(keyframes.values()))
    frames = torch.full((num_frames, num_channels, *some.shape[:2]), float("nan"))
    for index, image in keyframes.items():
        known[index] = True
        frames[index] = to_tensor(image[None], num_channels)[0]
    return frames, known


def _shown(video, keyframes: dict) -> np.ndarray:
    """Turn (T, C, H, W) into pictures; keyframes are the pictures themselves, unless the video is grey."""
    from fommvg_lib.generate import to_images

    images = to_images(video)
    for index, image in keyframes.items() if video.shape[1] == 3 else ():
        images[index] = image
    return images
