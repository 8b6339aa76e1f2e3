"""Run notebooks and store the outputs that are checked: `python .ci/store_outputs.py [notebook ...]`.

Only cells tagged `nbval-check-output` keep their outputs, and only text; everything else is stripped. Use it
after a change that alters what those cells show.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
CHECKED = "nbval-check-output"


def store_outputs(path: Path) -> int:
    """Execute a notebook in its folder and write it back with checked outputs only; give their number."""
    notebook = nbformat.read(path, as_version=4)
    executed = NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(path.parent))
    count, number = 0, 0
    for cell in executed.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type != "code":
            continue
        number += 1
        cell.execution_count = number  # nbval takes a cell without a number for one that was never run
        is_checked = CHECKED in cell.metadata.get("tags", [])
        cell.outputs = [output for output in cell.outputs if is_checked and _is_text(output)]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
        count += is_checked
    executed.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(executed, path)
    return count


def _is_text(output: nbformat.NotebookNode) -> bool:
    if output.output_type == "stream":
        return output.name == "stdout"
    return set(output.get("data", {})) == {"text/plain"}


if __name__ == "__main__":
    chosen = [Path(word) for word in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    for notebook_path in chosen:
        print(f"{notebook_path.name}: {store_outputs(notebook_path.resolve())} checked outputs stored")
