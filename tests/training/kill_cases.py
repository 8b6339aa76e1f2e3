"""Processes that train and are killed.

`python -m tests.training.kill_cases` is a server: it imports torch once (seconds) and forks a process for
each job, a line of JSON. A job may carry a fuse, which kills its process at the n-th operation on the run's
files: before, in the middle of and after writing tensors, before each flush, rename, removal and opening.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds after which something that should happen is taken for hanging; far more than it needs."""
FOMM_WORDS = (
    "size=32 batch_size=2 scales=[1.0,0.5] epoch_milestones=[60,90] model.kp_pad=0 "
    "model.detector.block_expansion=4 model.detector.num_blocks=2 model.detector.max_features=16 "
    "model.dense_motion.block_expansion=4 model.dense_motion.num_blocks=2 model.dense_motion.max_features=16 "
    "model.block_expansion=4 model.max_features=8 model.num_bottleneck_blocks=1 ema_decay=0.9 "
    "loss_weights.generator_gan=1 loss_weights.feature_matching=[10,10] discriminator.num_blocks=2 "
    "discriminator.block_expansion=4 discriminator.max_features=8"
).split()
_ALL = "epoch_size=8 batch_size=8 min_window=8 max_window=16 constant_share=0.5"
_PAIR = f"{_ALL} hidden_dim=12 noise_dim=6 num_components=6 critic_width=8"
MOTION_WORDS = {
    "vp": _PAIR.split(),
    "fi": _PAIR.split(),
    "wgan": f"{_ALL} hidden_dim=8 critic_dim=8 noise_dim=6 num_components=6 num_critic=3".split(),
    "ar": f"{_ALL} hidden_dim=8 sampling_epochs=2".split(),
    "flow": f"{_ALL} width=16 num_layers=1 num_heads=2 hidden_dim=16 num_patterns=4 num_samples=2".split(),
}


@dataclass(frozen=True)
class Case:
    """A tiny model that is trained by the command.

    Attributes:
        kind: "fomm" or a motion generator.
        num_steps: of the run; of motion generators a multiple of 8.
        save_every: steps between checkpoints, figures and pictures.
        motion: folder of motion files, for motion generators.
        processes: 1 or 2.
        workers: that prepare frames.
    """

    kind: str
    num_steps: int
    save_every: int
    motion: Path
    processes: int = 1
    workers: int = 0

    def words(self, out: Path) -> list[str]:
        """Give the words of `fommvg` that train it, or go on, and log each step."""
        data = "synthetic" if self.kind == "fomm" else str(self.motion)
        words = ["train", self.kind, "--data", data, "--out", str(out), "--resume", "--device", "cpu"]
        words += ["--log-every", "1", "--save-every", str(self.save_every), "--save-minutes", "0"]
        words += ["--workers", str(self.workers)]
        if self.kind == "fomm":
            return [*words, *FOMM_WORDS, f"num_steps={self.num_steps}"]
        return [*words, *MOTION_WORDS[self.kind], f"num_epochs={self.num_steps // 8}"]


class Fuse:
    """Counts operations on files below a folder, and kills the process at one of them.

    Args:
        folder: the run folder.
        at: number of the deadly operation, from 1; None never kills.
    """

    FILE_EVENTS = (
        "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "shutil.rmtree",
        "tempfile.mkstemp", "tempfile.mkdtemp",
    )  # fmt: skip

    def __init__(self, folder: Path, at: int | None) -> None:
        self.folder, self.at = str(folder), at
        self.operations: list[str] = []

    def arm(self) -> None:
        """Watch this process, to its end: file operations, flushes, and tensors being written."""
        from fommvg_lib import checkpoints
        from fommvg_lib.training import state

        sys.addaudithook(self._hook)
        fsync = os.fsync

        def watched_fsync(handle: int) -> None:
            self.tick("flush", os.readlink(f"/proc/self/fd/{handle}"))
            fsync(handle)

        os.fsync = watched_fsync
        for module in (checkpoints, state):
            module.save_file = self._watched_save(module.save_file)

    def _watched_save(self, save_file: Callable) -> Callable:
        def save(tensors: Any, path: Path) -> None:
            self.tick("tensors", path)
            save_file(tensors, path)
            if self.at == len(self.operations) + 1:
                os.truncate(path, os.path.getsize(path) // 2)
            self.tick("half of tensors", path)
            self.tick("all tensors", path)

        return save

    def _hook(self, event: str, args: tuple) -> None:
        if event not in self.FILE_EVENTS or not isinstance(args[0], (str, os.PathLike)):
            return
        if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR):
            return
        self.tick(event, args[0])

    def tick(self, event: str, path: str | os.PathLike) -> None:
        """Count an operation."""
        if not str(path).startswith(self.folder):
            return
        name = re.sub(r"partial-\w+", "partial", str(path)[len(self.folder) :])
        self.operations.append(f"{event} {name}")
        if len(self.operations) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def scramble() -> None:
    """Leave the global random state as nobody expects it."""
    import numpy as np
    import torch

    torch.manual_seed(int.from_bytes(os.urandom(7)))
    np.random.seed(int.from_bytes(os.urandom(4)))


def train_line(folder: Path) -> None:
    """Train the smallest thing there is, with every kind of file."""
    from tests.training.small_runs import OFTEN, LineConfig, LineRecipe, quiet_fit

    quiet_fit(LineRecipe(LineConfig(num_steps=6)), folder, OFTEN, resume=True)


def do_job(job: dict[str, Any]) -> int:
    """Do a job in this process, with its fuse if it writes; give the exit status."""
    from fommvg_lib.__main__ import main

    scramble()
    folder, rank = Path(job["folder"]), int(os.environ.get("RANK", "0"))
    fuse = Fuse(folder, job.get("fuse") if rank == 0 else None)
    if "fuse" in job or "operations" in job:
        fuse.arm()
    if "words" in job:
        status = main(job["words"])
    else:
        module, name = job.get("call", "tests.training.kill_cases:train_line").split(":")
        status = getattr(importlib.import_module(module), name)(folder) or 0
    if "operations" in job:
        Path(f"{job['operations']}.{rank}").write_text(json.dumps(fuse.operations))
    return status


def do_job_in_two(job: dict[str, Any]) -> int:
    """Do a job in two processes, as a notebook starts them."""
    from accelerate import notebook_launcher

    notebook_launcher(do_job, (job,), num_processes=2, use_port=str(free_port()))
    return 0


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def serve() -> None:
    """Fork a process for each job that comes in; answer with its id, then with its exit status."""
    import torch
    import torch._dynamo  # optimisers import it when first used, which takes seconds

    import fommvg_lib.training.build
    import tests.training.small_runs

    assert fommvg_lib.training.build and tests.training.small_runs
    torch.set_num_threads(1)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(job)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _live(job: dict[str, Any]) -> None:
    """Do a job in a forked process, which ends here."""
    status = 1
    try:
        signal.alarm(int(PATIENCE))
        os.setsid()
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for handle in (1, 2):
            os.dup2(log, handle)
        status = do_job_in_two(job) if job.get("processes") == 2 else do_job(job)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


class Forked:
    """A process that the server forked."""

    def __init__(self, server: subprocess.Popen, job: dict[str, Any]) -> None:
        self._server = server
        server.stdin.write(json.dumps(job) + "\n")
        server.stdin.flush()
        self.pid = int(server.stdout.readline())
        self._status: int | None = None

    def wait(self) -> int:
        """Give the exit status, negative for a signal."""
        if self._status is None:
            self._status = int(self._server.stdout.readline())
        return self._status

    def kill(self, rank: int | None = None) -> None:
        """Kill it; it may have ended."""
        kill(self.pid)


class Started:
    """A command that was started, in one process or by torchrun."""

    def __init__(self, words: list[str], log: Path, processes: int = 1) -> None:
        self.processes = processes
        launcher = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m"]
        start = [sys.executable, "-m", *(launcher if processes > 1 else []), "fommvg_lib", *words]
        with log.open("ab") as stream:
            self.process = subprocess.Popen(start, cwd=ROOT, stdout=stream, stderr=stream, env=environment())
        self.pid = self.process.pid

    def wait(self) -> int:
        """Give the exit status, negative for a signal."""
        return self.process.wait(PATIENCE)

    def kill(self, rank: int | None = None) -> None:
        """Kill one of the processes that torchrun started, or all, and torchrun first: it would tidy up."""
        if self.processes == 1:
            kill(self.pid)
            return
        children = sorted(_children(self.pid), key=_rank_of)
        kill(*([self.pid, *children] if rank is None else [children[rank]]))


def kill(*pids: int) -> None:
    """Send SIGKILL to processes that may have ended, and wait until all have."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while any(_is_running(pid) for pid in pids):
        if time.monotonic() > end:
            raise TimeoutError(f"processes {pids} outlive SIGKILL")
        time.sleep(0.002)


def _is_running(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def _stat(pid: int) -> list[str] | None:
    """Give state, parent, ... of a process, if it is there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _children(parent: int) -> list[int]:
    everyone = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in everyone if (fields := _stat(pid)) and int(fields[1]) == parent]


def _rank_of(pid: int) -> int:
    words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    return next(int(word[5:]) for word in words if word.startswith(b"RANK="))


def environment() -> dict[str, str]:
    """Give an environment with one thread, as the tests compute with."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


@dataclass
class Server:
    """The server, seen from a test."""

    process: subprocess.Popen

    def start(self, folder: Path, **job: Any) -> Forked:
        """Start a job: `words` of a command, or a function (`call`, "module:name") that takes the folder.

        Further facts of a job: `processes` (1 or 2), `fuse`, `operations` (where to note them, by process).
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        job = {"folder": str(folder), "log": str(folder.with_suffix(".log")), **job}
        return Forked(self.process, job)

    def run(self, folder: Path, **job: Any) -> int:
        """Do a job; give its exit status."""
        return self.start(folder, **job).wait()

    def operations(self, folder: Path, **job: Any) -> list[list[str]]:
        """Do a job; give the operations on files of each of its processes."""
        path = folder.with_suffix(".operations")
        status = self.run(folder, operations=str(path), **job)
        assert status == 0, folder.with_suffix(".log").read_text()
        found = sorted(path.parent.glob(f"{path.name}.*"))
        return [json.loads(one.read_text()) for one in found]


@contextmanager
def server() -> Iterator[Server]:
    """Run a server."""
    command = [sys.executable, "-m", "tests.training.kill_cases"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environment(), **pipes) as process:
        yield Server(process)
        process.kill()


def last_step(folder: Path) -> int:
    """Give the last step in the log, 0 for none; a row may be half written."""
    try:
        lines = (folder / "losses.csv").read_text().split("\n")[1:-1]
    except FileNotFoundError:
        return 0
    return int(lines[-1].split(",")[0]) if lines else 0


def wait_for_step(folder: Path, step: int, pid: int) -> None:
    """Return when the log of a run has come to a step.

    Raises:
        RuntimeError: if its process has ended before, with the end of what it printed.
    """
    end = time.monotonic() + PATIENCE
    is_running = True
    while last_step(folder) < step:
        if not is_running:
            printed = folder.with_suffix(".log").read_text()[-3000:]
            raise RuntimeError(f"{folder}: ended before step {step}\n{printed}")
        if time.monotonic() > end:
            raise TimeoutError(f"{folder}: no step {step} within {PATIENCE} s")
        time.sleep(0.002)
        is_running = _is_running(pid)  # looked at before the log is read once more


if __name__ == "__main__":
    serve()
