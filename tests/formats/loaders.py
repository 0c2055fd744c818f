"""What dev/test-loaders runs: loaders of training samples, each batch checked against the seed."""

import argparse
import collections
import itertools
import multiprocessing
import os
import queue
import random
import sys
import tempfile
import threading
import time

import numpy as np
from tfrecord import example_pb2

from mounts import SEED, Failures, mounted, verdict
from values import Content, masked, same

BATCH = 64
WORKERS = 4
# Batches that each worker makes ahead, as PyTorch's DataLoader does.
PREFETCH = 2

SAMPLES = 1_000_000
SHAPE = (224, 224, 3)
SAMPLE_OPTIONS = ["--seed", SEED, "--content", "npz:x:u1,224x224x3+y:i8,1", "--files",
                  str(SAMPLES), "--layout", "train/{file:07}.npz"]

FILES = 32
RECORDS = 64
RECORD_OPTIONS = ["--seed", SEED, "--content", f"tfrecord:150528,{RECORDS}", "--files", str(FILES),
                  "--layout", "train/{file:04}.tfrecord"]


class Samples:
    """A map-style dataset, as PyTorch calls it: one archive for each sample."""

    def __init__(self, place: str):
        self.place = place

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, number: int):
        with np.load(os.path.join(self.place, "train", f"{number:07}.npz")) as archive:
            return number, archive["x"], archive["y"]


def check_samples(numbers, images, labels) -> int:
    """Compares a batch with what the seed says; returns its length."""
    size = int(np.prod(SHAPE))
    # The first array begins behind 64 bytes of zip and 128 of header, the second where it ends.
    second = (192 + size + 30 + len("y.npy") + 6 + 63) // 64 * 64 + 128
    for number, image, label in zip(numbers, images, labels, strict=True):
        content = Content(SEED, (0, 0, 0, int(number)))
        same(image, content.array("u1", 192, size).reshape(SHAPE), f"x of sample {number}")
        same(label, content.array("i8", second, 1), f"y of sample {number}")
    return len(numbers)


def torch_batches(dataset: Samples):
    """PyTorch's DataLoader: shuffled, by processes, collated there."""
    import torch.utils.data

    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, shuffle=True, num_workers=WORKERS, prefetch_factor=PREFETCH
    )
    for numbers, images, labels in loader:
        yield numbers.tolist(), images.numpy(), labels.numpy()


def work(dataset: Samples, wanted, made) -> None:
    """A worker: makes batches of the numbers that it is told, until it is told none."""
    while (job := wanted.get()) is not None:
        order, numbers = job
        try:
            columns = zip(*(dataset[number] for number in numbers))
            made.put((order, tuple(np.array(column) for column in columns)))
        except Exception as error:  # pylint: disable=broad-except
            made.put((order, error))


def process_batches(dataset: Samples):
    """The access pattern of that DataLoader, without PyTorch: workers have queues of numbers, some
    batches are made ahead, and they come in their order."""
    context = multiprocessing.get_context("fork")
    made = context.Queue()
    wanted = [context.SimpleQueue() for _ in range(WORKERS)]
    workers = [
        context.Process(target=work, args=(dataset, one, made), daemon=True) for one in wanted
    ]
    for worker in workers:
        worker.start()
    # Bits of a number, mixed by an odd factor: all numbers, each once, in no order to see.
    numbers = ((31_415_927 * step) % SAMPLES for step in range(SAMPLES))
    jobs = enumerate(iter(lambda: list(itertools.islice(numbers, BATCH)), []))
    waiting = {}

    def order_next() -> None:
        for order, job in itertools.islice(jobs, 1):
            wanted[order % WORKERS].put((order, job))

    try:
        for _ in range(WORKERS * PREFETCH):
            order_next()
        for order in range(-(-SAMPLES // BATCH)):
            while order not in waiting:
                at, batch = made.get(timeout=60)
                waiting[at] = batch
            batch = waiting.pop(order)
            if isinstance(batch, Exception):
                raise batch
            order_next()
            yield batch
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def load_samples(work_dir: str, batches, seconds: float) -> None:
    """Random batches from a million samples, for a while."""
    for cache in ("direct", "page"):
        with mounted(work_dir, SAMPLE_OPTIONS, "--cache", cache) as place:
            count, seen, started = 0, set(), time.monotonic()
            loader = batches(Samples(place))
            for numbers, images, labels in loader:
                count += check_samples(numbers, images, labels)
                seen.update(map(int, numbers))
                spent = time.monotonic() - started
                if spent > seconds / 2:
                    break
            # Its workers end.
            loader.close()
            assert len(seen) == count, "a sample came twice"
            assert verdict(place) == "untouched"
            size = count * int(np.prod(SHAPE)) / 1e6
            print(f"       --cache {cache}: {count} samples in {count // BATCH} batches, "
                  f"{count / spent:.0f} a second, {size / spent:.0f} MB/s, each as the seed has it")


class Record:
    """An example, and where its image and label stand in their file."""

    def __init__(self, file: int, start: int, data: bytes):
        example = example_pb2.Example.FromString(data)
        feature = example.features.feature
        self.image = feature["image"].bytes_list.value[0]
        self.label = feature["label"].int64_list.value[0]
        self.file = file
        self.image_at = start + 12 + data.index(self.image)
        # The last byte of the message.
        self.label_at = start + 12 + len(data) - 1

    def check(self) -> None:
        """Compares it with what the seed says."""
        content = Content(SEED, (0, 0, 0, self.file))
        where = f"of file {self.file} at {self.image_at}"
        assert self.image == content.at(self.image_at, len(self.image)), f"the image {where}"
        assert self.label == content.at(self.label_at, 1)[0] % 128, f"the label {where}"


def records(place: str, file: int):
    """The records of a file, from its beginning to its end, with both of their sums looked at."""
    path = os.path.join(place, "train", f"{file:04}.tfrecord")
    with open(path, "rb", buffering=256 << 10) as raw:
        start = 0
        while head := raw.read(12):
            assert int.from_bytes(head[8:], "little") == masked(head[:8]), "sum of a length"
            length = int.from_bytes(head[:8], "little")
            data, tail = raw.read(length), raw.read(4)
            assert int.from_bytes(tail, "little") == masked(data), f"sum of record {start}"
            yield Record(file, start, data)
            start += 16 + length


def interleave(sources, cycle: int):
    """One element in turn of each of so many sources; one that is at its end makes room."""
    sources, running = iter(sources), collections.deque()
    running.extend(itertools.islice(sources, cycle))
    while running:
        source = running.popleft()
        try:
            yield next(source)
        except StopIteration:
            running.extend(itertools.islice(sources, 1))
        else:
            running.append(source)


def shuffle(elements, room: int, chosen: random.Random):
    """A random one of so many that are held, each time."""
    held = []
    for element in elements:
        if len(held) < room:
            held.append(element)
            continue
        at = chosen.randrange(room)
        element, held[at] = held[at], element
        yield element
    chosen.shuffle(held)
    yield from held


def batch(elements, size: int):
    """Lists of so many."""
    elements = iter(elements)
    return iter(lambda: list(itertools.islice(elements, size)), [])


def prefetch(elements, count: int):
    """The same, of which a thread of its own makes so many ahead."""
    ready, ended = queue.Queue(count), threading.Event()

    def offer(element) -> bool:
        while not ended.is_set():
            try:
                ready.put(element, timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def make() -> None:
        try:
            for element in elements:
                if not offer((element, None)):
                    return
            offer((None, StopIteration()))
        except Exception as error:  # pylint: disable=broad-except
            offer((None, error))

    thread = threading.Thread(target=make)
    thread.start()
    try:
        while True:
            element, error = ready.get(timeout=60)
            if isinstance(error, StopIteration):
                return
            if error:
                raise error
            yield element
    finally:
        ended.set()
        thread.join()


def pipeline(place: str, chosen: random.Random):
    """An epoch as tf.data makes it: files in a random order, eight of them at the same time, each
    read ahead; their records shuffled, in batches of which some are ready."""
    files = chosen.sample(range(FILES), FILES)
    sources = (prefetch(records(place, file), 4) for file in files)
    shuffled = shuffle(interleave(sources, 8), 256, chosen)
    return prefetch(batch(shuffled, BATCH), 4)


def load_records(work_dir: str, seconds: float) -> None:
    """Epochs of records, for a while, and one at the least."""
    chosen = random.Random(5)
    for cache in ("direct", "page"):
        with mounted(work_dir, RECORD_OPTIONS, "--cache", cache) as place:
            epochs, started = 0, time.monotonic()
            while epochs == 0 or time.monotonic() - started < seconds / 2:
                seen = []
                for found in pipeline(place, chosen):
                    for record in found:
                        record.check()
                        seen.append((record.file, record.image_at))
                assert len(seen) == len(set(seen)) == FILES * RECORDS, "not each record once"
                assert seen != sorted(seen), "nothing was shuffled"
                epochs += 1
            spent = time.monotonic() - started
            assert verdict(place) == "untouched"
            count = epochs * FILES * RECORDS
            print(f"       --cache {cache}: {epochs} epochs, {count} records, "
                  f"{count / spent:.0f} a second, {count * 150528 / 1e6 / spent:.0f} MB/s, "
                  "each as the seed has it")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--torch", action="store_true")
    arguments = parser.parse_args()
    batches = torch_batches if arguments.torch else process_batches
    name = "PyTorch's DataLoader" if arguments.torch else "workers like a DataLoader's"
    failures = Failures()
    with tempfile.TemporaryDirectory() as work_dir:
        with failures.case(f"npz samples by {name}"):
            load_samples(work_dir, batches, arguments.seconds)
        with failures.case("tfrecords, interleaved, shuffled, batched and prefetched"):
            load_records(work_dir, arguments.seconds)
    return failures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
