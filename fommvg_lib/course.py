"""The course: every notebook run in order by papermill, and the page that shows what came of it.

`results/course/<notebook>/` receives the executed `notebook.ipynb` and `manifest.json`, beside what the
notebook itself saves. One that fails is named at the end with its cell and error; the others still run.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fommvg_lib.config.base import PROFILE_NAMES
from fommvg_lib.files import InputError, atomic_path
from fommvg_lib.results_page import build_results_page
from fommvg_lib.run_record import machine_kind, read_json, versions, write_json

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


@dataclass(frozen=True)
class CourseResult:
    """What came of one notebook.

    Attributes:
        name: the notebook's name without ending.
        seconds: wall time, s.
        error: None if it ran through; else one line naming cell and error.
        notebook: the executed notebook; None if it could not even start.
    """

    name: str
    seconds: float
    error: str | None
    notebook: Path | None

    @property
    def ok(self) -> bool:
        """Whether the notebook ran through."""
        return self.error is None


def run_course(
    profile: str,
    out: str | Path,
    only: Sequence[str] | None = None,
    jobs: int = 1,
    notebooks: str | Path = NOTEBOOKS,
    tell: Callable[[str], None] = print,
) -> list[CourseResult]:
    """Run the notebooks and build the results page.

    The page is `index.html` in the parent of `out` if `out` is named "course" (it then shows the committed
    results too), else in `out`.

    Args:
        profile: "smoke", "shipped", "colab" or "full", injected as PROFILE.
        out: where the folders of the notebooks go; each notebook gets its own as OUT.
        only: starts of names ("04"), or None for all.
        jobs: notebooks run at the same time; they share the processor's threads.
        notebooks: the folder that holds them.
        tell: receives a line when a notebook ends.

    Returns:
        One result per notebook, in order.

    Raises:
        InputError: for an unknown profile or selection, or a notebook that does not declare PROFILE and OUT.
    """
    if profile not in PROFILE_NAMES:
        raise InputError(f"profile {profile!r} is none of {', '.join(PROFILE_NAMES)}")
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    out = Path(out).resolve()
    chosen = find_notebooks(notebooks, only)
    tasks = []
    for path in chosen:
        parameters = {"PROFILE": profile, "OUT": str(out / path.stem)}
        check_parameters(path, parameters)
        tasks.append((path, out / path.stem, parameters))
    results = []
    with _kernel_of_this_python(max(1, (os.cpu_count() or 1) // jobs) if jobs > 1 else None):
        for result in _run_all(tasks, jobs):
            tell(f"{result.name}: {'done' if result.ok else 'FAILED'} in {result.seconds:.1f} s")
            results.append(result)
    page = build_results_page(out.parent if out.name == "course" else out)
    tell(summary(results))
    tell(f"open {page}")
    return results


def summary(results: Sequence[CourseResult]) -> str:
    """Say in a few lines how the course went; failures by name, cell and error."""
    failed = [result for result in results if not result.ok]
    total = sum(result.seconds for result in results)
    lines = [f"{len(results) - len(failed)} of {len(results)} notebooks ran through in {total:.0f} s"]
    return "\n".join(lines + [f"{result.name}: {result.error}" for result in failed])


def find_notebooks(folder: str | Path, only: Sequence[str] | None = None) -> list[Path]:
    """List the course's notebooks in order.

    Args:
        folder: holds `NN_name.ipynb`.
        only: starts of names; each must fit at least one notebook.

    Raises:
        InputError: if the folder holds none, or a start fits none.
    """
    found = sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise InputError(f"{folder}: holds no notebooks (the course runs from a checkout of the repository)")
    if not only:
        return found
    for start in only:
        if not any(path.name.startswith(start) for path in found):
            raise InputError(
                f"--only {start}: no notebook starts so; there are {', '.join(p.stem for p in found)}"
            )
    return [path for path in found if path.name.startswith(tuple(only))]


def declared_parameters(path: str | Path) -> list[str]:
    """Name what a notebook's cell tagged `parameters` assigns.

    Raises:
        InputError: if the notebook cannot be read or has not exactly one such cell.
    """
    cells = read_json(path).get("cells", [])
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise InputError(f"{path}: {len(tagged)} cells are tagged parameters, there must be one")
    tree = ast.parse("".join(tagged[0]["source"]))
    targets = [target for node in tree.body if isinstance(node, ast.Assign) for target in node.targets]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def check_parameters(path: str | Path, parameters: dict[str, Any]) -> None:
    """Refuse a parameter that the notebook does not declare (papermill itself would only warn).

    Raises:
        InputError: naming the notebook and the parameter.
    """
    declared = declared_parameters(path)
    for name in parameters:
        if name not in declared:
            raise InputError(f"{path}: has no parameter {name}; it has {', '.join(declared)}")


def run_notebook(path: Path, folder: Path, parameters: dict[str, Any]) -> CourseResult:
    """Run one notebook into a folder; a failing cell is a result, not an exception."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    target, error = folder / "notebook.ipynb", None
    (folder / "manifest.json").unlink(missing_ok=True)  # an earlier run's; the notebook may write its own
    started = time.perf_counter()
    with atomic_path(target) as temporary:
        try:
            papermill.execute_notebook(
                path,
                temporary,
                parameters,
                kernel_name="python3",
                cwd=path.parent.parent,
                progress_bar=False,
                log_output=False,
            )
        except PapermillExecutionError as failure:
            lines = str(failure.evalue).strip().splitlines() or [""]
            error = f"In [{failure.exec_count}]: {failure.ename}: {lines[0]}"
        except DeadKernelError as failure:
            error = f"the kernel died: {failure}"
    seconds = time.perf_counter() - started
    _note_run(folder, path.stem, parameters["PROFILE"], seconds, error)
    return CourseResult(path.stem, seconds, error, target)


def _note_run(folder: Path, name: str, profile: str, seconds: float, error: str | None) -> None:
    """Add what the driver knows to the notebook's manifest, or make one if it wrote none."""
    path = folder / "manifest.json"
    manifest = read_json(path) if path.is_file() else {"task": "course", "run": name}
    manifest.setdefault("profile", profile)
    manifest.setdefault("versions", versions())
    manifest.setdefault("machine", machine_kind())
    manifest["course"] = {"notebook": name, "profile": profile, "seconds": round(seconds, 1), "error": error}
    write_json(path, manifest)


def _run_all(tasks: list[tuple[Path, Path, dict[str, Any]]], jobs: int) -> Iterator[CourseResult]:
    if jobs == 1:
        for task in tasks:
            yield run_notebook(*task)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(run_notebook, *task) for task in tasks]:
            yield future.result()


@contextmanager
def _kernel_of_this_python(threads: int | None) -> Iterator[None]:
    """Let the kernel name `python3` mean this interpreter, whatever kernels the user has installed.

    Args:
        threads: torch threads of each kernel; None leaves its default.
    """
    environment = {} if threads is None else {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=ERROR"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python", "env": environment}
    before = os.environ.get("JUPYTER_PATH")
    with tempfile.TemporaryDirectory(prefix="fommvg-kernel-") as folder:
        kernel = Path(folder) / "kernels" / "python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        os.environ["JUPYTER_PATH"] = folder if before is None else f"{folder}{os.pathsep}{before}"
        try:
            yield
        finally:
            os.environ.pop("JUPYTER_PATH")
            if before is not None:
                os.environ["JUPYTER_PATH"] = before
