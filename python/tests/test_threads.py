"""Many threads at once, with the interpreter's lock or without one."""

import sys
import threading

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
