"""Fills buffers with seedfs and with dgen-py, in turn in one process, and prints the table.

    pip install dgen-py==0.3.0 numpy
    python python/benches/fill.py [--rounds 21] [--sizes 1,64,256,1024] [--rust target/release/...]

Each round fills the same buffer with ours, then with theirs, then with zeros (memset), so that what
else the machine does hits all three. A figure is the median over the rounds, in GB/s (10^9 bytes);
a ratio is the median of the rounds' ratios. Buffers were touched before.
"""

import argparse
import ctypes
import statistics
import subprocess
import time

import dgen_py
import numpy as np

import seedfs

MIB = 1 << 20


def rate(work, length: int, at_least_s: float = 0.02) -> float:
    """Bytes in a nanosecond, over as many calls as take long enough to be timed."""
    calls, started = 0, time.perf_counter_ns()
    while True:
        work()
        calls += 1
        spent = time.perf_counter_ns() - started
        if spent > at_least_s * 1e9:
            return calls * length / spent


class Theirs:
    """dgen-py's fill_chunk, which ends and is begun again."""

    def __init__(self, buffer, threads):
        self.buffer = buffer
        self.make = lambda: dgen_py.Generator(size=1 << 44, max_threads=threads)
        self.generator = self.make()

    def __call__(self):
        if self.generator.fill_chunk(self.buffer) < self.buffer.nbytes:
            self.generator = self.make()


def measure(size_mib: int, threads: int | None, rounds: int):
    buffer = np.ones(size_mib * MIB, dtype=np.uint8)
    file = seedfs.Dataset(seed="bench", size="1T")["node_0/process_0"]
    theirs = Theirs(buffer, threads)
    address = buffer.ctypes.data
    ours_s, theirs_s, zeros_s = [], [], []
    for number in range(rounds + 1):
        offset = number * buffer.nbytes
        ours_rate = rate(lambda: file.readinto(buffer, offset, threads=threads), buffer.nbytes)
        theirs_rate = rate(theirs, buffer.nbytes)
        zeros_rate = rate(lambda: ctypes.memset(address, 0, buffer.nbytes), buffer.nbytes)
        if number > 0:  # the first warms up
            ours_s.append(ours_rate)
            theirs_s.append(theirs_rate)
            zeros_s.append(zeros_rate)
    ratios = [ours / theirs for ours, theirs in zip(ours_s, theirs_s, strict=True)]
    return [statistics.median(rates) for rates in (ours_s, theirs_s, zeros_s, ratios)]


def rust(program: str, size_mib: int, threads: int | None) -> float:
    """What the library does by itself: `cargo run --release --example fill_rate`."""
    command = [program, str(size_mib), str(threads or 0)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=21)
    options.add_argument("--sizes", default="1,16,64,256,1024", help="in MiB")
    options.add_argument("--rust", help="the example fill_rate, built for release")
    options = options.parse_args()
    print(f"seedfs {seedfs.__version__} ({seedfs.Dataset().kernel}), dgen-py {dgen_py.__version__}")
    head = f"{'MiB':>5} {'threads':>7} {'seedfs':>8} {'dgen-py':>8} {'ratio':>6} {'memset':>8}"
    print(head + (f" {'Rust':>8} {'of it':>6}" if options.rust else ""))
    for threads in (1, None):
        for size_mib in map(int, options.sizes.split(",")):
            ours, theirs, zeros, ratio = measure(size_mib, threads, options.rounds)
            shown = "all" if threads is None else threads
            line = f"{size_mib:5} {shown:>7} {ours:8.1f} {theirs:8.1f} {ratio:6.2f} {zeros:8.1f}"
            if options.rust:
                library = []
                of_it = []
                for _ in range(5):
                    library.append(rust(options.rust, size_mib, threads))
                    of_it.append(measure_ours(size_mib, threads) / library[-1])
                line += f" {statistics.median(library):8.1f} {statistics.median(of_it):6.2f}"
            print(line, flush=True)


def measure_ours(size_mib: int, threads: int | None) -> float:
    buffer = np.ones(size_mib * MIB, dtype=np.uint8)
    file = seedfs.Dataset(seed="bench", size="1T")["node_0/process_0"]
    fill = lambda: file.readinto(buffer, 0, threads=threads)  # noqa: E731
    return statistics.median(rate(fill, buffer.nbytes) for _ in range(5))


if __name__ == "__main__":
    main()
