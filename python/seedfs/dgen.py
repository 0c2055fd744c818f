"""The calls of dgen-py 0.3, with bytes that can be had again.

``import seedfs.dgen as dgen_py`` is the only change in a program. Names, defaults and what comes
back are those of dgen-py; the bytes are seedfs's. Those of a ``Generator`` are a file of a dataset,
``generator.dataset``: any of them can be read again at any offset, located and judged.

>>> import seedfs.dgen as dgen_py
>>> generator = dgen_py.Generator(size=1 << 20, seed=7)
>>> buffer = bytearray(4096)
>>> generator.fill_chunk(buffer)
4096
>>> bool(generator.dataset["node_0/process_0"].verify(buffer, 0))
True
"""

from typing import Any

from ._seedfs import (
    BufferPool,
    BytesView,
    Generator,
    __version__,
    bench_rolling_pool,
    create_bytearrays,
    generate_buffer,
    generate_into_buffer,
    generate_uniform,
    generate_uniform_vectors,
    get_numa_info,
    normalize_rows,
)

__all__ = [
    "BufferPool",
    "BytesView",
    "Generator",
    "StreamingGenerator",
    "__version__",
    "bench_rolling_pool",
    "create_bytearrays",
    "fill_buffer",
    "generate_buffer",
    "generate_data",
    "generate_into_buffer",
    "generate_uniform",
    "generate_uniform_vectors",
    "get_numa_info",
    "get_system_info",
    "normalize_rows",
]

StreamingGenerator = Generator


def generate_data(
    size: int,
    dedup_ratio: float = 1.0,
    compress_ratio: float = 1.0,
    numa_mode: str = "auto",
    max_threads: int | None = None,
) -> BytesView:
    """`size` new bytes: ``generate_buffer`` by its other name."""
    return generate_buffer(size, dedup_ratio, compress_ratio, numa_mode, max_threads)


def fill_buffer(
    buffer: Any,
    dedup_ratio: float = 1.0,
    compress_ratio: float = 1.0,
    numa_mode: str = "auto",
    max_threads: int | None = None,
) -> int:
    """Fills a buffer with new bytes: ``generate_into_buffer`` by its other name."""
    return generate_into_buffer(buffer, dedup_ratio, compress_ratio, numa_mode, max_threads)


def get_system_info() -> dict[str, Any] | None:
    """The processors and NUMA nodes of this machine: ``get_numa_info`` by its other name."""
    return get_numa_info()
