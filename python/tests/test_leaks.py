"""What is lent is given back: memory does not grow over 10^5 calls."""

import gc
import pathlib

import numpy as np
from conftest import Tensor

import seedfs
import seedfs.dgen

CALLS = 100_000
#: What the allocators of Python and the system may keep. A leak of 64 bytes a call is 6 MiB.
GROWTH_MAX = 4 << 20


def resident():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def growth(work):
    for _ in range(CALLS // 10):
        work()
    gc.collect()
    before = resident()
    for _ in range(CALLS):
        work()
    gc.collect()
    return resident() - before


def test_nothing_grows():
    ds = seedfs.Dataset(seed="42", size="1M")
    file = ds["node_0/process_0"]
    buffer, array = bytearray(4096), np.zeros(1000, dtype=np.float32)
    tensor = Tensor(array)
    right, wrong = file.read(0, 4096), bytes(4096)
    generator = seedfs.dgen.Generator(size=1 << 50, seed=1)
    pool = seedfs.dgen.BufferPool()
    frozen = b"abc"

    def some():
        file.readinto(buffer, 5)
        file.readinto(tensor)
        file.read(7, 100)
        assert file.verify(right, 0)
        ds["node_0/process_0"]
        generator.fill_chunk(array)
        generator.get_chunk(512)
        memoryview(pool.next_slice(5000)).release()
        try:
            file.readinto(frozen)
        except BufferError:
            pass

    assert growth(some) < GROWTH_MAX

    def rarer():
        assert not file.verify(wrong, 0)
        ds.locate(right)

    for _ in range(200):
        rarer()
    before = resident()
    for _ in range(5_000):
        rarer()
    assert resident() - before < GROWTH_MAX


def test_large_buffers_come_back():
    file = seedfs.Dataset(size="64M")["node_0/process_0"]
    for _ in range(5):
        file.verify(file.read())
        seedfs.dgen.generate_buffer(64 << 20)
    before = resident()
    for _ in range(20):
        file.verify(file.read())
        seedfs.dgen.generate_buffer(64 << 20)
    assert resident() - before < 64 << 20
