"""The pipeline: animate, predict, interpolate, reconstruct. Here motion and frame generators meet.

Everything is two steps: make a motion (from a driver, or by a motion generator), then render it. Motion is
small (60 numbers a frame), so it is made whole; frames are streamed, so memory does not grow with length.
Pictures at this level are uint8 (H, W, 3); tensors are float32 (N, C, H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from fommvg_lib.config.animate import AnimateOptions
from fommvg_lib.frame_generator.interface import FrameGenerator
from fommvg_lib.motion import Motion, cat, closest_frame, retarget, smooth
from fommvg_lib.motion_generator.interface import MotionGenerator

EXTRACTION_BATCH = 16


def to_tensor(images: np.ndarray, num_channels: int = 3) -> Tensor:
    """Turn uint8 pictures (N, H, W, 3) into float32 frames (N, C, H, W) in [0, 1]; C = 1 takes the mean."""
    frames = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return frames if num_channels == 3 else frames.mean(1, keepdim=True)


def to_images(frames: Tensor) -> np.ndarray:
    """Turn frames (N, C, H, W) in [0, 1] into uint8 pictures (N, H, W, 3), rounded; grey is repeated."""
    array = (frames.float() * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    return np.repeat(array, 3, axis=3) if array.shape[3] == 1 else array


def extract_motion(
    model: FrameGenerator, images: Iterable[np.ndarray], batch: int = EXTRACTION_BATCH
) -> Motion:
    """Find the keypoints of a stream of pictures.

    Args:
        model: the frame generator.
        images: uint8 (H, W, 3) each, of the model's size.
        batch: how many go through the detector at once.

    Returns:
        (T,) frames of motion on the CPU.

    Raises:
        ValueError: if there is no picture.
    """
    parts, images = [], iter(images)
    while chunk := list(islice(images, batch)):
        parts.append(model.extract(to_tensor(np.stack(chunk), model.num_channels)).to("cpu"))
    if not parts:
        raise ValueError("there is no frame to extract motion from")
    return cat(parts)


def render_video(model: FrameGenerator, image: np.ndarray, motion: Motion) -> Iterator[np.ndarray]:
    """Render a source picture under an absolute motion (T,); yields T pictures, one by one."""
    source = model.encode(to_tensor(image[None], model.num_channels)[0])
    for frames in model.render(source, motion):
        yield from to_images(frames)


def check_mode(model: FrameGenerator, options: AnimateOptions) -> None:
    """Refuse a mode that the model cannot do, before time is spent on the driver.

    Raises:
        InputError: naming the weights, if the mode is avd and they hold no AVD network.
    """
    if options.mode == "avd":
        model.check_avd()


def carry_over(
    model: FrameGenerator,
    kp_source: Motion,
    kp_driving: Motion,
    options: AnimateOptions,
    fps: float = 25.0,
) -> Motion:
    """Turn a driver's motion into the source's: smoothing, reference frame, retargeting.

    With a reference frame i > 0 the published demo renders backward and forward from it and joins the two
    halves; as both halves are relative to frame i, that equals taking frame i as the initial one.

    Args:
        model: the frame generator whose keypoints these are; mode avd asks it.
        kp_source: the source's, leading axis of length 1.
        kp_driving: (T,) frames of the driver.
        options: see `AnimateOptions`.
        fps: the driver's frame rate, for smoothing.

    Returns:
        (T,) frames on the device of `kp_driving`.

    Raises:
        InputError: if the mode is avd and the weights hold no AVD network.
        ValueError: if the reference frame is beyond the driver's end.

    Source: Siarohin et al. 2019, Sec. 3.4; mode avd Zhao and Zhang 2022, animation via disentanglement.
    """
    check_mode(model, options)
    kp_driving = smooth(kp_driving, fps, options.smooth)
    index = closest_frame(kp_source, kp_driving) if options.best_frame == "auto" else int(options.best_frame)
    if index >= len(kp_driving):
        raise ValueError(f"best frame {index} is beyond the driver's {len(kp_driving)} frames")
    if options.mode == "avd":
        return _exaggerated(model.disentangle(kp_source, kp_driving), index, options.gain).to(
            kp_driving.value.device
        )
    initial = kp_driving[index : index + 1]
    return retarget(kp_source, kp_driving, initial, options.mode, options.adapt_scale, options.gain)


def _exaggerated(motion: Motion, index: int, gain: float) -> Motion:
    """Scale a motion's change since one of its frames; a gain of 1 leaves it as it is, to the bit."""
    initial = motion[index : index + 1]
    return motion if gain == 1.0 else retarget(initial, motion, initial, adapt_scale=False, gain=gain)


def animate(
    model: FrameGenerator,
    image: np.ndarray,
    driving: Iterable[np.ndarray],
    options: AnimateOptions | None = None,
    fps: float = 25.0,
) -> Iterator[np.ndarray]:
    """Animate a source picture by a driving video.

    Args:
        model: the frame generator.
        image: the source, uint8 (S, S, 3) of the model's size.
        driving: the driver's pictures, same size; read once, in order.
        options: see `AnimateOptions`.
        fps: the driver's frame rate, for smoothing.

    Yields:
        uint8 (S, S, 3), one for each driving frame.

    Raises:
        InputError: if the mode is avd and the weights hold no AVD network.
        ValueError: if the reference frame is beyond the driver's end.

    Source: Siarohin et al. 2019, Sec. 3.4. The driver's camera is not the source's: there is no background
    motion, as in the published demos.
    """
    options = options or AnimateOptions()
    check_mode(model, options)
    kp_source = extract_motion(model, [image])
    motion = carry_over(model, kp_source, extract_motion(model, driving), options, fps)
    yield from render_video(model, image, motion)


def complete_motion(
    generator: MotionGenerator, given: dict[int, Motion], num_frames: int, num_samples: int, seed: int
) -> list[Motion]:
    """Complete a motion of which some frames are given.

    Args:
        generator: the motion generator.
        given: motion of one frame (leading axis of length 1) by frame number.
        num_frames: T, the given ones included.
        num_samples: how many completions.
        seed: of all randomness.

    Returns:
        `num_samples` motions (T,); given frames are as given.

    Raises:
        ValueError: if the generator does not support this pattern of known frames.
    """
    some = next(iter(given.values()))
    known = torch.zeros(1, num_frames, dtype=torch.bool)
    vectors = torch.full((1, num_frames, some.vectors().shape[-1]), float("nan"))
    for index, motion in given.items():
        known[0, index] = True
        vectors[0, index] = motion.vectors().float().cpu().reshape(-1)
    if not generator.supports(known):
        pattern = ", ".join(str(index) for index in sorted(given))
        raise ValueError(
            f"the {generator.kind} motion generator cannot make {num_frames} frames from frames {pattern}; "
            "flow and linear complete any"
        )
    randomness = torch.Generator().manual_seed(seed)
    completed = generator.complete(vectors, known, num_samples, randomness)  # (S, 1, T, D)
    return [Motion.from_vectors(sample[0], some.num_kp) for sample in completed]


def predict_motions(
    model: FrameGenerator,
    generator: MotionGenerator,
    past: list[np.ndarray],
    num_frames: int,
    num_samples: int = 1,
    seed: int = 0,
    keyframes: dict[int, np.ndarray] | None = None,
) -> list[Motion]:
    """Invent `num_frames` new frames of motion after the given pictures (video prediction).

    Args:
        model: the frame generator.
        generator: the motion generator.
        past: the first pictures, one or more.
        num_frames: how many follow.
        num_samples: how many motions.
        seed: of all randomness.
        keyframes: further known pictures by frame number, counted from the first picture of the past.

    Returns:
        `num_samples` motions (len(past) + num_frames,).

    Raises:
        ValueError: if a keyframe is no new frame, or the motion generator does not support this pattern.
    """
    motion = extract_motion(model, past)
    given = {index: motion[index : index + 1] for index in range(len(past))}
    for index, image in (keyframes or {}).items():
        if not len(past) <= index < len(past) + num_frames:
            raise ValueError(f"keyframe {index}: not among the {num_frames} frames after {len(past) - 1}")
        given[index] = extract_motion(model, [image])
    return complete_motion(generator, given, len(past) + num_frames, num_samples, seed)


def interpolate_motions(
    model: FrameGenerator,
    generator: MotionGenerator,
    keyframes: dict[int, np.ndarray],
    num_samples: int = 1,
    seed: int = 0,
) -> list[Motion]:
    """Invent the motion between given pictures (frame interpolation).

    Args:
        model: the frame generator.
        generator: the motion generator.
        keyframes: pictures by frame number; the least number must be 0, the largest ends the motion.
        num_samples: how many.
        seed: of all randomness.

    Returns:
        `num_samples` motions (T,), T being the largest frame number + 1.
    """
    given = {index: extract_motion(model, [image]) for index, image in sorted(keyframes.items())}
    return complete_motion(generator, given, max(given) + 1, num_samples, seed)


def render_between(
    model: FrameGenerator, keyframes: dict[int, np.ndarray], motion: Motion, blend: bool = True
) -> Iterator[np.ndarray]:
    """Render a motion between given pictures, and beyond the last.

    Args:
        model: the frame generator.
        keyframes: pictures by frame number.
        motion: (T,).
        blend: mix the renders of the two neighbouring keyframes linearly in time, so that each keyframe's own
            picture appears in its place; without, all is rendered from the first (as published).

    Yields:
        T pictures.
    """
    places = sorted(keyframes)
    if not blend:
        yield from render_video(model, keyframes[places[0]], motion)
        return
    for before, after in zip(places, places[1:], strict=False):
        part = motion[before:after]  # a keyframe opens the next stretch
        forward = render_video(model, keyframes[before], part)
        backward = render_video(model, keyframes[after], part)
        for step, (a, b) in enumerate(zip(forward, backward, strict=True)):
            yield _mix(a, b, step / (after - before))
    yield from render_video(model, keyframes[places[-1]], motion[places[-1] :])


def _mix(first: np.ndarray, second: np.ndarray, weight: float) -> np.ndarray:
    mixed = (1 - weight) * first.astype(np.float32) + weight * second.astype(np.float32)
    return np.rint(mixed).astype(np.uint8)


def reconstruct(
    model: FrameGenerator, images: Iterable[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rebuild a clip from its first frame and its own motion; yields (real, rebuilt) pairs, streamed.

    Keypoints are absolute. The camera is the clip's own, so a model that estimates its motion is given it.

    Source: Siarohin et al. 2019, Sec. 4 (reconstruction protocol: absolute keypoints, source = frame 0); the
    background motion Zhao and Zhang 2022, and their public release.
    """
    images, source = iter(images), None
    while chunk := list(islice(images, EXTRACTION_BATCH)):
        frames = to_tensor(np.stack(chunk), model.num_channels)
        source = source or model.encode(frames[0])
        batches = model.render(source, model.extract(frames), model.background(source, frames))
        rebuilt = (image for batch in batches for image in to_images(batch))
        yield from zip(chunk, rebuilt, strict=True)
