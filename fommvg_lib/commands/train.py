"""`fommvg train`: everything that trains."""

from __future__ import annotations

import argparse
from pathlib import Path

from fommvg_lib.commands import options
from fommvg_lib.config.base import PROFILE_NAMES
from fommvg_lib.config.kinds import CONFIGS


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describe the command's options."""
    parser = commands.add_parser("train", help="train a frame generator or a motion generator")
    parser.add_argument("kind", choices=tuple(CONFIGS))
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", help="preset name (e.g. vox-256) or a YAML file")
    source.add_argument("--profile", choices=PROFILE_NAMES, default="smoke", help="(default: smoke)")
    parser.add_argument(
        "--data", required=True, help="clip folder; motion generators: folder of motion files; or synthetic"
    )
    parser.add_argument("--out", required=True, help="the run folder")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, if there is one")
    parser.add_argument("--init", metavar="W", help="begin with these weights; avd: the TPSMM's")
    parser.add_argument(
        "--frame-generator",
        metavar="W",
        help="motion generators: the weights whose motion is learned; vp with avd_share: with an AVD network",
    )
    parser.add_argument(
        "--clips",
        metavar="DIR",
        help="motion generators: the clips behind --data, for sample pictures",
    )
    parser.add_argument("--stop-after", type=float, metavar="MIN", help="save and end after so many minutes")
    parser.add_argument("--mirror", metavar="DIR", help="keep a copy of the run here; --resume reads it")
    parser.add_argument("--workers", type=int, default=0, help="processes that prepare frames (default: 0)")
    parser.add_argument("--log-every", type=options.positive_int, default=20, help="steps between rows (20)")
    parser.add_argument(
        "--save-every", type=options.positive_int, default=500, help="steps between checkpoints (500)"
    )
    parser.add_argument(
        "--save-minutes",
        type=float,
        default=10,
        help="minutes between checkpoints at most (10; 0: any)",
    )
    parser.add_argument("--keep", type=options.positive_int, default=2, help="checkpoints that stay (2)")
    parser.add_argument("--best", metavar="FIGURE", help="held-out figure that chooses best/ (smaller)")
    parser.add_argument(
        "--accumulate", type=options.positive_int, default=1, help="parts a batch is cut into, to save memory"
    )
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    parser.add_argument("--no-tf32", action="store_true", help="full float32 on GPUs that have TF32")
    parser.add_argument("--time-steps", action="store_true", help="print where the time of a step goes")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")
    options.add_json_option(parser)
    parser.set_defaults(run=run, assignments=[])
    parser.epilog = "Further words key=value change the config, e.g. batch_size=8 model.num_kp=12."


def run(args: argparse.Namespace) -> None:
    """Build the recipe and train it."""
    from fommvg_lib.training.build import build_recipe, read_config
    from fommvg_lib.training.engine import EngineConfig, default_device, fit

    report = options.Report(args)
    config = read_config(args.kind, args.config, None if args.config else args.profile, args.assignments)
    device = default_device(args.device)
    recipe = build_recipe(
        args.kind, config, args.data, device, args.workers, args.init, args.frame_generator, args.clips
    )
    every = args.save_every
    settings = options.checked(
        EngineConfig, args.log_every, every, every, every, args.save_minutes, args.keep, args.best,
        args.accumulate, args.compile, not args.no_tf32, args.time_steps, args.stop_after,
    )  # fmt: skip
    info = {"data": Path(args.data).name, "profile": args.config or args.profile}
    if args.init:
        info["init"] = Path(args.init).name
    result = fit(recipe, args.out, settings, args.resume, info, mirror=args.mirror)
    report.wrote(result.folder, steps=result.step, complete=result.is_complete)
    report.set(**{f"held-out {name}": round(value, 5) for name, value in result.validation.items()})
    report.set(**{f"ms a step, {part}": round(value, 2) for part, value in result.times.items()})
    report.show()
