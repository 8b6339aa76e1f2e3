"""`fommvg weights`: what weights there are, what a folder holds, published ones fetched and imported."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fommvg_lib.commands import options
from fommvg_lib.files import InputError


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describe the command's options."""
    parser = commands.add_parser("weights", help="list, fetch, import and look at weights")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    listed = actions.add_parser("list", help="shipped, published and own weights")
    options.add_json_option(listed)
    listed.set_defaults(run=run_list)

    fetch = actions.add_parser("fetch", help="fetch published weights, make a weights folder of them")
    fetch.add_argument("name", help="as listed")
    fetch.add_argument("--out", help="the folder (default: yours, where --weights NAME finds it)")
    options.add_json_option(fetch)
    fetch.set_defaults(run=run_fetch)

    imported = actions.add_parser("import", help="make a weights folder of a published file")
    imported.add_argument("file", help="a .pth.tar or .pth as published")
    imported.add_argument("--as", dest="kind", required=True, choices=KINDS, help="whose file it is")
    imported.add_argument("--config", help="fomm, tpsmm: a published config by name, or its YAML file")
    imported.add_argument("--pca", help="vp: its principal components, as published (.npy) or ours")
    imported.add_argument(
        "--legacy-swap", action="store_true", help="vp: exchange its encoders, as the published program does"
    )
    imported.add_argument("--out", required=True, help="the folder")
    options.add_json_option(imported)
    imported.set_defaults(run=run_import)

    info = actions.add_parser("info", help="kind, sizes, provenance and hash of a weights folder")
    info.add_argument("folder", help="a weights folder, or a name of shipped, fetched or imported weights")
    info.add_argument("--json", action="store_true", help="print the whole description as JSON")
    info.set_defaults(run=run_info)


KINDS = ("fomm", "tpsmm", "vp", "fi", "frgan")
"""Those of `importing.KINDS`, which is slow to import; a test compares them."""


def run_list(args: argparse.Namespace) -> None:
    """Show the weights that there are and those that can be fetched."""
    from fommvg_lib.weights import SHIPPED_FOLDER, cache_folder, cached_names, shipped_names
    from fommvg_lib.weights.registry import read_registry

    registry, own = read_registry(), cached_names()
    rows = [_row_of_folder(SHIPPED_FOLDER / name, "shipped") for name in shipped_names()]
    for name in own:
        rows.append(_row_of_folder(cache_folder() / name, "fetched" if name in registry else "imported"))
    for name, entry in registry.items():
        if name not in own:
            state = "fetched" if _is_helper_there(entry) else "to fetch"
            row = {"name": name, "kind": entry.kind, "state": state, "size": entry.size}
            row |= {"licence": entry.licence, "what": entry.what, "sha256": entry.file.sha256}
            file = {"md5": entry.file.md5, "bytes": entry.file.num_bytes, "page": entry.file.page}
            rows.append(row | file)
    print(json.dumps(rows, indent=2) if args.json else _table(rows))


def _row_of_folder(folder: Path, state: str) -> dict:
    from fommvg_lib.checkpoints import read_description

    try:
        description = read_description(folder)
    except InputError as error:
        description = {"kind": "-", "sha256": None, "info": {"what": str(error)}}
        state = "broken"
    info, tensors = description.get("info", {}), folder / "weights.safetensors"
    row = {"name": folder.name, "kind": description["kind"], "state": state, "size": info.get("size")}
    return row | {
        "licence": info.get("licence"),
        "what": info.get("what"),
        "sha256": description["sha256"],
        "bytes": tensors.stat().st_size if tensors.is_file() else None,
    }


def _table(rows: list[dict]) -> str:
    lines = [("name", "kind", "state", "pixels", "MB", "hash", "licence", "what")]
    for row in rows:
        known = "sha256" if row["sha256"] else "md5" if row.get("md5") else "unknown"
        size = "unknown" if row["bytes"] is None else f"{row['bytes'] / 1e6:.1f}"
        cells = row["name"], row["kind"], row["state"], row["size"] or "-", size, known, row["licence"] or "-"
        lines.append((*map(options.printable, cells), options.printable(row["what"] or "").replace("`", "")))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (map(str.ljust, line, widths) for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _is_helper_there(entry) -> bool:
    from fommvg_lib.weights.fetching import place_of
    from fommvg_lib.weights.registry import HELPER_KINDS

    return entry.kind in HELPER_KINDS and place_of(entry, entry.file).is_file()


def run_fetch(args: argparse.Namespace) -> None:
    """Fetch and import published weights; helpers are fetched alone."""
    from fommvg_lib.importing import fetch_weights
    from fommvg_lib.weights.fetching import fetch
    from fommvg_lib.weights.registry import HELPER_KINDS, find_entry

    report = options.Report(args)
    entry = find_entry(args.name)
    if entry.kind in HELPER_KINDS:
        if args.out:
            raise InputError(f"--out: {args.name} is found in your folder of weights only")
        path = fetch(entry, entry.file, show_progress=sys.stderr.isatty())
        report.wrote(path, kind=entry.kind)
        report.show()
        return
    _report(report, fetch_weights(args.name, args.out, show_progress=sys.stderr.isatty()))


def run_import(args: argparse.Namespace) -> None:
    """Import a published file."""
    from fommvg_lib.importing import ImportOptions, import_weights

    report = options.Report(args)
    components = None if args.pca is None else Path(args.pca)
    given = ImportOptions(args.config, args.legacy_swap, components)
    _report(report, import_weights(args.file, args.kind, args.out, given))


def _report(report: options.Report, imported) -> None:
    for text in imported.notes:
        options.note(text)
    if imported.is_new:
        report.wrote(imported.folder, kind=imported.kind, sha256=imported.sha256[:12])
    else:
        report.set(there=str(imported.folder), kind=imported.kind, sha256=imported.sha256[:12])
    report.show()


def run_info(args: argparse.Namespace) -> None:
    """Check a weights folder and describe it."""
    from fommvg_lib.checkpoints import load_weights
    from fommvg_lib.weights import find_weights

    weights = load_weights(find_weights(args.folder))
    count = sum(tensor.numel() for tensor in weights.state.values())
    facts = {"kind": weights.kind, "numbers": count, "tensors": len(weights.state), "sha256": weights.sha256}
    if args.json:
        print(json.dumps({**facts, "config": weights.config, "info": weights.info}, indent=2))
        return
    for name, value in facts.items():
        print(f"{name:8} {value}")
    for name, value in weights.info.items():
        if not isinstance(value, (dict, list)):
            print(f"{options.printable(name):8} {options.printable(value)}")
