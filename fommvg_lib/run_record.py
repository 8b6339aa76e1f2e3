"""What a run leaves behind, so that every number can be traced: `results/<task>/<run>/`.

`config.json` holds the settings, `metrics.json` the figures, `manifest.json` where they come from: seed,
versions, kind of machine, time. Notebooks, training and benches all write through `write_run_record`.
Nothing here names a person, a host or a path. The convention is written down in `results/README.md`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import fommvg_lib
from fommvg_lib.files import InputError, write_text

PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "av", "pillow", "accelerate")
CPUINFO = Path("/proc/cpuinfo")


def versions() -> dict[str, str]:
    """Give the versions of Python, this library and the packages that figures depend on (if installed)."""
    found = {"python": platform.python_version(), "fommvg": fommvg_lib.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed had no part in the run
    return found


def machine_kind() -> dict[str, Any]:
    """Give the kind of machine: cpu, cores, threads (torch), ram_gb, gpu (None without), system."""
    return {
        "cpu": _cpu_model(),
        "cores": _usable_cores(),
        "threads": torch.get_num_threads(),
        "ram_gb": _ram_gb(),
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def write_run_record(
    folder: str | Path,
    task: str,
    config: Any,
    metrics: Mapping[str, Any],
    seed: int | None,
    seconds: float,
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write `config.json`, `metrics.json` and, last, `manifest.json` into a run folder.

    Args:
        folder: the run folder, `results/<task>/<run>`; its name is the run's name. Made if absent.
        task: what was done, e.g. "video_prediction", "course", "bench".
        config: a `Config`, another dataclass, or a mapping of plain values.
        metrics: figures by name, nested mappings allowed; every number finite.
        seed: the run's seed, None if nothing was drawn.
        seconds: wall time of the run, s.
        extra: further manifest entries: profile, weights_hash, data...

    Returns:
        The manifest's path.

    Raises:
        ValueError: if a metric is not finite (named), or `extra` would overwrite an entry.
        InputError: if the folder cannot be written.
    """
    folder = Path(folder)
    figures = plain(metrics)
    _refuse_non_finite(figures, "")
    finished = datetime.now(UTC).replace(microsecond=0)
    manifest: dict[str, Any] = {
        "task": task,
        "run": folder.resolve().name,
        "seed": seed,
        "started": (finished - timedelta(seconds=round(seconds))).isoformat(),
        "seconds": round(float(seconds), 2),
        "versions": versions(),
        "machine": machine_kind(),
    }
    doubled = sorted(set(manifest) & set(extra or {}))
    if doubled:
        raise ValueError(f"extra entry {doubled[0]!r} is one that the manifest has of its own")
    manifest |= plain(extra or {})
    write_json(folder / "config.json", plain(config))
    write_json(folder / "metrics.json", figures)
    write_json(folder / "manifest.json", manifest)
    return folder / "manifest.json"


def write_json(path: str | Path, value: Any) -> None:
    """Write plain values as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        InputError: in one line, if the file is missing, no JSON or no object.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds no JSON object")
    return value


def plain(value: Any) -> Any:
    """Turn configs, dataclasses, tensors, arrays, tuples and paths into what JSON holds.

    Paths become their last part: a record names no folder of the machine it was made on.
    """
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return value.name
    if hasattr(value, "tolist"):  # tensors, numpy arrays and scalars
        return value.tolist()
    return value


def _refuse_non_finite(value: Any, name: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_non_finite(item, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_non_finite(item, f"{name}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"metric {name!r} is {value}, a record holds finite figures only")


def _cpu_model() -> str:
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _ram_gb() -> float | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
