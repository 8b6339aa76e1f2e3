"""Damaged files: every reader reads them or refuses them in one line, in bounded time and memory."""

import os
import random
import signal
import time

import pytest

from tests.fuzz import harness
from tests.fuzz.corpus import READERS, make_corpus
from tests.fuzz.harness import make_case, run_case, run_fuzz
from tests.fuzz.mutate import mutate

NUM_SOAKED = 20_000


def told(report) -> str:
    counts = ", ".join(f"{reader} {outcome} {n}" for (reader, outcome), n in sorted(report.outcomes.items()))
    memory = f"{report.peak_bytes / 1e6:.0f} MB, {report.slowest:.2f} s at most"
    return "\n".join([f"{report.num_cases} cases: {counts}; {memory}", *report.faults])


def test_500_damaged_files_are_read_or_refused(tmp_path):
    report = run_fuzz(tmp_path, 500)
    assert report.num_cases == 500 and not report.faults, told(report)
    assert {reader for reader, _ in report.outcomes} == set(READERS)


@pytest.mark.soak
def test_20_000_damaged_files_are_read_or_refused(tmp_path, capsys):
    report = run_fuzz(tmp_path, NUM_SOAKED, seed=int(time.time()) // 86_400)  # other files every day
    with capsys.disabled():
        print(f"\n{told(report)}")
    assert report.num_cases == NUM_SOAKED and not report.faults, told(report)


def test_whole_files_are_read_by_every_reader(tmp_path, monkeypatch):
    corpus = make_corpus(tmp_path / "corpus")
    assert set(corpus) == set(READERS) == set(harness.SHARES)
    monkeypatch.setattr(harness, "mutate", lambda content, rng: content)
    seen = {}
    for number in range(300):
        reader, name, _ = make_case(corpus, 0, number)
        if (reader, name) not in seen:
            seen[reader, name] = run_case(corpus, tmp_path, 0, number)
    assert len(seen) >= 30 and {outcome for _, outcome in seen.values()} == {"read"}, seen


def test_cases_can_be_told_again_and_differ(tmp_path):
    corpus = make_corpus(tmp_path)
    assert make_case(corpus, 3, 7) == make_case(corpus, 3, 7) != make_case(corpus, 4, 7)
    whole = bytes(range(256)) * 4
    damaged = [mutate(whole, random.Random(number)) for number in range(200)]
    assert sum(content != whole for content in damaged) > 180 and len(set(damaged)) > 180
    assert all(mutate(b"", random.Random(number)) == b"" for number in range(20))


def _spin(path, number):
    while True:
        pass


@pytest.mark.parametrize(
    ("misbehave", "told_as"),
    [
        (lambda path, number: {}["missing"], "KeyError"),
        (lambda path, number: os.kill(os.getpid(), signal.SIGSEGV), "ended the process"),
        (lambda path, number: bytearray(4 * harness.CASE_BYTES), "MemoryError"),
        (_spin, "took too long"),
    ],
)
def test_a_reader_that_misbehaves_is_a_fault(tmp_path, monkeypatch, misbehave, told_as):
    monkeypatch.setattr(harness, "CASE_SECONDS", 0.3)
    monkeypatch.setattr(harness, "SHARES", {"yaml": 1, "pairs": 1})
    monkeypatch.setitem(READERS, "yaml", misbehave)
    report = run_fuzz(tmp_path, 6)
    assert report.num_cases == 6 and 0 < len(report.faults) < 6
    assert all(told_as in fault for fault in report.faults), report.faults
