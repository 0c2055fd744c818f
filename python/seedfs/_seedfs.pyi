"""What is written in Rust. Import it from ``seedfs`` and ``seedfs.dgen``."""

import os
from collections.abc import Iterator
from typing import Any, Protocol, Self, TypeAlias, final

from typing_extensions import Buffer

from ._raw import RawFile
from ._verdict import Verdict

__all__: list[str]
__version__: str

class _Tensor(Protocol):
    def __dlpack__(self) -> Any: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...

_Memory: TypeAlias = Buffer | _Tensor
_Path: TypeAlias = str | os.PathLike[str]

@final
class Dataset:
    """The files that a seed and a few options describe, and the judge of what became of them."""

    def __new__(
        cls,
        *,
        schema: int | str | None = ...,
        seed: int | str | None = ...,
        nodes: int | str | None = ...,
        processes: int | str | None = ...,
        files: int | str | None = ...,
        iterations: int | str | None = ...,
        generation: int | str | None = ...,
        size: int | str | None = ...,
        grow: float | str | None = ...,
        new_files: float | str | None = ...,
        layout: str | None = ...,
        content: str | dict[str, str] | None = ...,
        content_hash: str | None = ...,
        compress: float | str | None = ...,
        dedup: float | str | None = ...,
        dedup_block: int | str | None = ...,
        dedup_scope: str | None = ...,
        change: float | str | None = ...,
        change_block: int | str | None = ...,
        **options: int | float | str | dict[str, str] | None,
    ) -> Self: ...
    @classmethod
    def from_config(
        cls, path: _Path, /, **options: int | float | str | dict[str, str] | None
    ) -> Self: ...
    @property
    def options(self) -> dict[str, Any]: ...
    @property
    def seed(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def kernel(self) -> str: ...
    def total_bytes(self) -> int: ...
    def path_at(self, index: int) -> str: ...
    def listdir(self, path: _Path = ...) -> list[tuple[str, int | None]]: ...
    def is_dir(self, path: _Path) -> bool: ...
    def locate(self, buffer: _Memory) -> list[dict[str, Any]]: ...
    def verify_tree(
        self,
        directory: _Path,
        *,
        node: int | None = None,
        threads: int | None = None,
        direct_io: bool = False,
        drop_cache: bool = False,
        sample: float = 100.0,
        stop_after: int | None = None,
    ) -> Verdict: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[str]: ...
    def __contains__(self, path: object, /) -> bool: ...
    def __getitem__(self, path: _Path, /) -> File: ...
    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, Any]]: ...
    def __hash__(self) -> int: ...

@final
class Paths:
    """The paths of a dataset, one after another."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> str: ...

@final
class File:
    """A file of a dataset: ``ds["node_2/process_1"]``."""

    @property
    def path(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def address(self) -> bytes: ...
    @property
    def coordinates(self) -> tuple[int, int, int, int]: ...
    @property
    def dataset(self) -> Dataset: ...
    def read(
        self, offset: int = 0, length: int | None = None, *, threads: int | None = None
    ) -> bytes: ...
    def readinto(
        self, buffer: _Memory, offset: int = 0, *, threads: int | None = None
    ) -> int: ...
    def verify(self, buffer: _Memory, offset: int | None = None) -> Verdict: ...
    def judge(self) -> Judge: ...
    def open(self) -> RawFile: ...
    def blake3(self) -> str: ...
    def __len__(self) -> int: ...
    def __bool__(self) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Judge:
    """Judges the bytes of a file piece by piece, and keeps none of them: ``file.judge()``."""

    def write(self, buffer: _Memory) -> int: ...
    def finish(self) -> Verdict: ...

@final
class BytesView:
    """Bytes without a copy."""

    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class Generator:
    """A stream of bytes that follow from a seed."""

    def __new__(
        cls,
        size: int,
        dedup_ratio: float = 1.0,
        compress_ratio: float = 1.0,
        numa_mode: str = "auto",
        max_threads: int | None = None,
        numa_node: int | None = None,
        chunk_size: int | None = None,
        block_size: int | None = None,
        seed: int | None = None,
        method: str = "parallel",
    ) -> Self: ...
    @property
    def chunk_size(self) -> int: ...
    @property
    def dataset(self) -> Dataset: ...
    def fill_chunk(self, buffer: _Memory) -> int: ...
    def get_chunk(self, chunk_size: int) -> BytesView | None: ...
    def reset(self) -> None: ...
    def position(self) -> int: ...
    def total_size(self) -> int: ...
    def is_complete(self) -> bool: ...
    def set_seed(self, seed: int | None) -> None: ...

@final
class BufferPool:
    """New bytes for many small objects."""

    def __new__(cls, dedup_ratio: float = 1.0, compress_ratio: float = 1.0) -> Self: ...
    def next_slice(self, size: int) -> BytesView: ...
    def reconfigure(self, dedup_ratio: float = 1.0, compress_ratio: float = 1.0) -> None: ...
    @property
    def remaining(self) -> int: ...
    @property
    def dedup_ratio(self) -> int: ...
    @property
    def compress_ratio(self) -> int: ...

def generate_buffer(
    size: int,
    dedup_ratio: float = 1.0,
    compress_ratio: float = 1.0,
    numa_mode: str = "auto",
    max_threads: int | None = None,
    numa_node: int | None = None,
    method: str = "parallel",
) -> BytesView: ...
def generate_into_buffer(
    buffer: _Memory,
    dedup_ratio: float = 1.0,
    compress_ratio: float = 1.0,
    numa_mode: str = "auto",
    max_threads: int | None = None,
    numa_node: int | None = None,
    method: str = "parallel",
) -> int: ...
def create_bytearrays(count: int, size: int) -> list[bytearray]: ...
def bench_rolling_pool(obj_size: int, total_bytes: int) -> tuple[int, float]: ...
def generate_uniform(
    count: int,
    low: float = 0.0,
    high: float = 1.0,
    max_threads: int | None = None,
    numa_mode: str = "auto",
    seed: int | None = None,
) -> BytesView: ...
def generate_uniform_vectors(
    rows: int,
    dim: int,
    low: float = 0.0,
    high: float = 1.0,
    normalize: bool = True,
    max_threads: int | None = None,
    numa_mode: str = "auto",
    seed: int | None = None,
) -> BytesView: ...
def normalize_rows(buffer: _Memory, dim: int, max_threads: int | None = None) -> None: ...
def get_numa_info() -> dict[str, Any]: ...
