"""`fommvg animate`: a portrait moved by a driving video."""

from __future__ import annotations

import argparse
from pathlib import Path

from fommvg_lib.commands import options
from fommvg_lib.config.animate import MOTION_MODES


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describe the command's options."""
    parser = commands.add_parser("animate", help="animate a portrait by a driving video")
    parser.add_argument("--source", required=True, help="picture to animate")
    parser.add_argument("--driving", required=True, help="video, gif or folder of frames that moves it")
    options.add_output_options(parser)
    options.add_model_options(parser)
    options.add_picture_options(parser)
    parser.add_argument(
        "--mode",
        choices=MOTION_MODES,
        default="relative",
        help="whose place and proportions: the source's, the driver's, or the source's as the AVD network of "
        "TPSMM weights sees them (default: relative)",
    )
    parser.add_argument(
        "--adapt-scale", action=argparse.BooleanOptionalAction, default=True, help="relative mode: fit sizes"
    )
    parser.add_argument("--best-frame", default="0", help="driver's reference frame: a number or auto (0)")
    parser.add_argument("--gain", type=float, default=1.0, help="relative, avd: factor on the motion (1)")
    parser.add_argument("--smooth", type=float, default=0.0, help="One-Euro smoothing of keypoints (0: off)")
    parser.add_argument("--audio", default="keep", help="keep, none, or a file (default: keep)")
    parser.add_argument("--paste-back", action="store_true", help="put the result back into the picture")
    parser.add_argument("--side-by-side", action="store_true", help="source | driving | result")
    parser.add_argument("--start", type=float, help="second of the driver to start at")
    parser.add_argument("--end", type=float, help="second of the driver to end at")
    parser.add_argument("--batch", type=options.positive_int, help="frames rendered at once")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Animate and write one video."""
    import numpy as np

    from fommvg_lib import generate
    from fommvg_lib.crop import parse_crop, paste_back
    from fommvg_lib.driving import DrivingVideo
    from fommvg_lib.video_io import VideoWriter, resize_image

    report = options.Report(args)
    best = args.best_frame if args.best_frame == "auto" else options.checked(int, args.best_frame)
    settings = options.checked(
        generate.AnimateOptions, args.mode, args.adapt_scale, best, args.gain, args.smooth
    )
    if settings.remark:
        options.note(settings.remark)
    model = options.load_frame_generator(args)
    generate.check_mode(model, settings)
    image, box, whole = options.prepared_image(args.source, args.crop, model.size)
    crop = parse_crop(args.crop)
    driver = DrivingVideo(args.driving, model.size, crop, args.fps, args.start, args.end)
    if driver.remark:
        options.note(f"{args.driving}: {driver.remark}")
    frames = options.progress(driver.frames(), driver.num_frames, "motion")
    driving_motion = options.checked(generate.extract_motion, model, frames)
    kp_source = generate.extract_motion(model, [image])
    motion = options.checked(generate.carry_over, model, kp_source, driving_motion, settings, driver.fps)
    rendered = options.progress(generate.render_video(model, image, motion), len(motion), "render")
    shown = driver.frames() if args.side_by_side else None
    audio = None if args.audio == "none" else (args.driving if args.audio == "keep" else args.audio)
    audio = audio if args.audio != "keep" or driver.has_audio else None
    writer = VideoWriter(args.out, driver.fps, audio, audio_start_s=args.start or 0.0, audio_end_s=args.end)
    with writer:
        for picture in rendered:
            if args.side_by_side:
                picture = np.concatenate([image, next(shown), picture], axis=1)
            elif args.paste_back:
                picture = paste_back(whole, box, resize_image(picture, (box.height, box.width)))
            writer.write(picture)
    report.wrote(Path(args.out), frames=len(motion), fps=round(driver.fps, 3), audio=bool(audio))
    report.show()
