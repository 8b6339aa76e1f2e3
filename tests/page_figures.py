"""Every measured number that a page tells, and the run files it comes from; `test_pages` compares them.

A row: page, its words with places for figures, and where each figure lies, see `run_figures`.
"""

from __future__ import annotations

from tests.run_figures import (
    COURSE,
    MOTION,
    Source,
    ablated,
    course,
    curve,
    entry,
    evaluated,
    least,
    lowest,
    mean,
    most,
    motions,
    over_linear,
    over_real,
    seeds_of,
    share_of_making,
    shipped_hours,
    spikes,
    stability,
    times,
)

BLUR = "metric_sight/content_bias blur_that_costs_as_much"
VIDEO = "random_video_distance"
BETWEEN = "figures.frame_interpolation.frechet_displacement.value"
BLINKS = "figures.video_prediction.blink_rate.value"
LANDMARKS = "motion_table/landmarks/runs"
FACES, ONE_FRAME = "motion_table/faces/runs", "figures.video_prediction"
TASKS = ("video_prediction", "frame_interpolation")
METHODS = ("real", "copy-first-frame", "linear", "ar", "wgan", "vp-legacy", "vp", "fi-legacy", "fi", "flow")


def motion_rows() -> list[tuple[str, str, list[Source]]]:
    """Make the rows of the motion table's summary: means over seeds, in four columns."""
    columns = [(table, task) for table in ("landmarks", "fomm") for task in TASKS]
    skipped = {"copy-first-frame": TASKS[1]}
    rows = []
    for method in METHODS:
        cells: list[list[Source]] = [
            [mean(*seeds_of(table, task, method, name)) for name in MOTION]
            if seeds_of(table, task, method, MOTION[0]) and skipped.get(method) != task
            else []
            for table, task in columns
        ]
        words = [" {:,.0f}, {:,.0f}, {:,.0f} " if cell else " " for cell in cells]
        figures = [figure for cell in cells for figure in cell]
        rows.append(("results/motion_table/README.md", f"| {method} |{'|'.join(words)}|", figures))
    return rows


ABLATION = {
    "vp-default": "**default form**",
    "vp-default-score-off": "without energy score",
    "vp-default-noise-white": "white noise",
    "vp-default-unscaled": "no units of its own for each number",
    "vp-default-moments-off": "without moment matching",
    "vp-default-moments-legacy": "moment matching as published",
    "vp-default-critic-off": "without critic",
    "vp-default-critic-blind": "critic blind to the start frame",
    "vp-default-span-8-start": "critic of 8 differences that sees the start frame",
    "vp-default-span-1-blind": "critic of single differences, blind",
    "vp-default-start-random": "start frames unrelated to the window",
    "vp-default-ema-off": "no running mean of weights",
    "vp-legacy": "**published form**",
    "vp-legacy-moments-fixed": "brought into it: moment matching mended",
    "vp-legacy-start-own": "brought into it: own start frames",
    "vp-legacy-steps-all": "brought into it: all steps judged at once",
    "vp-legacy-span-8-start": "brought into it: critic of 8 differences that sees the start frame",
    "vp-legacy-all": "brought into it: all corrections, rates of short trainings",
    "fi-default": "**default form**",
    "fi-default-score-off": "without energy score",
    "fi-default-noise-white": "white noise",
    "fi-default-unscaled": "no units of its own for each number",
    "fi-default-moments-off": "without moment matching",
    "fi-default-critic-off": "without critic",
    "fi-default-critic-blind": "critic blind to both ends",
    "fi-default-best": "and the best of three samples pulled",
    "fi-default-recovery": "with noise recovery",
    "fi-default-start-random": "ends unrelated to the window",
    "fi-default-ema-off": "no running mean of weights",
    "fi-legacy": "**published form**",
    "fi-legacy-start-own": "brought into it: own ends",
}


def ablation_rows() -> list[tuple[str, str, list[Source]]]:
    """Make the rows of the ablation's summary."""
    page, form = "results/motion_ablation/README.md", "| {:,.0f}, {:,.0f}, {:,.0f} | {:.2f} |"
    return [(page, f"| {words} {form}", ablated(name)) for name, words in ABLATION.items()]


FIGURES: list[tuple[str, str, list[Source]]] = [
    (
        "results/stability/README.md",
        "of the detector spike to {:.0f} to {:.0f} times their median",
        [least(*spikes()), most(*spikes())],
    ),
    (
        "results/motion_table/README.md",
        "acceleration is {:,.0f} for real clips and {:,.0f} for a still picture",
        [motions("fomm", "long_prediction", name)[2] for name in ("real", "copy-first-frame")],
    ),
    (
        "README.md",
        "| reconstruction (FOMM) | L1 over that of repeating the first frame | {:.2f} |",
        ["weights/heads64-fomm ratio"],
    ),
    ("README.md", "| reconstruction (TPSMM) | the same | {:.2f} |", ["weights/heads64-tpsmm ratio"]),
    (
        "README.md",
        "standing still; share of frozen clips | {:.3f} (two real halves: {:.3f}); {:.0f} |",
        [
            "weights/heads64-flow velocity_value",
            "weights/heads64-flow floor_velocity_value",
            "weights/heads64-flow frozen_share",
        ],
    ),
    (
        "README.md",
        "Fréchet distance of velocities over linear's | {:.2f}; {:.3f} |",
        ["weights/heads64-flow best_32_value", "weights/heads64-flow frechet_velocity_32_value"],
    ),
    (
        "README.md",
        "standing still; share of frozen clips | {:.2f} (two real halves: {:.3f}); {:.2f} |",
        [
            "weights/heads64-vp velocity_value",
            "weights/heads64-vp floor_velocity_value",
            "weights/heads64-vp frozen_share",
        ],
    ),
    (
        "README.md",
        "| FI, 30 inner frames | best of 5, L1 of keypoints over linear interpolation's | {:.2f} |",
        ["weights/heads64-fi best_of_5_32_value"],
    ),
    (
        "README.md",
        "frames | Fréchet distance of velocities over linear interpolation's | {:.2f} |",
        ["weights/heads64-fi frechet_velocity_32_value"],
    ),
    (
        "README.md",
        "best of 5, L1 of keypoints over linear interpolation's | {:.2f}; {:.2f} |",
        ["weights/heads64-wgan best_of_5_32_value", "weights/heads64-ar best_of_5_32_value"],
    ),
    (
        "README.md",
        "Fréchet distance of velocities over linear interpolation's | {:.2f}; {:.2f} |",
        ["weights/heads64-wgan frechet_velocity_32_value", "weights/heads64-ar frechet_velocity_32_value"],
    ),
    (
        "README.md",
        "is {:.1f} times as fast as a plain loop of the same modules, {:.1f} times in bfloat16",
        ["bench/animate_speed fomm fp32_ratio", "bench/animate_speed fomm bf16_ratio"],
    ),
    (
        "README.md",
        "on strangers L1 is {:.2f} of repeating",
        ["real_faces/fomm reconstruction_of_strangers.ratio"],
    ),
    (
        "docs/speed.md",
        "| `animate`, FOMM at vox-256 sizes | {:.1f} x, equal within 1e-5 | {:.1f} x,",
        ["bench/animate_speed fomm fp32_ratio", "bench/animate_speed fomm bf16_ratio"],
    ),
    (
        "docs/speed.md",
        "| `animate`, TPSMM at vox-256 sizes | {:.1f} x, equal within 6e-5 | {:.1f} x,",
        ["bench/animate_speed tpsmm fp32_ratio", "bench/animate_speed tpsmm bf16_ratio"],
    ),
    ("docs/speed.md", "| training step, VP, batch 300 | {:.1f} x | |", ["bench/vp_step_speed vp_step_speed"]),
    (
        "docs/speed.md",
        "| training step, FI, batch 600 | {:.1f} x; its matrix products alone allow {:.1f} x | |",
        ["bench/fi_step_speed fi_step_speed", "bench/fi_step_speed fi_step_bound"],
    ),
    (
        "docs/speed.md",
        "| training step, WGAN, weights clipped; gradient penalty | {:.1f} x; {:.1f} x | |",
        ["bench/wgan_step_speed wgan_clip_step_speed", "bench/wgan_step_speed wgan_gp_step_speed"],
    ),
    (
        "docs/speed.md",
        "| sampling, VP, 59 frames for 64 pictures | {:.1f} x | |",
        ["bench/sampling_speed sampling_speed"],
    ),
    (
        "docs/speed.md",
        "come {:.0f} times as fast as the published way",
        ["bench/training_items_speed sought_over_published"],
    ),
    ("docs/speed.md", " {:.0f} times. `animate`", ["bench/training_items_speed packed_over_published"]),
    (
        "README.md",
        "builds results/index.html: {:.0f} minutes of one core, downloads aside",
        [f"{COURSE} processor_minutes"],
    ),
    (
        "README.md",
        "Profiles: `smoke` (CPU, {:.0f} to {:.0f} seconds of one core each",
        [least(*course("processor_seconds")), most(*course("processor_seconds"))],
    ),
    ("README.md", "made by `make weights` on a CPU in {:.1f} hours):", [shipped_hours]),
    (
        "README.md",
        "pixels of 64; share of 100 people recognised | {:.2f}; {:.2f} |",
        ["weights/heads64-landmarks px", "weights/heads64-landmarks recognised"],
    ),
    ("README.md", "Motion flow goes on for {} frames without drift", ["long_run/config.json frames"]),
    ("README.md", "as far as {:,.0f} steps at 64 px can tell", [least(*stability("steps"))]),
    (
        "README.md",
        "Real faces, 64 px, {:.0f} minutes of one CPU core on 41 clips",
        [times(1 / 60, "real_faces/fomm/manifest.json seconds")],
    ),
    (
        "data_prep/README.md",
        "clips and {:.0f} minutes of one core give",
        [times(1 / 60, "real_faces/fomm/manifest.json seconds")],
    ),
    (
        "docs/speed.md",
        "3.1 x, mean difference {:.1f}/255 |",
        [times(255, "bench/animate_speed fomm bf16_mean_difference")],
    ),
    (
        "docs/speed.md",
        "2.7 x, mean difference {:.2f}/255 |",
        [times(255, "bench/animate_speed tpsmm bf16_mean_difference")],
    ),
    (
        "docs/speed.md",
        "batch 2 | {:.1f} x, equal gradients (float64) | {:.1f} x |",
        ["bench/fomm_step_speed vox-256 fp32_speed", "bench/fomm_step_speed vox-256 bf16_speed"],
    ),
    (
        "docs/speed.md",
        "The training engine costs {:.1f} % of a VP step and {:.1f} % of a FOMM step",
        ["bench/engine_overhead vp_overhead_percent", "bench/engine_overhead fomm_overhead_percent"],
    ),
    (
        "docs/speed.md",
        "batches come {:.0f} times as fast as that step takes them where frames are sought in mp4 "
        "files, {:.0f} times where the heads are drawn",
        ["bench/loader_speed mp4_sought_0_ratio", "bench/loader_speed synthetic_0_ratio"],
    ),
    (
        "docs/speed.md",
        "`animate` at 256 px takes {:.1f} GB of memory",
        [times(1e-3, "bench/animate_memory peak_mb_fomm_256px")],
    ),
    (
        "docs/speed.md",
        "The head renderer makes {:,.0f} frames/s of 64 px",
        [lambda: round(entry("bench/synthetic_speed clip_64"), -3)],
    ),
    (
        "results/evaluation/README.md",
        "L1 .{:03.0f} (FOMM), .{:03.0f} (TPSMM), .{:03.0f} standing still",
        [times(1e3, evaluated("reconstruction", name, "l1")) for name in ("fomm", "tpsmm", "still")],
    ),
    (
        "results/evaluation/README.md",
        "landmarks .{:.0f}, .{:.0f} and {:.1f} px off",
        [
            times(1e2, evaluated("reconstruction", "fomm", "akd")),
            times(1e2, evaluated("reconstruction", "tpsmm", "akd")),
            evaluated("reconstruction", "still", "akd"),
        ],
    ),
    (
        "results/evaluation/README.md",
        "is .{:03.0f} for motion flow (three seeds within .002), .{:03.0f} for VP, "
        ".{:.0f} for its published form, .{:.0f} for AR, .{:.0f} for the first frame copied",
        [
            mean(*(times(1e3, evaluated("vp-16", f"flow-{n}", VIDEO)) for n in range(3))),
            mean(*(times(1e3, evaluated("vp-16", f"vp-{n}", VIDEO)) for n in range(2))),
            times(1e2, evaluated("vp-16", "vp-legacy-0", VIDEO)),
            mean(*(times(1e2, evaluated("vp-16", f"ar-{n}", VIDEO)) for n in range(2))),
            times(1e2, evaluated("vp-16", "copy-first-frame", VIDEO)),
        ],
    ),
    (
        "results/evaluation/README.md",
        "is .{:03.0f} off for a cross-fade, .{:03.0f} linear, .{:03.0f} FI;",
        [times(1e3, evaluated("fi-14", name, "l1_best")) for name in ("cross-fade", "linear", "fi-0")],
    ),
    (
        "results/evaluation/README.md",
        "a cross-fade has .{:.0f}, linear .{:.0f}, CVI with skips .{:.0f}, "
        "FI .{:.0f}, WGAN .{:.0f}, motion flow .{:02.0f}.",
        [
            *(
                times(1e2, evaluated("fi-14", name, VIDEO))
                for name in ("cross-fade", "linear", "cvi-skip", "fi-0", "wgan-0")
            ),
            mean(*(times(1e2, evaluated("fi-14", f"flow-{n}", VIDEO)) for n in range(3))),
        ],
    ),
    (
        "results/evaluation/README.md",
        "Measuring took .{:.0f} (fi-14) to .{:.0f} (reconstruction)",
        [
            times(1e2, f"evaluation/{name}/manifest.json measuring_over_making")
            for name in ("fi-14", "reconstruction")
        ],
    ),
    (
        "results/evaluation/README.md",
        "alone it is .{:.0f} (reconstruction) and .{:.0f} (animation)",
        [lambda: 100 * share_of_making("reconstruction"), lambda: 100 * share_of_making("animation")],
    ),
    (
        "results/frame_generators/README.md",
        "held-out identities (shipped weights) | {:.0f} | {:.3f} | {:.3f} |",
        [
            times(1 / 60, "weights/heads64-tpsmm/manifest.json seconds"),
            curve("weights/heads64-fomm/curves/validation.csv", "ratio", 63),
            "weights/heads64-tpsmm ratio",
        ],
    ),
    (
        "results/frame_generators/README.md",
        "FOMM's whole run | {:.0f} | {:.3f} | |",
        [times(1 / 60, "weights/heads64-fomm/manifest.json seconds"), "weights/heads64-fomm ratio"],
    ),
    (
        "results/frame_generators/README.md",
        "| {:.0f} | {:.3f} | {:.3f} | L1 over that",
        [
            times(1 / 60, "frame_generators/faces-fomm/manifest.json seconds"),
            "frame_generators/faces-fomm last_ratio",
            "frame_generators/faces-tpsmm last_ratio",
        ],
    ),
    (
        "results/frame_generators/README.md",
        "number of steps ({:,.0f} and {:,.0f})",
        ["frame_generators/faces-fomm steps", "frame_generators/faces-tpsmm steps"],
    ),
    (
        "results/long_run/README.md",
        "places are {:.2f} to {:.2f} times as far",
        [least("long_run made.reach"), most("long_run made.reach")],
    ),
    (
        "results/long_run/README.md",
        "real heads themselves: {:.2f} to {:.2f})",
        [least("long_run real.reach"), most("long_run real.reach")],
    ),
    (
        "results/long_run/README.md",
        "go {:.2f} to {:.2f} times as fast (real: {:.2f} to {:.2f})",
        [
            least("long_run made.speed"),
            most("long_run made.speed"),
            least("long_run real.speed"),
            most("long_run real.speed"),
        ],
    ),
    (
        "results/long_run/README.md",
        "second differences are {:.2f} times the mean. 1 keypoint in {:,.0f} was",
        ["long_run seam_bend_over_mean", lambda: round(1 / entry("long_run share_touched"), -3)],
    ),
    (
        "results/metric_sight/README.md",
        "ever further ({:.2f}, {:.2f}, {:.2f})",
        [f"metric_sight/heads jitter (pixels).aed.{pixels}" for pixels in (1, 2, 4)],
    ),
    (
        "results/metric_sight/README.md",
        "scores the frozen clips ({:.4f}) and the shuffled ones ({:.0f}) better than "
        "the moving ones ({:.3f}); to it all motion is worth {:.2f} px of blur",
        [
            *(
                f"metric_sight/content_bias values.random_frame_distance.{name}"
                for name in ("frozen", "shuffled", "blurred")
            ),
            f"{BLUR}.random_frame_distance.frozen",
        ],
    ),
    (
        "results/metric_sight/README.md",
        "To AED it is worth {:.2f} px, to `random_video_distance` {:.2f}, to L1 {:.2f}, "
        "to SSIM {:.2f}, to MKR {:.2f}, to PSNR {:.2f}, to AKD {:.2f}.",
        [f"{BLUR}.{name}.frozen" for name in ("aed", VIDEO, "l1", "ssim", "mkr", "psnr", "akd")],
    ),
    (
        "results/motion_ablation/README.md",
        "Real clips score {:.1f}, {:.1f} and {:.0f} (displacement",
        [f"motion_ablation/runs/real-0.json figures.video_prediction.{name}" for name in MOTION],
    ),
    (
        "results/motion_ablation/README.md",
        "a still picture {:.0f}, {:.0f} and {:.0f}.",
        motions("landmarks", "video_prediction", "copy-first-frame"),
    ),
    *ablation_rows(),
    (
        "results/motion_ablation/README.md",
        "blind it has {:.0f}, {:.0f} and {:.0f}.",
        ablated("vp-default-score-off-blind")[:3],
    ),
    (
        "results/motion_table/README.md",
        "on landmarks real clips have {:.1f}, {:.1f} and {:.1f}",
        motions("landmarks", "video_prediction", "real"),
    ),
    (
        "results/motion_table/README.md",
        "standing still {:.0f}, {:.0f} and {:.0f}.",
        motions("landmarks", "video_prediction", "copy-first-frame"),
    ),
    *motion_rows(),
    (
        "results/motion_table/README.md",
        "may be anything from {:.0f} to {:.0f})",
        [f"{FACES}/real-0.json {ONE_FRAME}.{MOTION[0]}.{end}" for end in ("low", "high")],
    ),
    (
        "results/motion_table/README.md",
        "{:.1f} % and {:.1f} % of their clips are frozen, their diversity is {:.2f} and {:.2f}.",
        [
            *(times(100, f"{FACES}/{name}-0.json {ONE_FRAME}.frozen_share.value") for name in ("flow", "vp")),
            *(f"{FACES}/{name}-0.json {ONE_FRAME}.diversity.value" for name in ("flow", "vp")),
        ],
    ),
    (
        "results/motion_table/README.md",
        "AR runs away ({:,.0f} from one frame, a\nstill picture has {:.0f})",
        [motions("faces", "video_prediction", name)[0] for name in ("ar", "copy-first-frame")],
    ),
    (
        "results/motion_table/README.md",
        "({:,.0f} and, between two frames, {:,.0f}; flow has {:.0f}\nand {:.0f})",
        [
            motions("faces", task, name)[0]
            for names in (("vp-legacy", "fi-legacy"), ("flow", "flow"))
            for task, name in zip(TASKS, names, strict=True)
        ],
    ),
    (
        "results/motion_table/README.md",
        "within {:.1f} times the real clips' distances on landmarks and\n  {:.1f} times on",
        [most(*over_real(table)) for table in ("landmarks", "fomm")],
    ),
    (
        "results/motion_table/README.md",
        "it has {:.2f} of linear's displacement distance on landmarks, where real clips have {:.2f},\n"
        "  and {:.2f} of its velocity distance; on the FOMM's motion {:.2f}, but real clips have {:.2f}",
        [
            over_linear("landmarks", "flow", MOTION[0]),
            over_linear("landmarks", "real", MOTION[0]),
            over_linear("landmarks", "flow", MOTION[1]),
            over_linear("fomm", "flow", MOTION[0]),
            over_linear("fomm", "real", MOTION[0]),
        ],
    ),
    (
        "results/motion_table/README.md",
        "has {:.2f} to {:.2f} of linear's error on landmarks, {:.2f} to {:.2f} on the FOMM's motion.",
        [
            choose(*(over_linear(table, "flow", "best_error", seed) for seed in range(3)))
            for table in ("landmarks", "fomm")
            for choose in (least, most)
        ],
    ),
    (
        "results/motion_table/README.md",
        "ended at {:.0f}, {:.0f} and {:.0f}",
        [f"{LANDMARKS[:-4]}unlimited/vp-1.json figures.video_prediction.{name}.value" for name in MOTION],
    ),
    (
        "results/motion_table/README.md",
        "its diversity is {:.2f} on landmarks, flow's {:.2f}.",
        [mean(*seeds_of("landmarks", "frame_interpolation", m, "diversity")) for m in ("wgan", "flow")],
    ),
    (
        "results/motion_table/README.md",
        "flow blinks {:.2f} times a second instead of {:.2f}.",
        [mean(*seeds_of("landmarks", "video_prediction", m, "blink_rate")) for m in ("flow", "real")],
    ),
    (
        "results/pixel_baselines/README.md",
        "its L1 is {:.2f} on trained clips and on seen people, {:.2f} on strangers",
        [f"pixel_baselines/cvi-skip {data}.ratio" for data in ("trained clips", "held-out people")],
    ),
    (
        "results/pixel_baselines/README.md",
        "it was best after {:.0f} steps ({:.2f})",
        [
            lowest("pixel_baselines/cvi-skip/curves/validation.csv", "ratio", name)
            for name in ("step", "ratio")
        ],
    ),
]
