"""Whether a notebook of the course has to run again: what its figures depend on, as hashes, like make.

The driver writes this fingerprint into a run folder's `manifest.json`. A folder whose notebook ended well,
whose files are those it left and whose fingerprint is still true is up to date. What is not looked at: files
of the system, such as fonts, and the processor's own rounding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from fommvg_lib.course_notebooks import FILE_PARAMETERS, declared_parameters, described_cells, read_steps
from fommvg_lib.files import InputError, sha256
from fommvg_lib.run_record import read_json, versions
from fommvg_lib.weights import cache_folder

LIBRARY = Path(__file__).resolve().parent
NOTEBOOK_PACKAGES = (
    "imageio", "ipykernel", "ipywidgets", "matplotlib", "papermill", "safetensors",
    "opencv-python-headless", "opencv-python", "face-alignment", "mediapipe", "dlib",
)  # fmt: skip
"""Beside those of `run_record`: what draws, runs and, if installed, finds faces."""
WORDS = {
    "notebook": "the notebook",
    "library": "the library's source",
    "weights": "the weights",
    "parameters": "the parameters",
    "data": "the files that a parameter names",
    "versions": "Python or a package",
    "device": "the device",
}
"""What each part of a fingerprint is, for `reason_to_run`."""


def fingerprint(path: Path, parameters: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Hash what a notebook's run depends on.

    Args:
        path: the notebook.
        parameters: as injected; where OUT lies does not count.
        folder: the notebook's run folder; those of the others lie beside it.

    Returns:
        One short hash for each of notebook, library, weights, parameters, data, versions, device; and under
        "earlier" when each notebook whose files it may read ended, None where there is no such run.
    """
    library = path.resolve().parent.parent / LIBRARY.name
    library = library if library.is_dir() else LIBRARY
    chosen = {name: value for name, value in parameters.items() if name != "OUT"}
    named = declared_parameters(path) | chosen
    places = [library.parent / str(named[name]) for name in FILE_PARAMETERS if named.get(name)]
    code, tensors = [], []
    for file in sorted(library.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            (tensors if file.parent.parent == library / "weights" else code).append(file)
    profile = chosen.get("PROFILE")
    return {
        "notebook": _short(described_cells(path)),
        "library": _short([[file.relative_to(library).as_posix(), sha256(file)] for file in code]),
        "weights": _short([[[file.name, sha256(file)] for file in tensors], _stamps([cache_folder()])]),
        "parameters": _short(chosen),
        "data": _short(_stamps(places)),
        "versions": _short([versions(), _installed(NOTEBOOK_PACKAGES)]),
        "device": _short(None if profile == "smoke" else _gpus()),
        "earlier": _earlier(path, folder, profile),
    }


def files_digest(folder: Path) -> str:
    """Hash names and contents of all files of a run folder but `manifest.json`, which holds the result."""
    own = folder / "manifest.json"
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file != own]
    return _short([[file.relative_to(folder).as_posix(), sha256(file)] for file in files])


def reason_to_run(folder: Path, wanted: Mapping[str, Any]) -> str | None:
    """Say why a notebook has to run.

    Args:
        folder: its run folder.
        wanted: the fingerprint that it would have now.

    Returns:
        The reason in words; None if the folder is up to date; "" if no earlier run is there.
    """
    if not (folder / "manifest.json").is_file():
        return ""
    try:
        note = read_json(folder / "manifest.json").get("course")
    except InputError:
        return "its manifest cannot be read"
    if not isinstance(note, dict) or "fingerprint" not in note:
        return (
            "its folder was filled by hand, not by the course; RUN_NAME or OUT keep a run of your own apart"
        )
    if note.get("error") is not None:
        return "it failed"
    changed = [words for part, words in WORDS.items() if note["fingerprint"].get(part) != wanted[part]]
    changed += _rerun(note["fingerprint"].get("earlier", {}), wanted["earlier"])
    if changed:
        return f"changed: {', '.join(changed)}"
    return (
        None if files_digest(folder) == note.get("files") else "files of its run were changed or are missing"
    )


def ended(folder: Path) -> str | None:
    """Say when a notebook's run ended (ISO 8601); None if there is none by the course."""
    try:
        note = read_json(folder / "manifest.json").get("course")
    except InputError:
        return None
    return note.get("ended") if isinstance(note, dict) else None


def _earlier(path: Path, folder: Path, profile: Any) -> dict[str, str | None]:
    """Tell of each notebook that this one may read when it ended.

    Later ones count by the weights they trained, which profiles above `smoke` take: a first run has none.
    """
    steps = read_steps(path, [other.stem for other in sorted(path.parent.glob("*.ipynb"))])
    found = {step: ended(folder.parent / step) for step in steps if step < path.stem}
    for step in steps if profile != "smoke" else ():
        trained = folder.parent / step / "run" / "config.json"
        if step > path.stem:
            found[step] = sha256(trained)[:16] if trained.is_file() else None
    return found


def _rerun(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted(set(before) | set(now))
    return [f"the run of {name}" for name in names if before.get(name) != now.get(name)]


def _stamps(places: Sequence[Path]) -> list[list[Any]]:
    """List files with size and time of change, as make knows them: data may be large."""
    listed = []
    for place in places:
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if file.is_file():
                state = file.stat()
                name = file.relative_to(place).as_posix() if file != place else file.name
                listed.append([name, state.st_size, state.st_mtime_ns])
    return listed


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # optional, or not needed by notebooks
    return found


def _gpus() -> list[str]:
    return [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode("utf-8")).hexdigest()[:16]
