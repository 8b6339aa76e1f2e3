"""From the words of a command or a notebook to a recipe: config, data, recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fommvg_lib.checkpoints import load_weights
from fommvg_lib.clips import ClipSet, SyntheticClips, open_clips
from fommvg_lib.config.base import Config
from fommvg_lib.config.kinds import CONFIGS
from fommvg_lib.config.presets import load_config
from fommvg_lib.files import InputError
from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.generate import extract_motion
from fommvg_lib.motion_files import MotionClip, load_motion_set
from fommvg_lib.synthetic import identities
from fommvg_lib.training.recipe import Recipe
from fommvg_lib.training.recipes.autoregressive import AutoregressiveRecipe
from fommvg_lib.training.recipes.avd import AvdRecipe
from fommvg_lib.training.recipes.cvi import CviRecipe
from fommvg_lib.training.recipes.flow import FlowRecipe
from fommvg_lib.training.recipes.fomm import FommRecipe
from fommvg_lib.training.recipes.frame_interpolation import FrameInterpolationRecipe
from fommvg_lib.training.recipes.frgan_setup import build_frgan
from fommvg_lib.training.recipes.landmarks import LandmarksRecipe
from fommvg_lib.training.recipes.rendered import RenderedSamples
from fommvg_lib.training.recipes.tpsmm import TpsmmRecipe
from fommvg_lib.training.recipes.video_prediction import VideoPredictionRecipe
from fommvg_lib.training.recipes.wgan import WganRecipe
from fommvg_lib.weights import DEFAULTS, find_weights

FRAME_RECIPES = {"fomm": FommRecipe, "tpsmm": TpsmmRecipe}
PIXEL_RECIPES = {"cvi": CviRecipe}
MOTION_RECIPES = {
    "vp": VideoPredictionRecipe,
    "fi": FrameInterpolationRecipe,
    "flow": FlowRecipe,
    "wgan": WganRecipe,
    "ar": AutoregressiveRecipe,
}

SYNTHETIC = "synthetic"


def read_config(kind: str, config: str | None, profile: str | None, assignments: list[str]) -> Config:
    """Build a config from a preset or YAML file, or from a profile, and `key=value` changes.

    Raises:
        InputError: for an unknown preset, an unreadable file, or a change that does not fit.
    """
    if config is None:
        return CONFIGS[kind].from_profile(profile or "smoke").with_assignments(assignments)
    return load_config(config, kind).with_assignments(assignments)


def build_recipe(
    kind: str,
    config: Config,
    data: str | Path,
    device: torch.device,
    num_workers: int = 0,
    init: str | Path | None = None,
    frame_generator: str | Path | None = None,
    clips: str | Path | None = None,
) -> Recipe:
    """Build what trains.

    Args:
        kind: one of `CONFIGS`.
        config: of that kind.
        data: a clip folder, or for motion generators a folder of motion files, or "synthetic".
        device: where it trains.
        num_workers: processes that prepare frames.
        init: weights to begin with, a folder or a name; for avd those of the TPSMM,
            for frgan stage=refine those of its first stage; None begins anew.
        frame_generator: for motion generators, the weights whose motion they learn, a folder or a name. They
            make the motion of synthetic heads (None: the shipped FOMM does); with `avd_share` their AVD
            network lends identities. For frgan, the weights whose keypoints are its structure.
        clips: for motion generators, the clip folder whose motion `data` holds: sample pictures show frames
            too, rendered by `frame_generator`. Of synthetic heads they do so always.

    Raises:
        InputError: if the data or the weights cannot be used.
    """
    takes = (*MOTION_RECIPES, "frgan")
    if frame_generator is not None and kind not in takes:
        raise InputError(f"train {kind} takes no --frame-generator, only {', '.join(takes)} do")
    if clips is not None and (
        kind not in MOTION_RECIPES or frame_generator is None or str(data) == SYNTHETIC
    ):
        raise InputError(
            f"{clips}: --clips goes with a motion generator, its motion files and their --frame-generator"
        )
    weights = None if init is None else load_weights(find_weights(init))
    if kind == "avd":
        if weights is None:
            raise InputError("train avd needs --init: the weights of the TPSMM whose keypoints it learns")
        size = int(weights.info.get("size", 256))
        recipe = AvdRecipe(config, weights, *_open_both(data, size), device, num_workers)
    elif kind == "landmarks":
        if str(data) != SYNTHETIC:
            raise InputError(
                f"{data}: train landmarks knows the points of synthetic heads only: --data synthetic"
            )
        recipe = LandmarksRecipe(config, device)
        if weights is not None:
            recipe.start_from(weights)
    elif kind == "frgan":
        recipe = build_frgan(config, data, device, num_workers, weights, frame_generator)
    else:
        from_clips = FRAME_RECIPES | PIXEL_RECIPES
        if kind in from_clips:
            recipe = from_clips[kind](config, *_open_both(data, config.size), device, num_workers)
        else:
            recipe = _build_motion_recipe(kind, config, data, device, frame_generator, clips)
        if weights is not None:
            recipe.start_from(weights)
    if weights is not None:
        recipe.data += f" from {weights.sha256[:16]}"
    return recipe


def _open_both(data: str | Path, size: int) -> tuple[ClipSet, ClipSet]:
    return open_clips(data, "train", size), open_clips(data, "test", size)


def _build_motion_recipe(
    kind: str,
    config: Config,
    data: str | Path,
    device: torch.device,
    frame_generator: str | Path | None,
    clips: str | Path | None,
) -> Recipe:
    weights = None if frame_generator is None else load_weights(find_weights(frame_generator))
    is_synthetic, model, shown = str(data) == SYNTHETIC, None, None
    if is_synthetic or clips is not None:
        model = load_frame_generator(find_weights(frame_generator or DEFAULTS["fomm"]))
    if is_synthetic:
        motion = synthetic_motion(model, "train", config.num_clips, config.clip_frames)
        shown = _heads(model.size, "train", config.num_clips, config.clip_frames)
    else:
        shown = None if clips is None else open_clips(clips, "all", model.size)
        motion = load_motion_set(data, config.fps)
    recipe = MOTION_RECIPES[kind](config, motion, device, weights)
    if shown is not None:
        recipe.rendered = RenderedSamples(model, shown, recipe.train.fps, recipe.held_out.names)
    return recipe


def synthetic_motion(
    model: FrameGenerator, split: str, num_clips: int, num_frames: int, seed: int = 0, show: Any = iter
) -> list[MotionClip]:
    """Extract the motion of synthetic heads with a frame generator.

    Args:
        model: whose keypoints.
        split: "train" or "test" identities.
        num_clips: how many clips; another identity each, or several clips each where there are not enough.
        num_frames: frames of each.
        seed: of the heads.
        show: wraps the list of clips, for a progress bar.

    Returns:
        One motion clip for each.
    """
    clips, made = _heads(model.size, split, num_clips, num_frames, seed), []
    for index in show(range(num_clips)):
        motion = extract_motion(model, clips.frames(index, range(num_frames)))
        name, frame_size = clips.names[index], (model.size, model.size)
        made.append(MotionClip(motion, clips.fps(index), frame_size, name, "", model.weights_hash))
    return made


def _heads(size: int, split: str, num_clips: int, num_frames: int, seed: int = 0) -> SyntheticClips:
    people = min(num_clips, len(identities(split)))
    return SyntheticClips(split, size, num_frames, seed, people, -(-num_clips // people))
