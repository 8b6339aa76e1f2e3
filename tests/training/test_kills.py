"""Runs that are killed with SIGKILL at any moment resume and end bit-identical.

`make test` kills three runs of the command and the smallest run in many places; `make soak` kills the command
63 times, each motion generator among them, and the smallest run wherever it touches a file.
"""

import os
import random
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fommvg_lib.motion_files import save_motion
from tests.motion_cases import wandering_clips
from tests.training.kill_cases import Case, Started, train_line, wait_for_step
from tests.training.small_runs import LineConfig, LineRecipe, assert_same, contents, fit_until, outcome

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into Linux's /proc")

COMMANDS = [
    *[("fomm", 1, 0, seed) for seed in (1, 2)], *[("fomm", 1, 2, seed) for seed in (1, 2)],
    *[(kind, 1, 0, seed) for kind in ("vp", "fi") for seed in (1, 2)],
    ("fomm", 2, 0, 1), ("fomm", 2, 2, 1), ("vp", 2, 0, 1), ("fi", 2, 0, 1),
]  # fmt: skip
"""Kind, processes, workers, seed: runs of the command, each killed 3 times at random moments."""
FUSES = [(kind, 1, 5) for kind in ("fomm", "vp", "fi")] + [(kind, 2, 3) for kind in ("fomm", "vp", "fi")]
"""Kind, processes, kills: runs that are killed at operations on their files."""
COMPLETERS = ("wgan", "ar", "flow")
"""Kinds of which one run is killed once, at a random moment."""


@pytest.fixture(scope="module")
def motion(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motion")
    for clip in wandering_clips(9):
        save_motion(folder / f"{clip.name}.safetensors", clip)
    return folder


@pytest.fixture(scope="module")
def unbroken(forks, tmp_path_factory):
    """Gives what a case leaves that nobody disturbs."""
    found = {}

    def get(case):
        case = replace(case, workers=0)
        if case not in found:
            folder = tmp_path_factory.mktemp("unbroken") / case.kind
            status = forks.run(folder, words=case.words(folder), processes=case.processes)
            assert status == 0, folder.with_suffix(".log").read_text()
            found[case] = contents(folder)
        return found[case]

    return get


def random_moments(seed, count, num_steps):
    """Give rising steps, one within each equal part of the first 60 % of a run."""
    rng, part = random.Random(seed), 0.6 * num_steps / count
    return [int(part * index + rng.uniform(1, part)) for index in range(count)]


def kill_at(moments, folder, start, ranks=(None,)):
    """Start a run again and again, and kill it when its log has come to each of the moments, or a bit later.

    Args:
        moments: steps, rising.
        folder: the run folder.
        start: starts a process that resumes the run.
        ranks: which of several processes is killed, in turn; None for all.
    """
    rng = random.Random(f"{moments}")
    for number, moment in enumerate(moments):
        process = start()
        wait_for_step(folder, moment, process.pid)
        time.sleep(rng.uniform(0, 0.1))
        process.kill(ranks[number % len(ranks)])
        assert process.wait() != 0, "the run ended before it could be killed"
    assert start().wait() == 0, folder.with_suffix(".log").read_text()[-3000:]


@pytest.mark.parametrize("kind,num_steps,save_every", [("fomm", 12, 4), ("vp", 24, 12), ("fi", 24, 12)])
def test_command_killed_at_a_random_moment_ends_the_same(
    forks, motion, unbroken, tmp_path, kind, num_steps, save_every
):
    case = Case(kind, num_steps, save_every, motion, workers=2 if kind == "fomm" else 0)
    run = tmp_path / "run"
    kill_at(random_moments(kind, 1, num_steps), run, lambda: forks.start(run, words=case.words(run)))
    assert_same(contents(run), unbroken(case))


@pytest.mark.soak
@pytest.mark.parametrize("kind,processes,workers,seed", COMMANDS)
def test_command_killed_at_three_random_moments_ends_the_same(
    motion, unbroken, tmp_path, kind, processes, workers, seed
):
    case = Case(kind, 36 if kind == "fomm" else 80, 6 if kind == "fomm" else 8, motion, processes, workers)
    run = tmp_path / "run"
    moments = random_moments(f"{kind} {processes} {workers} {seed}", 3, case.num_steps)
    kill_at(moments, run, lambda: Started(case.words(run), tmp_path / "run.log", processes), (None, 0, 1))
    assert_same(contents(run), unbroken(case))


@pytest.mark.soak
@pytest.mark.parametrize("kind", COMPLETERS)
def test_completer_killed_at_a_random_moment_ends_the_same(forks, motion, unbroken, tmp_path, kind):
    case, run = Case(kind, 80, 8, motion), tmp_path / "run"
    kill_at(random_moments(kind, 1, case.num_steps), run, lambda: forks.start(run, words=case.words(run)))
    assert_same(contents(run), unbroken(case))


@pytest.mark.soak
@pytest.mark.parametrize("kind,processes,num_kills", FUSES)
def test_command_killed_at_operations_on_its_files_ends_the_same(
    forks, motion, unbroken, tmp_path, kind, processes, num_kills
):
    case = Case(kind, 36 if kind == "fomm" else 80, 6 if kind == "fomm" else 8, motion, processes)
    job = {"words": case.words(tmp_path / "counted"), "processes": processes}
    operations = forks.operations(tmp_path / "counted", **job)[0]
    within_a_save = len(operations) // (case.num_steps // case.save_every)
    rng, run = random.Random(f"{kind} {processes}"), tmp_path / "run"
    job["words"] = case.words(run)
    for _ in range(num_kills):
        fuse = rng.randint(within_a_save // 4, within_a_save)
        assert forks.run(run, fuse=fuse, **job) not in (0, 2)
    assert forks.run(run, **job) == 0, run.with_suffix(".log").read_text()[-3000:]
    assert_same(contents(run), unbroken(case))


def test_soak_has_63_kills():
    assert 3 * len(COMMANDS) + sum(num_kills for _, _, num_kills in FUSES) + len(COMPLETERS) == 63


def test_run_killed_at_steps_of_a_save_ends_the_same(forks, tmp_path):
    """The smallest run, killed at every 8th operation on its files, each rename, each half-written file."""
    (operations,) = forks.operations(tmp_path / "whole")
    chosen = [
        number
        for number, operation in enumerate(operations, 1)
        if number % 8 == 0 or operation.startswith(("half", "os.rename"))
    ]
    assert_each_kill_is_survived(forks, tmp_path, chosen)


@pytest.mark.soak
def test_run_killed_at_any_operation_on_its_files_ends_the_same(forks, tmp_path):
    (operations,) = forks.operations(tmp_path / "whole")
    named = " ".join(operations)
    for part in ("/state/.00000003", "/.weights", "/best/", "/.losses", "/.config", "/pictures/"):
        assert f"os.rename {part}" in named and f"flush {part}" in named
    assert_each_kill_is_survived(forks, tmp_path, range(1, len(operations) + 1))


def assert_each_kill_is_survived(forks, tmp_path, numbers):
    for number in numbers:
        folder = tmp_path / f"killed at {number}"
        assert forks.run(folder, fuse=number) == -signal.SIGKILL
        train_line(folder)
        assert_same(contents(folder), contents(tmp_path / "whole"))
        assert not list(folder.rglob(".*"))


@pytest.mark.soak
def test_run_killed_at_any_operation_while_it_is_resumed_ends_the_same(forks, tmp_path):
    assert forks.run(tmp_path / "whole") == 0
    fit_until(5, LineRecipe(LineConfig(num_steps=6)), tmp_path / "broken")
    shutil.copytree(tmp_path / "broken", tmp_path / "counted")
    (operations,) = forks.operations(tmp_path / "counted")
    for number in range(1, len(operations) + 1):
        folder = tmp_path / f"killed at {number}"
        shutil.copytree(tmp_path / "broken", folder)
        assert forks.run(folder, fuse=number) == -signal.SIGKILL
        train_line(folder)
        assert_same(contents(folder), contents(tmp_path / "whole"))


def test_sigterm_to_all_processes_of_a_run_saves_and_ends_with_status_0(forks, motion, unbroken, tmp_path):
    """A scheduler tells the loader's workers too."""
    case, run = Case("fomm", 12, 4, motion, workers=2), tmp_path / "run"
    process = forks.start(run, words=case.words(run))
    wait_for_step(run, 2, process.pid)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait() == 0, run.with_suffix(".log").read_text()
    assert 2 <= int(outcome(run)["step"]) < 12
    assert forks.run(run, words=case.words(run)) == 0
    ended = unbroken(case)
    for name in ("weights.safetensors", "state/00000012/tensors.safetensors"):
        assert (run / name).read_bytes() == ended[name]
