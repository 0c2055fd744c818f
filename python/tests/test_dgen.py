"""The calls of dgen-py 0.3: each on the real one and on ours, with the same outcome."""

import inspect
import re
import warnings

import numpy as np
import pytest
from conftest import Tensor

import seedfs
from seedfs import dgen

real = pytest.importorskip("dgen_py", reason="pip install dgen-py==0.3.0")

PUBLIC = list(real.__all__)
# The wheel of the real one has no `get_numa_info` for Linux, and `BytesView` is not called.
NAMES = [name for name in PUBLIC if name not in ("BytesView", "get_numa_info")]


def floats(view):
    return np.frombuffer(view, dtype=np.float32)


def steps(of):
    """A generator gone through: what each call gives."""
    generator = of.Generator(size=1000, seed=3)
    buffer = bytearray(300)
    yield generator.total_size(), generator.position(), generator.is_complete()
    for _ in range(6):
        yield generator.fill_chunk(buffer), generator.position(), generator.is_complete()
    yield generator.get_chunk(10)
    yield generator.reset(), generator.position(), generator.is_complete()
    for size in (700, 700, 700, 0):
        chunk = generator.get_chunk(size)
        yield chunk and len(chunk), generator.position()
    generator.reset()
    yield generator.fill_chunk(bytearray()), generator.get_chunk(0), generator.position()
    yield generator.fill_chunk(np.zeros((10, 10), dtype=np.uint8)), generator.set_seed(9)
    yield generator.position(), generator.set_seed(None), generator.set_seed(seed=4)
    empty = of.Generator(0)
    yield empty.is_complete(), empty.fill_chunk(buffer), empty.get_chunk(5)


def pool_steps(of):
    pool = of.BufferPool()
    yield pool.remaining, len(pool.next_slice(10)), pool.remaining
    yield pool.dedup_ratio, pool.compress_ratio, len(pool.next_slice(5 << 20)), pool.remaining
    yield pool.reconfigure(2.0, 3.0), pool.dedup_ratio, pool.compress_ratio, pool.remaining
    yield len(pool.next_slice(1 << 20)), pool.remaining, len(pool.next_slice(7)), pool.remaining
    other = of.BufferPool(dedup_ratio=4.0, compress_ratio=2.0)
    yield other.dedup_ratio, other.compress_ratio


def normalized(of, dim, array):
    return of.normalize_rows(array, dim), np.frombuffer(array, dtype=np.float32).round(5).tolist()


# Each is run on both; the outcomes are compared.
CALLS = {
    "buffer": lambda of: len(of.generate_buffer(100)),
    "buffer of a size by name": lambda of: len(of.generate_buffer(size=1_000_000)),
    "buffer, all positions": lambda of: len(
        of.generate_buffer(100, 1.0, 1.0, "auto", 2, 0)
    ),
    "buffer, all names": lambda of: len(
        of.generate_buffer(
            100, dedup_ratio=2.0, compress_ratio=2.0, numa_mode="disabled", max_threads=1,
            numa_node=0, method="parallel",
        )
    ),  # fmt: skip
    "buffer, no such NUMA node": lambda of: len(of.generate_buffer(100, numa_node=7)),
    "buffer, no threads": lambda of: len(of.generate_buffer(100, max_threads=0)),
    "buffer, negative": lambda of: of.generate_buffer(-1),
    "buffer, too large": lambda of: of.generate_buffer(1 << 70),
    "buffer, fraction": lambda of: of.generate_buffer(1.5),
    "buffer, mode": lambda of: of.generate_buffer(100, numa_mode="x"),
    "data": lambda of: len(of.generate_data(10, 1.0, 1.0, "auto", None)),
    "view": lambda of: (
        memoryview(of.generate_buffer(10)).readonly,
        memoryview(of.generate_buffer(10)).format,
        len(bytes(of.generate_buffer(10))),
        type(of.generate_buffer(10)).__name__,
    ),
    "view has no items": lambda of: of.generate_buffer(10)[0],
    "into": lambda of: of.generate_into_buffer(bytearray(10)),
    "into by name": lambda of: of.generate_into_buffer(buffer=np.zeros((4, 4), dtype=np.uint8)),
    "into a view": lambda of: of.fill_buffer(memoryview(bytearray(9)), 1.0, 1.0, "force", 2),
    "into nothing": lambda of: of.generate_into_buffer(bytearray()),
    "into bytes": lambda of: of.generate_into_buffer(b"abc"),
    "into a read-only view": lambda of: of.generate_into_buffer(memoryview(b"abc")),
    "into text": lambda of: of.generate_into_buffer("abc"),
    "into a number": lambda of: of.generate_into_buffer(5),
    "into strides": lambda of: of.generate_into_buffer(np.zeros(10, dtype=np.uint8)[::2]),
    "bytearrays": lambda of: [
        (type(one).__name__, len(one)) for one in of.create_bytearrays(count=3, size=5)
    ],
    "bytearrays, none": lambda of: of.create_bytearrays(0, 5),
    "bytearrays, negative": lambda of: of.create_bytearrays(-1, 5),
    "bytearrays, too large": lambda of: of.create_bytearrays(1, 1 << 60),
    "rolling": lambda of: of.bench_rolling_pool(1000, 100_000)[0],
    "rolling, nothing": lambda of: of.bench_rolling_pool(0, 10),
    "uniform": lambda of: len(of.generate_uniform(10)),
    "uniform, same seed": lambda of: (
        floats(of.generate_uniform(50, seed=1)).tolist()
        == floats(of.generate_uniform(50, seed=1)).tolist()
    ),
    "uniform, range": lambda of: (
        floats(of.generate_uniform(100_000, -2.0, 5.0)).min().round(1),
        floats(of.generate_uniform(100_000, -2.0, 5.0)).max().round(1),
        (floats(of.generate_uniform(100_000, -2.0, 5.0)).mean() - 0.5).round(0),
    ),
    "uniform, none": lambda of: len(of.generate_uniform(0)),
    "uniform, empty range": lambda of: of.generate_uniform(5, 3.0, 3.0),
    "uniform, wrong range": lambda of: of.generate_uniform(5, 3.0, 1.0),
    "uniform, nan": lambda of: of.generate_uniform(5, float("nan")),
    "uniform, mode": lambda of: of.generate_uniform(5, numa_mode="q"),
    "uniform, negative": lambda of: of.generate_uniform(-1),
    "vectors": lambda of: np.linalg.norm(
        floats(of.generate_uniform_vectors(1000, 30, -1.0, 1.0)).reshape(1000, 30), axis=1
    ).round(4).tolist(),
    "vectors, as they are": lambda of: len(
        of.generate_uniform_vectors(rows=2, dim=3, normalize=False, seed=1)
    ),
    "vectors, no rows": lambda of: len(of.generate_uniform_vectors(0, 3)),
    "vectors, no dimension": lambda of: of.generate_uniform_vectors(3, 0),
    "normalize": lambda of: normalized(of, 4, np.arange(12, dtype=np.float32)),
    "normalize zeros": lambda of: normalized(of, 4, np.zeros(8, dtype=np.float32)),
    "normalize bytes": lambda of: normalized(
        of, 4, bytearray(np.arange(12, dtype=np.float32).tobytes())
    ),
    "normalize nothing": lambda of: of.normalize_rows(bytearray(), 4),
    "normalize doubles": lambda of: of.normalize_rows(np.arange(12, dtype=np.float64), 4),
    "normalize parts of rows": lambda of: of.normalize_rows(np.zeros(12, dtype=np.float32), 5),
    "normalize no dimension": lambda of: of.normalize_rows(np.zeros(12, dtype=np.float32), 0),
    "normalize strides": lambda of: of.normalize_rows(
        np.zeros((3, 4), dtype=np.float32)[:, ::2], 2
    ),
    "normalize bytes that cannot change": lambda of: of.normalize_rows(b"abcd" * 4, 2),
    "generator": lambda of: list(steps(of)),
    "generator, all positions": lambda of: of.Generator(
        100, 1.0, 1.0, "auto", 1, 0, 4096, 65536, 7
    ).chunk_size,
    "generator, chunk": lambda of: [
        of.Generator(size=size, chunk_size=chunk).chunk_size
        for size, chunk in [(100, None), (1 << 30, None), (1 << 30, 1000), (1 << 30, 0)]
    ],
    "generator, block": lambda of: of.Generator(1 << 30, block_size=1 << 20).chunk_size,
    "generator, method": lambda of: of.Generator(100, method="xoshiro").total_size(),
    "generator, no such NUMA node": lambda of: of.Generator(100, numa_node=99).total_size(),
    "generator, negative": lambda of: of.Generator(-1),
    "generator, seed below 0": lambda of: of.Generator(100, seed=-1),
    "generator, seed too large": lambda of: of.Generator(100, seed=1 << 64),
    "generator, mode": lambda of: of.Generator(100, numa_mode="zz"),
    "generator, seed is needed": lambda of: of.Generator(100).set_seed(),
    "generator, into bytes": lambda of: of.Generator(100).fill_chunk(b"x"),
    "generator, into text": lambda of: of.Generator(100).fill_chunk("x"),
    "generator, into strides": lambda of: of.Generator(9).fill_chunk(
        np.zeros(8, dtype=np.uint8)[::2]
    ),
    "generator, chunk too large": lambda of: of.Generator(100).get_chunk(1 << 70),
    "streaming": lambda of: of.StreamingGenerator is of.Generator,
    "pool": lambda of: list(pool_steps(of)),
    "pool, nothing": lambda of: of.BufferPool().next_slice(0),
    "pool, negative": lambda of: of.BufferPool().next_slice(-1),
    "fractions": lambda of: len(of.generate_buffer(1000, 2.5, 3.7)),
    "fractions below 1": lambda of: len(of.generate_buffer(1000, 0.5, 0.2)),
    "fractions into": lambda of: of.generate_into_buffer(bytearray(10), compress_ratio=1.5),
    "fractions of a generator": lambda of: of.Generator(1000, 1.5, 2.6).total_size(),
    "fractions of a pool": lambda of: of.BufferPool(1.5, 2.6).compress_ratio,
    "fractions of a pool, again": lambda of: of.BufferPool().reconfigure(1.5, 2.6),
}


def outcome(call, of):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            value = call(of)
        except BaseException as error:
            value = type(error)
    return value, [str(warning.message) for warning in warned]


@pytest.mark.parametrize("name", CALLS)
def test_the_same_call_has_the_same_outcome(name):
    assert outcome(CALLS[name], dgen) == outcome(CALLS[name], real)


def signature(of, name):
    """Of a function or class, with the names and the defaults of its parameters."""
    shown = str(inspect.signature(getattr(of, name)))
    shown = re.sub(r": [^,=)]+(\[[^]]*\])?", "", re.sub(r" -> .*", "", shown))
    return re.sub(r"\s*=\s*", "=", shown).replace("'", '"')


@pytest.mark.parametrize("name", NAMES)
def test_the_same_names_with_the_same_defaults(name):
    assert signature(dgen, name) == signature(real, name)
    thing = getattr(real, name)
    for method in vars(thing) if isinstance(thing, type) else []:
        if not method.startswith("_"):
            ours, theirs = getattr(getattr(dgen, name), method), getattr(thing, method)
            assert callable(ours) == callable(theirs), method
            if callable(theirs):
                assert str(inspect.signature(ours)) == str(inspect.signature(theirs)), method


def test_the_same_names():
    assert set(PUBLIC) <= set(dgen.__all__)


@pytest.mark.parametrize("count", [600_004, 1 << 20, 3_000_001])
def test_numbers_are_the_same_however_many_threads_make_them(count):
    """Also where the parts of the threads would end within a number."""
    alone = floats(dgen.generate_uniform(count, 2.0, 3.0, max_threads=1, seed=5))
    assert alone.min() >= 2.0 and alone.max() <= 3.0
    for threads in (2, 3, 7):
        shared = floats(dgen.generate_uniform(count, 2.0, 3.0, max_threads=threads, seed=5))
        assert np.array_equal(alone, shared), threads


def test_numbers_of_a_range_without_end_are_refused():
    for low, high in [(0.0, float("inf")), (float("-inf"), 0.0), (-3e38, 3e38)]:
        with pytest.raises(ValueError, match="generate_uniform: .*finite"):
            dgen.generate_uniform(5, low, high)


def test_only_tensors_of_numbers_that_are_float32_are_scaled():
    array = np.array([3, 4, 0, 0], dtype=np.float32)
    dgen.normalize_rows(Tensor(array), 2)
    assert np.allclose(array, [0.6, 0.8, 0.0, 0.0])
    raw = np.frombuffer(bytearray(np.array([3, 4], dtype=np.float32).tobytes()), np.uint8)
    dgen.normalize_rows(Tensor(raw), 2)
    assert np.allclose(raw.view(np.float32), [0.6, 0.8])
    for kind in (np.float64, np.int32, np.uint32, np.float16, np.complex64):
        array = np.ones(16, dtype=kind)
        before = array.copy()
        with pytest.raises(ValueError, match="must be a writable float32 array"):
            dgen.normalize_rows(Tensor(array), 2)
        assert np.array_equal(array, before), kind
    swapped = np.ones(16, dtype=np.dtype(np.float32).newbyteorder())
    with pytest.raises(ValueError, match="must be a writable float32 array"):
        dgen.normalize_rows(swapped, 2)


# What we do otherwise on purpose.


def test_no_bytes_are_an_error_and_no_panic():
    with pytest.raises(ValueError, match="size must be > 0"):
        dgen.generate_buffer(0)


def test_buffers_of_any_type_are_filled():
    array = np.zeros(100, dtype=np.float32)
    assert dgen.generate_into_buffer(array) == 400 and array.tobytes().count(b"\0") < 50


def test_the_bytes_are_a_dataset_s():
    generator = dgen.Generator(size=3 << 20, seed=7)
    whole = generator.dataset["node_0/process_0"]
    assert generator.dataset == seedfs.Dataset(seed="7", size=3 << 20)
    buffer = bytearray(1_000_000)
    for start in range(0, 3 << 20, 1_000_000):
        length = generator.fill_chunk(buffer)
        assert whole.verify(memoryview(buffer)[:length], start)
    generator.reset()
    assert bytes(generator.get_chunk(100)) == whole.read(0, 100)


def test_new_bytes_each_time():
    seen = {bytes(dgen.generate_buffer(64)) for _ in range(1000)}
    pool = dgen.BufferPool()
    seen |= {bytes(pool.next_slice(64)) for _ in range(1000)}
    seen |= {bytes(dgen.Generator(64).get_chunk(64)) for _ in range(100)}
    assert len(seen) == 2100
    buffers = dgen.create_bytearrays(100, 64)
    for buffer in buffers:
        dgen.generate_into_buffer(buffer)
    assert len(seen | set(map(bytes, buffers))) == 2200


@pytest.mark.parametrize("ratio", [1, 2, 5])
def test_ratios_are_kept(ratio):
    zlib = pytest.importorskip("zlib")
    length = 8 << 20
    for view in [
        dgen.generate_buffer(length, compress_ratio=ratio),
        dgen.Generator(length, compress_ratio=ratio).get_chunk(length),
    ]:
        packed = len(zlib.compress(memoryview(view), 1))
        assert packed == pytest.approx(length / ratio, rel=0.1)
    for view in [
        dgen.generate_buffer(length, dedup_ratio=ratio),
        dgen.Generator(length, dedup_ratio=ratio).get_chunk(length),
    ]:
        data = bytes(view)
        blocks = {data[start : start + 4096] for start in range(0, length, 4096)}
        assert len(blocks) == pytest.approx(2048 / ratio, rel=0.1)


def test_a_forked_process_has_bytes_of_its_own():
    import multiprocessing

    with multiprocessing.get_context("fork").Pool(2) as pool:
        views = pool.map(new_bytes, range(20), chunksize=1)
    views.append(new_bytes(0))
    assert len(set(views)) == len(views)


def new_bytes(_number):
    return bytes(dgen.generate_buffer(64))


def test_numa():
    info = dgen.get_numa_info()
    assert info == dgen.get_system_info()
    assert info["num_nodes"] == len(info["nodes"]) >= 1
    assert info["logical_cpus"] == sum(len(node["cpus"]) for node in info["nodes"])
    assert 1 <= info["physical_cores"] <= info["logical_cpus"]
    assert info["is_uma"] == (info["num_nodes"] == 1) and "UMA" in info["deployment_type"]
