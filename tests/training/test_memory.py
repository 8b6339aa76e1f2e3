"""Freed memory stays with a process that trains."""

import platform
import resource
import subprocess
import sys

import pytest

from fommvg_lib.training import memory

FAULTS = """
import ctypes, importlib.util, resource, sys
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
spec = importlib.util.spec_from_file_location("memory", sys.argv[2])
memory = importlib.util.module_from_spec(spec)
spec.loader.exec_module(memory)
if sys.argv[1] == "keep":
    assert memory.keep_freed_memory()
def work():
    for _ in range(20):
        block = libc.malloc(2**25)
        ctypes.memset(block, 1, 2**25)
        libc.free(block)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator of glibc")
def test_blocks_that_are_freed_come_without_new_pages():
    pages = 20 * 2**25 // resource.getpagesize()
    counts = {}
    for word in ("keep", "not"):
        command = [sys.executable, "-c", FAULTS, word, memory.__file__]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        counts[word] = int(done.stdout)
    assert counts["keep"] < pages / 100 < pages / 2 < counts["not"]


def test_other_allocators_are_left_alone(monkeypatch):
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: ("", ""))
    assert not memory.keep_freed_memory()
