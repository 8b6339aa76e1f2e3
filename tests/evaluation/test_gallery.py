"""The moving pictures of a finished run, and its figures as a plot."""

from __future__ import annotations

import dataclasses

import pytest

from fommvg_lib.evaluation.finish import finish
from fommvg_lib.evaluation.gallery import columns_of, comparison, sections_html, shown_clips
from fommvg_lib.evaluation.interval_plot import plot_cells, plot_intervals
from fommvg_lib.evaluation.records import Cell, read_run
from fommvg_lib.files import InputError
from fommvg_lib.run_record import read_json, write_json
from fommvg_lib.visualize import figure_picture
from tests.evaluation_cases import Noisy, Repeat, small_evaluation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    methods = {"noisy": Noisy(), "repeat": Repeat(), "hidden": Repeat()}
    evaluation = small_evaluation(folder, methods=methods, max_clips=4)
    evaluation.measure()
    finish(evaluation, shown=("noisy", "repeat"), num_draws=5)
    return folder


def test_each_shown_method_has_three_clips_with_their_own_figures(folder):
    run = read_run(folder)
    clips = shown_clips(run)
    assert [(clip.method, clip.place) for clip in clips] == [
        (method, place) for method in ("noisy", "repeat") for place in ("best", "median", "worst")
    ]
    own = {(row["method"], row["clip"]): float(row["l1_mean"]) for row in run.clip_rows()}
    assert all(clip.figures["l1_mean"] == own[clip.method, clip.clip] for clip in clips)
    best, _, worst = (clip.figures["l1_mean"] for clip in clips[:3])
    assert best < worst == max(value for (method, _), value in own.items() if method == "noisy")
    told = f"l1_best {clips[2].figures['l1_best']:.3g}"
    assert clips[2].caption(1) == f"noisy, worst: clip {clips[2].clip}, {told}"


def test_the_comparison_shows_the_real_clip_and_those_methods(folder):
    run = read_run(folder)
    assert comparison(run).path.is_file() and columns_of(run) == ["real", "noisy", "repeat"]


def test_a_gallery_holds_each_video_and_headings_are_escaped(folder):
    page = sections_html({"a<b": shown_clips(read_run(folder)), "nothing": []})
    assert page.count("<video") == 6 and "a&lt;b" in page and "nothing" not in page


def test_a_video_that_is_not_there_is_one_line(folder):
    path = folder / "clips" / "repeat-median.mp4"
    moved = path.rename(folder / "away.mp4")
    with pytest.raises(InputError, match="repeat-median.mp4: no such file"):
        shown_clips(read_run(folder))
    moved.rename(path)


def test_a_manifest_without_a_place_is_one_line(folder):
    manifest = read_json(folder / "manifest.json")
    kept = {place: clip for place, clip in manifest["pictures"]["noisy"].items() if place != "median"}
    write_json(folder / "manifest.json", {**manifest, "pictures": {"noisy": kept}})
    with pytest.raises(InputError, match="manifest.json: names no median clip of noisy"):
        shown_clips(read_run(folder))
    write_json(folder / "manifest.json", {**manifest, "pictures": {}})
    assert shown_clips(read_run(folder)) == [] and comparison(read_run(folder)) is None
    write_json(folder / "manifest.json", manifest)


def test_the_plot_has_a_panel_for_each_metric_and_a_row_for_each_method(folder):
    run = read_run(folder)
    figure = plot_intervals([run], ["l1_best", "flicker", "frechet_velocity"])
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == [
        "l1_best ← better", "flicker (best at 1)", "frechet_velocity ← better"
    ]  # fmt: skip
    rows = [label.get_text() for label in panels[0].get_yticklabels()]
    assert rows == ["real", "noisy", "repeat", "hidden"]
    assert panels[0].get_xlabel() == "pictures in [0, 1]"
    cell = run.cells["noisy"]["l1_best"]
    drawn = [tuple(line.get_xdata()) for line in panels[0].lines]
    assert (cell.low, cell.high) in drawn and (cell.value,) in drawn
    assert figure_picture(figure).min() < 128


def test_seeds_of_a_method_share_its_row_with_a_stroke_at_their_mean(folder):
    run = read_run(folder)
    seeds = {"noisy": ("vp-0", 0), "repeat": ("vp-1", 1)}
    named = {label: seeds.get(label, (label, None)) for label in run.cells}
    methods = {new: {**run.manifest["methods"][label], "seed": seed} for label, (new, seed) in named.items()}
    cells = {new: run.cells[label] for label, (new, _) in named.items()}
    run = dataclasses.replace(run, manifest={**run.manifest, "methods": methods}, cells=cells)
    (axes,) = (a for a in plot_intervals([run], ["l1_mean"]).axes if a.get_visible())
    assert [label.get_text() for label in axes.get_yticklabels()] == ["real", "vp", "hidden"]
    mean = (cells["vp-0"]["l1_mean"].value + cells["vp-1"]["l1_mean"].value) / 2
    assert any(tuple(line.get_xdata()) == pytest.approx((mean, mean)) for line in axes.lines[:-1])


def test_what_has_no_figure_says_so_in_its_row(folder):
    run = read_run(folder)
    absent = {"not trained": "no weights"}
    metrics = read_json(folder / "metrics.json")
    changed = {**metrics["methods"], "hidden": dict.fromkeys(metrics["methods"]["hidden"], absent)}
    write_json(folder / "metrics.json", {"methods": changed})
    (axes,) = (a for a in plot_intervals([read_run(folder)], ["l1_mean"]).axes if a.get_visible())
    assert [text.get_text() for text in axes.texts] == ["not trained"]
    write_json(folder / "metrics.json", metrics)
    assert not any(a.texts for a in plot_intervals([run], ["l1_mean"]).axes)


def test_a_logarithmic_axis_takes_values_of_zero():
    cells = {"none": [Cell(0.0)], "some": [Cell(0.1, 0.09, 0.2)], "much": [Cell(1e6)]}
    axes = plot_cells({"jerk": cells, "frozen_share": cells}, {"jerk"}).axes
    assert [axis.get_xscale() for axis in axes[:2]] == ["symlog", "linear"]
    positive = {name: values for name, values in cells.items() if name != "none"}
    assert plot_cells({"jerk": positive}, {"jerk"}).axes[0].get_xscale() == "log"
