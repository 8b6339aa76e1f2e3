"""`fommvg animate --method frgan`: the same task in pixel space, by structure instead of by warping."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from fommvg_lib.commands import options
from fommvg_lib.config.frgan import STRUCTURES
from fommvg_lib.files import InputError

METHODS = ("motion", "frgan")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe what chooses the method."""
    group = parser.add_argument_group("pixel space")
    group.add_argument(
        "--method",
        choices=METHODS,
        default="motion",
        help="motion: the frame generator warps the source; frgan: FRGAN weights (--weights) paint it anew "
        "where its structure moves (default: motion)",
    )
    group.add_argument(
        "--structure", choices=STRUCTURES, help="frgan: the structure its weights must have learned"
    )
    group.add_argument(
        "--frame-generator", metavar="W", help="frgan with kp structure: whose keypoints (default: shipped)"
    )


def prepare(args: argparse.Namespace, settings: Any) -> tuple[Any, Any, Any, Any, Callable[[], Iterator]]:
    """Read everything and find the structure.

    Returns:
        The driver, the source picture, its box and the whole picture, and what makes the pictures.

    Raises:
        InputError: for options that do not belong together, or weights or frames that cannot be used.
    """
    from fommvg_lib.crop import parse_crop
    from fommvg_lib.driving import DrivingVideo
    from fommvg_lib.generate import to_images, to_tensor

    if args.data is not None:
        raise InputError("--method frgan: animates one source, not --data")
    animator = _open(args, settings)
    model, crop = animator.model, args.crop or "face"
    image, box, whole = options.prepared_image(args.source, crop, model.size)
    where = parse_crop(args.driving_crop or crop)
    driver = DrivingVideo(args.driving, model.size, where, args.fps, args.start, args.end)
    if driver.remark:
        options.note(f"{args.driving}: {driver.remark}")
    still = animator.finder.find([image], args.source)[0]
    frames = options.progress(driver.frames(), driver.num_frames, "structure")
    moving = animator.finder.find(frames, args.driving)
    source = to_tensor(image[None], model.num_channels)[0]
    video = options.checked(animator.animate_points, source, still, moving, driver.fps)
    return driver, image, box, whole, lambda: iter(to_images(video))


def _open(args: argparse.Namespace, settings: Any) -> Any:
    from fommvg_lib.frame_generator import load_frame_generator
    from fommvg_lib.structured_video import FrganAnimator, load_frgan
    from fommvg_lib.training.engine import default_device
    from fommvg_lib.weights import DEFAULTS, find_weights

    if not args.weights:
        raise InputError("--method frgan: no FRGAN weights are shipped, name yours by --weights")
    if settings.seeks_best_frame:
        raise InputError("--method frgan: --best-frame takes a number")
    device = default_device(args.device)
    model = load_frgan(find_weights(args.weights), device)
    kind = model.structure.kind
    if args.structure not in (None, kind):
        raise InputError(f"{args.weights}: learned {kind} structure, not {args.structure}")
    if kind != "kp" and args.frame_generator:
        raise InputError(f"--frame-generator: says nothing about {kind} structure")
    generator = None
    if kind == "kp":
        name = find_weights(args.frame_generator or DEFAULTS["fomm"])
        generator = load_frame_generator(name, device=device)
        if generator.size != model.size:
            generator.check_size(model.size)
    model.batch_size = args.batch or model.batch_size
    return FrganAnimator(model, generator, settings)
