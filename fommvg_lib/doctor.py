"""What this machine offers: versions, devices, codecs, weights and where they were sought, free disk.

`fommvg doctor` prints it; `report` gives it as rows. It only looks: nothing is loaded, fetched or written.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import av
import torch

from fommvg_lib import landmarks
from fommvg_lib.checkpoints import read_description
from fommvg_lib.faces import detector_name
from fommvg_lib.files import InputError
from fommvg_lib.run_record import machine_kind, versions
from fommvg_lib.weights import SHIPPED_FOLDER, cache_folder
from fommvg_lib.weights.helpers import find_helper

CODECS = {"libx264": "mp4", "aac": "sound in mp4", "libvpx-vp9": "webm", "libopus": "sound in webm"}
OLDEST_TORCH = (2, 10)
LOW_DISK_GB = 2.0
ADVICE = {
    "torch": 'pip install --upgrade "torch>=2.10"',
    **dict.fromkeys(
        CODECS, "pip install --force-reinstall av (its wheels bring this codec; an av of your own may not)"
    ),
    "shipped weights": "git checkout fommvg_lib/weights, or install fommvg anew",
    "your weights": "remove that folder, then fetch or import it again: fommvg weights list",
    "faces": "remove that file, then fommvg weights fetch yunet; or go on with --crop center",
    "free disk": "training keeps states and pictures: free some, or give --out a folder on another disk",
    "gpu": "install the torch for your CUDA version, see pytorch.org/get-started; or go on with the cpu",
}
"""What to do about a row that is not ok, by its name."""


class Row(NamedTuple):
    """One line of the report.

    Attributes:
        name: what was looked at.
        value: what was found, in words.
        ok: False if something that the library needs is missing; an absent option is ok.
    """

    name: str
    value: str
    ok: bool


def report() -> list[Row]:
    """Look the machine over.

    Returns:
        Rows in the order: versions, machine and devices, codecs, weights, faces, disk, notebook widgets.
    """
    return [*_versions(), *_devices(), *_codecs(), *_weights(), *_faces(), _disk(), _widgets()]


def main_text() -> str:
    """Give the report as lines, each marked `ok` or `!!`, then what to do, and a last line that sums up."""
    rows = report()
    width = max(len(row.name) for row in rows)
    lines = [f"{'ok' if row.ok else '!!'}  {row.name:<{width}}  {row.value}" for row in rows]
    bad = list(dict.fromkeys(row.name for row in rows if not row.ok))
    lines += [f"->  {name:<{width}}  {ADVICE[name]}" for name in bad if name in ADVICE]
    return "\n".join([*lines, f"needs attention: {', '.join(bad)}" if bad else "all is well"])


def _versions() -> Iterator[Row]:
    for name, version in versions().items():
        if name == "torch" and torch.__version__.startswith(f"{version}+"):
            version = torch.__version__  # names the build too, which metadata may leave out
        yield Row(name, version, name != "torch" or _is_recent_torch(version))


def _is_recent_torch(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:2]) >= OLDEST_TORCH


def _devices() -> Iterator[Row]:
    machine = machine_kind()
    words = (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads, {machine['ram_gb']} GB"
    )
    yield Row("cpu", f"{words}, {torch.backends.cpu.get_cpu_capability()}", True)
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        with torch.cuda.device(index):
            has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        memory = f"{properties.total_memory / 2**30:.0f} GB"
        yield Row(f"cuda:{index}", f"{properties.name}, {memory}, bf16 {'yes' if has_bf16 else 'no'}", True)
    if torch.backends.mps.is_available():
        yield Row("mps", "available", True)
    elif torch.cuda.device_count() == 0:
        has_card = shutil.which("nvidia-smi") is not None
        words = (
            "a driver is installed, but this torch sees no card" if has_card else "none: all runs on the cpu"
        )
        yield Row("gpu", words, not has_card)


def _codecs() -> Iterator[Row]:
    for codec, use in CODECS.items():
        found = codec in av.codecs_available
        yield Row(codec, f"{'found' if found else 'missing'} ({use})", found)


def _weights() -> Iterator[Row]:
    for place, folder in (("shipped weights", SHIPPED_FOLDER), ("your weights", cache_folder())):
        found = sorted(path.parent for path in folder.glob("*/config.json"))
        is_shipped = folder == SHIPPED_FOLDER
        if not found:
            where = "the package" if is_shipped else str(folder)
            more = "" if is_shipped else "; fommvg weights list names published ones"
            yield Row(place, f"none (looked in {where}){more}", not is_shipped)
        for weights in found:
            yield _describe_weights(place, weights)


def _describe_weights(place: str, folder: Path) -> Row:
    try:
        description = read_description(folder)
    except InputError as error:
        return Row(place, str(error), False)
    tensors = folder / "weights.safetensors"
    if not tensors.is_file():
        return Row(place, f"{folder}: weights.safetensors is missing", False)
    size = f"{tensors.stat().st_size / 1e6:.1f} MB"
    return Row(place, f"{folder.name}: {description['kind']}, {size}, {description['sha256'][:12]}", True)


def _faces() -> Iterator[Row]:
    """Say who finds faces and landmarks; nothing of it is needed, a damaged model is."""
    try:
        there, detector = find_helper("yunet") is not None, detector_name()
    except InputError as error:
        yield Row("faces", str(error), False)
    else:
        lacking = "; YuNet's model is there, OpenCV 4.8 or newer is not" if there else ""
        names = {"yunet": "YuNet", "cascade": "cascade of scikit-image" + lacking}
        yield Row("faces", names[detector], True)
    found = [name for name in landmarks.PACKAGES if importlib.util.find_spec(name) is not None]
    words = ", ".join(found) or "no package installed: keypoints choose the best frame"
    yield Row("landmarks", words, True)


def _disk() -> Row:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Row("free disk", f"{free:.1f} GB in the current folder", free >= LOW_DISK_GB)


def _widgets() -> Row:
    try:
        return Row("ipywidgets", metadata.version("ipywidgets"), True)
    except metadata.PackageNotFoundError:
        return Row("ipywidgets", "not installed: notebooks show no controls, all else works", True)
