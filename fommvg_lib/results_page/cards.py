"""One run as a card of the page: what to look at, curves, figures, and where they come from."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fommvg_lib.curves import curves_svg, read_curves
from fommvg_lib.results_page.tables import duration, metrics_table, table, words

VIDEOS, PICTURES = {".mp4", ".webm"}, {".gif", ".png", ".jpg", ".svg"}
MAX_MEDIA = 24
WIDE_NAMES = ("strip", "row", "grid", "samples", "reconstruction", "comparison")


@dataclass(frozen=True)
class Run:
    """One run folder as it was read.

    Attributes:
        folder: where it lies.
        manifest: where its figures come from.
        metrics: figures by name; empty if there is no metrics.json.
        config: settings; None if there is no config.json.
        files: all files that belong to it and to no run inside it, sorted.
    """

    folder: Path
    manifest: dict[str, Any]
    metrics: dict[str, Any]
    config: dict[str, Any] | None
    files: tuple[Path, ...]


def cards(root: Path, runs: Iterable[Run]) -> str:
    """Show runs one below the other; media are linked relative to `root`."""
    return f'<div class="cards">{"".join(_card(root, run) for run in runs)}</div>'


def _card(root: Path, run: Run) -> str:
    curves = [path for path in run.files if path.parent.name == "curves" or path.name == "losses.csv"]
    media = [path for path in run.files if path.suffix in VIDEOS | PICTURES and path not in curves]
    look, figures = [], ""
    if media:
        shown = "".join(_figure(root, path) for path in media[:MAX_MEDIA])
        more = f'<p class="soft">and {len(media) - MAX_MEDIA} more</p>' if len(media) > MAX_MEDIA else ""
        look.append(f'<div><h4>Look</h4><div class="media">{shown}</div>{more}</div>')
    drawn = "".join(_curve(root, path, curves) for path in curves)
    if drawn:
        look.append(f'<div><h4>Curves</h4><div class="curves">{drawn}</div></div>')
    if run.metrics:
        figures = f'<h4>Figures</h4><div class="scroll">{metrics_table(run.metrics)}</div>'
    title = html.escape(str(run.manifest.get("run", run.folder.name)))
    shown = f'<div class="look">{"".join(look)}</div>' if look else ""
    body = f"{shown}<div>{figures}</div>"
    has_much = bool(drawn) or len(media) > 2 or any(isinstance(value, dict) for value in run.metrics.values())
    head = f"<h3>{title}</h3>{_facts(run.manifest)}"
    kind = ' class="whole"' if has_much else ""
    return f'<article{kind}>{head}<div class="body">{body}</div>{_origin(run)}</article>'


def _facts(manifest: Mapping[str, Any]) -> str:
    facts = []
    if manifest.get("profile"):
        facts.append(f"profile {manifest['profile']}")
    if manifest.get("seed") is not None:
        facts.append(f"seed {manifest['seed']}")
    if manifest.get("seconds") is not None:
        facts.append(duration(manifest["seconds"]))
    if manifest.get("started"):
        facts.append(str(manifest["started"])[:10])
    machine = manifest.get("machine", {})
    facts += [str(machine.get("gpu") or machine["cpu"])] if machine.get("cpu") else []
    return f'<p class="facts">{"".join(f"<span>{html.escape(fact)}</span>" for fact in facts)}</p>'


def _figure(root: Path, path: Path) -> str:
    source = quote(path.relative_to(root).as_posix())
    caption = html.escape(path.stem.replace("_", " "))
    kind = ' class="wide"' if any(word in path.stem for word in WIDE_NAMES) else ""
    if path.suffix in VIDEOS:
        element = f'<video src="{source}" loop muted autoplay playsinline preload="metadata"></video>'
    else:
        element = f'<img src="{source}" alt="{caption}" loading="lazy">'
    return f"<figure{kind}>{element}<figcaption>{caption}</figcaption></figure>"


def _curve(root: Path, path: Path, curves: list[Path]) -> str:
    """Show a picture of a curve, or draw a CSV file that has no picture beside it."""
    if path.suffix in PICTURES:
        return _figure(root, path)
    has_picture = any(path.with_suffix(ending) in curves for ending in PICTURES)
    if path.suffix != ".csv" or has_picture:
        return ""
    drawn = curves_svg(read_curves(path), path.stem)
    return f"<figure>{drawn}<figcaption>{html.escape(path.stem.replace('_', ' '))}</figcaption></figure>"


def _origin(run: Run) -> str:
    hidden = {"task", "run", "course"}
    rows = [[name, words(value)] for name, value in run.manifest.items() if name not in hidden]
    config = ""
    if run.config:
        config = (
            f"<h4>Settings</h4><pre>{html.escape(json.dumps(run.config, indent=2, ensure_ascii=False))}</pre>"
        )
    told = f'<div class="scroll">{table([], rows)}</div>'
    return f"<details><summary>Where this comes from</summary>{told}{config}</details>"
