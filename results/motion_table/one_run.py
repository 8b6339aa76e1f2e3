"""One run of the table: open the motion, train a method for some minutes of CPU time, measure it."""

from __future__ import annotations

import argparse
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fommvg_lib.clips.interface import identity_of
from fommvg_lib.config.base import Config
from fommvg_lib.config.kinds import CONFIGS
from fommvg_lib.files import InputError, write_text
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.landmark_motion import is_landmark_motion, landmark_motion
from fommvg_lib.metrics.battery import MotionYardstick, RealClips, measure_motion
from fommvg_lib.metrics.measured import split_identities
from fommvg_lib.motion_files import MotionClip, load_motion_set, save_motion
from fommvg_lib.motion_generator import UNTRAINED, load_motion_generator
from fommvg_lib.packed_motion import PackedMotion
from fommvg_lib.run_record import plain, read_json, versions, write_json
from fommvg_lib.synthetic import TEST_IDENTITIES, TRAIN_IDENTITIES
from fommvg_lib.training.build import MOTION_RECIPES, synthetic_motion
from fommvg_lib.training.engine import EngineConfig, TrainingResult, fit
from fommvg_lib.weights import DEFAULTS, find_weights

REAL, LEGACY = "real", "-legacy"
TASKS = {
    "video_prediction": (16, (0,)),
    "frame_interpolation": (16, (0, 15)),
    "long_prediction": (60, (0,)),
}
"""Frames of a window, and which of them are known."""
NUM_SAMPLES = 5
LOG_EVERY = 10
SETTINGS = ("motion", "minutes", "train_clips", "test_clips", "max_windows", "draws")


@dataclass(frozen=True)
class MotionSet:
    """Training clips, held-out clips of other people."""

    train: PackedMotion
    test: PackedMotion


def open_motion(args: argparse.Namespace) -> MotionSet:
    """Make or read the motion set that is named.

    Raises:
        InputError: if it is neither of the two by name nor a folder with `train` and `test`.
    """
    if args.motion == "landmarks":
        clips = {
            "train": _landmarks("train", len(TRAIN_IDENTITIES), args.train_clips, 128),
            "test": _landmarks("test", len(TEST_IDENTITIES), args.test_clips, 64),
        }
    else:
        folder = fomm_motion(args) if args.motion == "fomm" else Path(args.motion)
        for split in ("train", "test"):
            if not (folder / split).is_dir():
                raise InputError(f"{folder}: has no folder {split} (a motion set holds train and test)")
        clips = {split: load_motion_set(folder / split, args.fps) for split in ("train", "test")}
    return MotionSet(*(PackedMotion.from_clips(clips[split]) for split in ("train", "test")))


def _landmarks(split: str, most: int, count: int, num_frames: int) -> list[MotionClip]:
    people = min(count, most)
    return landmark_motion(split, people, -(-count // people), num_frames)[:count]


def fomm_motion(args: argparse.Namespace) -> Path:
    """Give the folder of the shipped FOMM's motion of synthetic heads; made once."""
    model = load_frame_generator(find_weights(DEFAULTS["fomm"]))
    folder = args.runs / f"fomm-{model.weights_hash[:12]}-{args.train_clips}-{args.test_clips}"
    for split, count, length in (("train", args.train_clips, 128), ("test", args.test_clips, 64)):
        if (folder / split / "made").is_file():
            continue
        for clip in synthetic_motion(model, split, count, length):
            save_motion(folder / split / f"{clip.name}.safetensors", clip)
        write_text(folder / split / "made", "whole\n")
    return folder


def config_of(method: str, seed: int) -> Config:
    """Give the settings of a method that trains: profile `shipped`, or published ones of the legacy form."""
    kind = method.removesuffix(LEGACY)
    if method == kind:
        return CONFIGS[kind].from_profile("shipped", seed=seed)
    changes: dict[str, Any] = {"form": "legacy", "seed": seed}
    if hasattr(CONFIGS[kind](), "avd_share"):
        changes["avd_share"] = 0.0  # no motion of these has an AVD network
    return CONFIGS[kind].from_profile("full", **changes)


def train(kind: str, config: Config, data: PackedMotion, folder: Path, minutes: float) -> dict[str, Any]:
    """Train for so many minutes of CPU time in a folder; say what was done.

    Steps are counted out beforehand from a short trial, so that schedules end with the time. Epochs keep
    their number, as schedules count in them, and get shorter.
    """
    budget = 60 * minutes
    trial = min(5.0, 0.2 * budget)
    result, stamps = _fit(kind, config.replace(epoch_size=10**6), data, folder, trial)
    has_warmed_up = result.step >= 3 * LOG_EVERY
    begin, first = (stamps[0], LOG_EVERY) if has_warmed_up else (0.0, 0)
    seconds_a_step = (stamps[-1] - begin) / (result.step - first)
    steps = max(LOG_EVERY, int(0.97 * budget / seconds_a_step))
    epochs = min(config.num_epochs, steps)
    config = config.replace(num_epochs=epochs, epoch_size=max(1, steps // epochs))
    result, stamps = _fit(kind, config, data, folder, budget)
    done = {"steps": result.step, "planned_steps": config.num_epochs * config.epoch_size}
    return {**done, "cpu_seconds": round(stamps[-1], 1), "config": config.to_dict()}


def _fit(
    kind: str, config: Config, data: PackedMotion, folder: Path, seconds: float
) -> tuple[TrainingResult, list[float]]:
    """Train anew until the schedule ends or so much CPU time is spent; give CPU times at each log too.

    Raises:
        SystemExit: if somebody else asked it to end.
    """
    shutil.rmtree(folder, ignore_errors=True)
    recipe = MOTION_RECIPES[kind](config, data)
    recipe.validate = lambda step: {}  # what is measured is measured below, and on other clips
    stamps: list[float] = []
    began = time.process_time()

    def watch(_: Path) -> None:
        stamps.append(time.process_time() - began)
        if stamps[-1] >= seconds:
            signal.raise_signal(signal.SIGTERM)  # how a run is asked to save and end

    settings = EngineConfig(
        log_every=LOG_EVERY, validate_every=0, pictures_every=0, checkpoint_every=0, checkpoint_minutes=0
    )
    result = fit(recipe, folder, settings, show_progress=False, on_log=watch)
    if not result.is_complete and not (stamps and stamps[-1] >= seconds):
        raise SystemExit(f"{folder}: interrupted after {result.step} steps, nothing is recorded")
    return result, stamps


def windows_of(motion: PackedMotion, length: int, most: int) -> tuple[RealClips, RealClips]:
    """Part held-out windows into truth and reference, of different people, equally many of each.

    Raises:
        InputError: if there are fewer than two windows of either.
    """
    rows, names = [], []
    for index, name in enumerate(motion.names):
        starts = motion.window_starts(index, length, length).tolist()
        rows += starts
        names += [identity_of(name)] * len(starts)
    parts = split_identities(names)
    count = min(most, *(len(part) for part in parts))
    if count < 2:
        raise InputError(f"the held-out motion has too few people with {length} frames for two sets of clips")
    sets = []
    for part in parts:
        chosen = [part[i] for i in torch.linspace(0, len(part) - 1, count).long()]
        frames = torch.stack([motion.vectors[rows[i] : rows[i] + length] for i in chosen])
        sets.append(RealClips(frames, [names[i] for i in chosen]))
    return sets[0], sets[1]


def measure(generator: Any, data: MotionSet, args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Measure a motion generator in every task that it supports; None measures real clips in its place."""
    num_kp, figures = data.train.num_kp, {}
    has_faces = is_landmark_motion(data.train.weights_hash, num_kp)
    for task, (length, places) in TASKS.items():
        known = torch.isin(torch.arange(length), torch.tensor(places))
        truth, reference = windows_of(data.test, length, args.max_windows)
        pattern = known.expand(len(truth.windows), -1)
        if generator is None:
            samples = truth.windows[None]
        elif not generator.supports(pattern) or (generator.kind == "linear" and len(places) == 1):
            continue  # a straight line from one frame is its copy
        else:
            given = truth.windows.masked_fill(~pattern[..., None], float("nan"))
            randomness = torch.Generator().manual_seed(seed)
            samples = generator.complete(given, pattern, NUM_SAMPLES, randomness)
        yardstick = MotionYardstick.fit(data.train, length, has_faces)
        figures[task] = measure_motion(
            samples, truth, reference, known, yardstick, num_kp, data.train.fps, num_draws=args.draws
        )
    return plain(figures)


def run_one(method: str, seed: int, args: argparse.Namespace) -> None:
    """Train and measure one method with one seed; write its JSON file last."""
    torch.set_num_threads(1)
    began, data = time.monotonic(), open_motion(args)
    done: dict[str, Any] = {"method": method, "seed": seed, "settings": settings_of(args)}
    done["motion"] = {"train": data.train.fingerprint(), "test": data.test.fingerprint()}
    generator, folder = None, args.runs / args.out.name / f"{method}-{seed}"
    if method in UNTRAINED:
        generator = load_motion_generator(method, "cpu", data.train.num_dims, data.train.num_kp)
    elif method != REAL:
        kind = method.removesuffix(LEGACY)
        done |= train(kind, config_of(method, seed), data.train, folder, args.minutes)
        generator = load_motion_generator(folder, "cpu", data.train.num_dims, data.train.num_kp)
    done["figures"] = measure(generator, data, args, seed)
    done |= {"seconds": round(time.monotonic() - began, 1), "versions": versions()}
    write_json(record_of(method, seed, args), done)


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """Give what must be equal for runs to stand in one table."""
    settings = {
        name: plain(Path(args.motion) if name == "motion" else getattr(args, name)) for name in SETTINGS
    }
    return settings | ({"fps": args.fps} if args.fps else {})


def record_of(method: str, seed: int, args: argparse.Namespace) -> Path:
    """Give the JSON file of a run."""
    return args.out / "runs" / f"{method}-{seed}.json"


def is_made(path: Path, settings: dict[str, Any]) -> bool:
    """Say whether a run's JSON file is there.

    Raises:
        InputError: if it was made with other settings.
    """
    if not path.is_file():
        return False
    theirs = read_json(path).get("settings")
    if theirs != settings:
        raise InputError(f"{path}: was made with other settings ({theirs}); choose another --out")
    return True
