"""Make the README's moving picture with the shipped weights: `python results/readme/make_hello.py`.

Upper row: source, driver (another identity), result. Lower row: three invented motions of the same source.
Identities are held out; nothing is chosen among several runs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fommvg_lib.frame_generator import load_frame_generator
from fommvg_lib.generate import animate, predict_motions, render_video
from fommvg_lib.motion_generator import load_motion_generator
from fommvg_lib.synthetic import identities, render_clip
from fommvg_lib.video_io import VideoWriter
from fommvg_lib.weights import DEFAULTS, find_weights

NUM_FRAMES = 36
STEP = 3  # every third frame, at the model's own size: small files load fast


def main() -> None:
    """Write hello.gif beside this file."""
    people = identities("test")
    source = render_clip(people[7], 0, 1).frames[0]
    driver = render_clip(people[0], 0, NUM_FRAMES).frames
    model = load_frame_generator(DEFAULTS["fomm"])
    moved = list(animate(model, source, driver))
    generator = load_motion_generator(find_weights(DEFAULTS["vp"]))
    motions = predict_motions(model, generator, [source], NUM_FRAMES - 1, num_samples=3, seed=0)
    invented = [list(render_video(model, source, motion)) for motion in motions]
    with VideoWriter(Path(__file__).with_name("hello.gif"), 25 / STEP) as writer:
        for t in range(0, NUM_FRAMES, STEP):
            upper = np.concatenate([source, driver[t], moved[t]], axis=1)
            lower = np.concatenate([video[t] for video in invented], axis=1)
            writer.write(np.concatenate([upper, lower]))


if __name__ == "__main__":
    main()
