"""Damaged files given to the readers, in a child process with limits on memory and time.

A reader may read what it is given or raise `InputError` of one line. Anything else is a fault: another
exception, a crash, more than `CASE_SECONDS` of processor time, more than `CASE_BYTES` of memory.
Case k of a seed is always the same file: `python -m tests.fuzz.harness --seed S --only K` runs it alone.
"""

from __future__ import annotations

import argparse
import faulthandler
import gc
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fommvg_lib.files import InputError
from tests.fuzz.corpus import READERS, make_corpus
from tests.fuzz.mutate import mutate

CASE_SECONDS = 20.0
CASE_BYTES = 2 * 1024**3
SHARES = {
    "video": 8, "image": 5, "strip": 2, "motion": 2, "npy": 2, "pca": 1, "yaml": 2, "pairs": 2, "pack": 2,
    "shard": 1, "record": 2, "example": 2,
    "boxes": 1,
}  # fmt: skip
"""How often each reader is asked."""
WALL_SECONDS = 300.0
"""Without a word for so long a child is taken for stuck; far more than a case takes."""


@dataclass
class Report:
    """What became of the cases.

    Attributes:
        outcomes: how many, by reader and outcome ("read", "refused").
        faults: a line for each case that ended in any other way.
        peak_bytes: the most memory of a child beyond what it began with.
        slowest: processor seconds of the slowest case.
        hardest: seed, number and reader of the case that took the most memory.
    """

    outcomes: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    peak_bytes: int = 0
    slowest: float = 0.0
    hardest: str = ""

    @property
    def num_cases(self) -> int:
        """How many cases were run."""
        return sum(self.outcomes.values()) + len(self.faults)


def make_case(corpus: dict[str, dict[str, bytes]], seed: int, number: int) -> tuple[str, str, bytes]:
    """Give reader, file name and damaged bytes of a case."""
    rng = random.Random(f"{seed} {number}")
    reader = rng.choices(list(SHARES), list(SHARES.values()))[0]
    name = rng.choice(sorted(corpus[reader]))
    return reader, name, mutate(corpus[reader][name], rng)


def run_case(corpus: dict[str, dict[str, bytes]], folder: Path, seed: int, number: int) -> tuple[str, str]:
    """Write a case's file and read it; give reader and outcome."""
    reader, name, content = make_case(corpus, seed, number)
    room = folder / "case"
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    if reader == "pack":
        for other, whole in corpus[reader].items():
            (room / other).write_bytes(whole)
    (room / name).write_bytes(content)
    try:
        READERS[reader](room / name, number)
    except InputError as error:
        return reader, "refused" if "\n" not in str(error) else f"an error of several lines: {error!r}"
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            reader,
            f"{type(error).__name__}: {str(error)[:200]} ({Path(where.filename).name}:{where.lineno})",
        )
    return reader, "read"


def run_fuzz(folder: Path, num_cases: int, seed: int = 0, first: int = 0) -> Report:
    """Run cases `first` on, in a forked child; a child that dies is a fault, and another goes on."""
    corpus, report, number = make_corpus(folder / "corpus"), Report(), first
    while number < first + num_cases:
        number = _run_child(corpus, folder, seed, range(number, first + num_cases), report)
    return report


def _run_child(corpus, folder: Path, seed: int, numbers: range, report: Report) -> int:
    """Run cases until the child ends; give the number of the next case."""
    readable, writable = os.pipe()
    gc.collect()
    child = os.fork()
    if child == 0:
        gc.freeze()  # a decoder left to the collector would wait here for threads that only the parent has
        os.close(readable)
        _live(corpus, folder, seed, numbers, writable)
    os.close(writable)
    current = numbers.start
    with os.fdopen(readable, buffering=1) as lines:
        watch = _Watch(child)
        for line in lines:
            watch.reset()
            facts = json.loads(line)
            if "begin" in facts:
                current = facts["begin"]
                continue
            _count(report, facts, seed)
            current = facts["number"] + 1
        watch.stop()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        reader, name, _ = make_case(corpus, seed, current)
        why = (
            "took too long"
            if status in (-signal.SIGPROF, -signal.SIGKILL)
            else f"ended the process ({status})"
        )
        report.faults.append(f"seed {seed} case {current}: {reader} {name} {why}")
        return current + 1
    return numbers.stop


def _count(report: Report, facts: dict, seed: int) -> None:
    if facts["bytes"] > report.peak_bytes:  # a child's peak only grows: the case that raised it
        report.peak_bytes = facts["bytes"]
        report.hardest = f"seed {seed} case {facts['number']}, {facts['reader']}"
    report.slowest = max(report.slowest, facts["seconds"])
    if facts["outcome"] in ("read", "refused"):
        report.outcomes[facts["reader"], facts["outcome"]] += 1
    else:
        report.faults.append(f"seed {seed} case {facts['number']}: {facts['reader']} {facts['outcome']}")


class _Watch:
    """Kills a child that says nothing for `WALL_SECONDS`."""

    def __init__(self, child: int) -> None:
        def end(*_) -> None:
            os.kill(child, signal.SIGKILL)

        self._before = signal.signal(signal.SIGALRM, end)
        self.reset()

    def reset(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS)

    def stop(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)


def _live(corpus, folder: Path, seed: int, numbers: range, pipe: int) -> None:
    """Run cases and tell of each; the process ends here."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        faulthandler.disable()
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 2)  # decoders complain a lot
        begun = _memory("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (begun + CASE_BYTES,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        before = _memory("VmHWM")
        for number in numbers:
            os.write(pipe, f'{{"begin": {number}}}\n'.encode())
            signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
            began = time.process_time()
            reader, outcome = run_case(corpus, folder, seed, number)
            facts = {
                "number": number,
                "reader": reader,
                "outcome": outcome,
                "seconds": time.process_time() - began,
            }
            facts["bytes"] = _memory("VmHWM") - before
            os.write(pipe, (json.dumps(facts) + "\n").encode())
        os._exit(0)
    except BaseException:
        os._exit(97)


def _memory(name: str) -> int:
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split(f"{name}:")[1].split()[0])


def main() -> int:
    """Run cases by hand; status 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.harness")
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run this case here, and keep its file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.only is not None:
            kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
            print(*run_case(make_corpus(kept / "corpus"), kept, args.seed, args.only), kept / "case")
            return 0
        report = run_fuzz(Path(folder), args.cases, args.seed)
    for (reader, outcome), count in sorted(report.outcomes.items()):
        print(f"{reader:8} {outcome:8} {count}")
    print(*report.faults, sep="\n")
    memory = f"{report.peak_bytes / 1e6:.0f} MB more at most ({report.hardest})"
    slowest = f"{report.slowest:.1f} s at most"
    print(f"{report.num_cases} cases: {len(report.faults)} faults, {memory}, {slowest}")
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())
