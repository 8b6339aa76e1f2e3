"""`fommvg animate --data`: many pairs of clips into a folder."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from fommvg_lib.commands import options, sharding
from fommvg_lib.config.animate import AnimateOptions
from fommvg_lib.files import InputError

DEFAULT_PAIRS = 50


def run(args: argparse.Namespace, report: options.Report, settings: AnimateOptions) -> None:
    """Animate the pairs of a clip folder's test split, or those that a table names."""
    from fommvg_lib.clips import open_clips
    from fommvg_lib.landmarks import open_landmarker
    from fommvg_lib.pair_animation import animate_pairs
    from fommvg_lib.video_io.write import VIDEO_SUFFIXES

    if Path(args.out).suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{args.out}: is a file's name; with --data the output is a folder")
    model = options.load_frame_generator(args)
    clips = open_clips(args.data, "test", model.size, cache=None)
    pairs = _choose_pairs(args, clips.names)
    landmarker = None
    if settings.seeks_best_frame:
        landmarker, remarks = open_landmarker(str(model.device))
        for remark in remarks:
            options.note(remark)

    def show(chosen: list) -> object:
        return options.progress(chosen, len(chosen), "pairs")

    shard = sharding.chosen(args.shard)
    result = options.checked(
        animate_pairs, model, clips, pairs, args.out, settings, shard, landmarker, show=show
    )
    for path in result.written:
        report.wrote(path)
    report.set(written_now=len(result.written), already_there=len(result.present))
    report.set(rejected=result.rejected or "none")
    if settings.seeks_best_frame:
        report.set(best_frame_by=dict(result.chosen_by))


def _choose_pairs(args: argparse.Namespace, names: list[str]) -> list:
    """Read or draw the pairs; --best-frame goes before the frames of a table."""
    from fommvg_lib.clip_pairs import draw_pairs, read_pairs

    if args.pairs is not None:
        pairs = read_pairs(args.pairs, names)
        return pairs if args.best_frame is None else [dataclasses.replace(p, frame=None) for p in pairs]
    wanted = args.num_pairs or DEFAULT_PAIRS
    try:
        pairs = options.checked(draw_pairs, names, wanted, args.seed)
    except InputError as error:
        raise InputError(f"{args.data}: {error} in its test split") from error
    if len(pairs) < wanted:
        options.note(f"{args.data}: its {len(names)} test clips make {len(pairs)} pairs, fewer than {wanted}")
    return pairs
