"""Many threads at once, with the interpreter's lock or without one."""

import subprocess
import sys
import threading
import time
import zlib

import pytest

import seedfs
import seedfs.dgen


def at_once(*works, threads=8):
    """Runs each on so many threads and raises what the first has raised."""
    failures = []
    begin = threading.Barrier(threads * len(works))

    def run(work, number):
        begin.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    started = [
        threading.Thread(target=run, args=(work, number))
        for work in works
        for number in range(threads)
    ]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(120)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def test_eight_fill_while_eight_verify(ds):
    paths = list(ds)
    right = {path: ds[path].read() for path in paths}

    def fill(number):
        file = ds[paths[number % len(paths)]]
        buffer = bytearray(file.size)
        for offset in (0, 5, 1 << 20):
            buffer[:] = bytes(file.size)
            length = file.readinto(buffer, offset)
            assert buffer[:length] == right[file.path][offset:]

    def verify(number):
        file = ds[paths[number % len(paths)]]
        data = bytearray(right[file.path])
        assert file.verify(data)
        data[1234 + number] ^= 2
        for _ in range(3):
            verdict = file.verify(data)
            assert verdict.ranges[0]["offset"] == 1234 + number
            assert verdict["bytes"]["wrong"] == 1

    at_once(fill, verify)


def test_one_stream_for_all(file):
    """Each byte of a generator goes to one thread, and each path of an iteration."""
    size = 40 << 20
    generator = seedfs.dgen.Generator(size=size, seed=5)
    taken = []

    def take(_number):
        while (chunk := generator.get_chunk(300_001)) is not None:
            taken.append(bytes(memoryview(chunk)[:64]))

    at_once(take)
    assert generator.is_complete() and generator.position() == size
    count = -(-size // 300_001)
    assert len(taken) == len(set(taken)) == count
    whole = generator.dataset["node_0/process_0"]
    assert set(taken) == {whole.read(start * 300_001, 64) for start in range(count)}
    paths = iter(seedfs.Dataset(files=5000))
    seen = []
    at_once(lambda _number: seen.extend(paths))
    assert len(seen) == len(set(seen)) == 5000


def test_one_judge_for_all(file):
    judge = file.judge()
    at_once(lambda _number: judge.write(b"x" * 1000))
    assert judge.finish()["bytes"]["wrong"] <= 8000


LONG_PIECES = """
import threading
import seedfs

ds = seedfs.Dataset(size="64M")
judge, piece = ds["node_0/process_0"].judge(), bytes(4 << 20)
threads = [threading.Thread(target=judge.write, args=(piece,), daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
tally = judge.finish()["bytes"]
print(tally["wrong"] + tally["matched"], tally["missing"])
"""


def test_one_judge_for_long_pieces_of_all():
    """Each piece is judged by all processors, while the other threads wait for their turn."""
    for _ in range(3):
        assert run(LONG_PIECES, timeout=60).split() == [str(32 << 20), str(32 << 20)]


WHOSE_THREADS = """
import os
import pathlib
import seedfs

def work():
    file = seedfs.Dataset(size="9M")["node_0/process_0"]
    data = file.read()
    judge = file.judge()
    for length in (100, 300_000, 1 << 20, (1 << 20) + 1, len(data)):
        assert file.verify(data[:length], 0), length
        judge.write(data[:length])
    small = seedfs.Dataset(size=1000, files=2)
    return file.blake3(), small["node_0/process_0/file_1"].blake3()

def threads():
    tasks = pathlib.Path("/proc/self/task").iterdir()
    return {task.name: (task / "comm").read_text().strip() for task in tasks}

before, sums = threads(), work()
started = [name for number, name in threads().items() if number not in before]
assert started, "no pool was needed"
print(*(name for name in started if not name.startswith("seedfs-fill")))
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(work() != sums)
"""


def test_all_work_is_done_by_threads_that_a_forked_process_makes_anew():
    assert run(WHOSE_THREADS, timeout=60).split() == []


def test_looking_at_the_machine_starts_no_threads():
    count = 'len(list(pathlib.Path("/proc/self/task").iterdir()))'
    program = f"import pathlib, seedfs.dgen; before = {count}; seedfs.dgen.get_numa_info(); "
    assert run(f"{program} print({count} - before)", timeout=60).split() == ["0"]


def run(program, timeout):
    """What a program prints, in a process of its own: one that hangs is ended."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pool_of_other_ratios_has_nothing_of_the_old_ones():
    """While others take slices, which make bytes without the lock."""
    pool = seedfs.dgen.BufferPool()
    ended = threading.Event()

    def take():
        while not ended.is_set():
            pool.next_slice(700_001)

    takers = [threading.Thread(target=take) for _ in range(3)]
    for taker in takers:
        taker.start()
    try:
        for _ in range(150):
            pool.reconfigure(compress_ratio=1.0)
            time.sleep(0.001)
            pool.reconfigure(compress_ratio=20.0)
            for _ in range(5):
                slice_ = memoryview(pool.next_slice(100_000))
                assert len(zlib.compress(slice_, 1)) < 30_000
    finally:
        ended.set()
        for taker in takers:
            taker.join()


def test_others_run_while_bytes_are_made(file):
    """The lock of the interpreter is let go of: a thread counts on while another fills."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        pytest.skip("there is no lock")
    big = seedfs.Dataset(size="4G")["node_0/process_0"]
    buffer = bytearray(256 << 20)
    ended, counted = threading.Event(), []

    def count():
        while not ended.is_set():
            counted.append(1)
            ended.wait(0.0005)

    thread = threading.Thread(target=count)
    thread.start()
    before = len(counted)
    big.readinto(buffer, 0, threads=1)
    during = len(counted) - before
    ended.set()
    thread.join()
    assert during >= 5
