"""`fommvg weights`: what a weights folder holds."""

from __future__ import annotations

import argparse
import json


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Describe the command's options."""
    parser = commands.add_parser("weights", help="look at weights")
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    info = actions.add_parser("info", help="kind, sizes, provenance and hash of a weights folder")
    info.add_argument("folder", help="a weights folder, or a name of shipped weights")
    info.add_argument("--json", action="store_true", help="print the whole description as JSON")
    info.set_defaults(run=run_info)


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
            print(f"{name:8} {value}")
