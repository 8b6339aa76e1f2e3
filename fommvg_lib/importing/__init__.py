"""Published weights into weights folders: `import_weights` from a file, `fetch_weights` by name.

A kind is one entry of `KINDS`: a function from a checkpoint that was read safely to a `Translation`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fommvg_lib.checkpoints import load_weights, save_weights
from fommvg_lib.files import InputError
from fommvg_lib.importing.fomm import translate_fomm
from fommvg_lib.importing.fommvg import translate_fi, translate_vp
from fommvg_lib.importing.frgan import translate_frgan
from fommvg_lib.importing.tpsmm import translate_tpsmm
from fommvg_lib.importing.translation import ImportOptions, Translation
from fommvg_lib.published_files import Checkpoint, read_checkpoint
from fommvg_lib.weights import cache_folder
from fommvg_lib.weights.fetching import fetch, forget_hash
from fommvg_lib.weights.registry import Entry, find_entry, read_registry

__all__ = ["KINDS", "ImportOptions", "Imported", "fetch_weights", "import_weights"]


@dataclass(frozen=True)
class Kind:
    """How files of one kind are translated.

    Attributes:
        translate: the translation.
        parts: top-level entries by which such a file is known.
        has_config: `--config` says something about it.
        has_namespace: it may hold an `argparse.Namespace`.
        is_prediction: `--pca` and `--legacy-swap` say something about it.
    """

    translate: Callable[[Checkpoint, ImportOptions], Translation]
    parts: tuple[str, ...]
    has_config: bool = False
    has_namespace: bool = False
    is_prediction: bool = False


KINDS = {
    "fomm": Kind(translate_fomm, ("generator", "kp_detector"), has_config=True),
    "tpsmm": Kind(translate_tpsmm, ("inpainting_network", "dense_motion_network"), has_config=True),
    "vp": Kind(translate_vp, ("ench", "encc", "frnn", "pred"), has_namespace=True, is_prediction=True),
    "fi": Kind(translate_fi, ("E", "frnn", "brnn", "pred"), has_namespace=True),
    "frgan": Kind(translate_frgan, ("gen_state_dict",)),
}


@dataclass(frozen=True)
class Imported:
    """A weights folder that was made, or was there.

    Attributes:
        folder: where it lies.
        kind: of its weights.
        sha256: of its tensors' file.
        notes: what the user should know.
        is_new: False if it was there and whole.
    """

    folder: Path
    kind: str
    sha256: str
    notes: tuple[str, ...] = ()
    is_new: bool = True


def import_weights(
    path: str | Path,
    kind: str,
    folder: str | Path,
    options: ImportOptions | None = None,
    entry: Entry | None = None,
) -> Imported:
    """Turn a published file into a weights folder.

    Args:
        path: the file.
        kind: one of `KINDS`.
        folder: where the weights go.
        options: what the file does not say itself.
        entry: the registry's entry of the file, if it is known; otherwise looked up by kind and file name.

    Raises:
        InputError: in one line, if the file is not what it should be, or the folder holds weights.
    """
    path, folder, options = Path(path), Path(folder), options or ImportOptions()
    chosen = KINDS[kind]
    _check_options(kind, chosen, options)
    if (folder / "config.json").exists():
        raise InputError(f"{folder}: holds weights already; remove them or name another folder")
    entry = entry or _entry_of(path, kind)
    if entry is not None and options.config is None:
        options = replace(options, config=entry.config)
    published = read_checkpoint(path, chosen.has_namespace, _hash_check(entry))
    _check_parts(published, kind)
    translated = chosen.translate(published, options)
    info = {**translated.info, **_provenance(published, options, entry)}
    digest = save_weights(folder, translated.kind, translated.config, translated.state, info)
    return Imported(folder, translated.kind, digest, tuple(translated.notes))


def fetch_weights(name: str, folder: str | Path | None = None, show_progress: bool = False) -> Imported:
    """Fetch published weights and import them; what is there already is kept.

    Args:
        name: of the registry.
        folder: where the weights go; None: where `find_weights` finds them by name.
        show_progress: show a bar.

    Raises:
        InputError: if the name is unknown, a file is not what it should be, or the folder holds others.
        RunError: if no source answered, with the place to put the file by hand.
    """
    entry = find_entry(name)
    if entry.kind not in KINDS:
        raise InputError(f"{name}: {entry.kind} weights cannot be imported by this version")
    folder = cache_folder() / name if folder is None else Path(folder)
    if (folder / "config.json").is_file():
        there = load_weights(folder, entry.kind)
        if there.info.get("name") != name:
            raise InputError(f"{folder}: holds other weights already ({there.info.get('name', 'no name')})")
        return Imported(folder, there.kind, there.sha256, is_new=False)
    components = fetch(entry, entry.components, show_progress) if entry.components else None
    path = fetch(entry, entry.file, show_progress)
    try:
        return import_weights(path, entry.kind, folder, ImportOptions(components=components), entry)
    except InputError as error:
        for file in (path, components):
            if file is not None and str(error).startswith(f"{file}: "):
                forget_hash(file)
                raise InputError(f"{error}; remove that file to have it fetched anew") from error
        raise


def _check_options(kind: str, chosen: Kind, options: ImportOptions) -> None:
    wrong = {
        "--config": options.config and not chosen.has_config,
        "--legacy-swap": options.legacy_swap and not chosen.is_prediction,
        "--pca": options.components and not chosen.is_prediction,
    }
    for option, is_wrong in wrong.items():
        if is_wrong:
            raise InputError(f"{option}: says nothing about {kind} files")


def _check_parts(published: Checkpoint, kind: str) -> None:
    """Name the kind that a file is of, if it is not what was said."""
    if set(KINDS[kind].parts) <= published.entries.keys():
        return
    others = [name for name, other in KINDS.items() if set(other.parts) <= published.entries.keys()]
    if others:
        raise InputError(f"{published.path}: holds {others[0]} weights, not {kind} (--as {others[0]})")


def _entry_of(path: Path, kind: str) -> Entry | None:
    named = (entry for entry in read_registry().values() if entry.file.name == path.name)
    return next((entry for entry in named if entry.kind == kind), None)


def _hash_check(entry: Entry | None) -> Callable[[Path], str | None] | None:
    """Give the registry's check of a file that has the name of one of its own."""
    if entry is None:
        return None

    def check(path: Path) -> str | None:
        problem = entry.file.difference(path)
        return problem and f"{problem}, as {entry.name} has; rename it if it is another model's"

    return check


def _provenance(published: Checkpoint, options: ImportOptions, entry: Entry | None) -> dict[str, Any]:
    source = {"file": published.path.name, "bytes": published.num_bytes, "sha256": published.sha256}
    if options.config:
        source["config"] = Path(options.config).name
    if published.number("epoch") is not None:
        source["epoch"] = published.number("epoch")
    known = {"name": entry.name, "what": entry.what, "licence": entry.licence} if entry else {}
    return {**known, "imported_from": source}
