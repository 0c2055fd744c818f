"""A filesystem for fsspec: ``seedfs://`` paths are files of a dataset, with no mount.

>>> import fsspec
>>> fs = fsspec.filesystem("seedfs", seed="42", files=3, size="1M")
>>> fs.ls("node_0/process_0", detail=False)
['node_0/process_0/file_0', 'node_0/process_0/file_1', 'node_0/process_0/file_2']

Reading makes the bytes. Writing judges them and keeps nothing:

>>> with fs.open("node_0/process_0/file_1", "wb") as file:
...     written = file.write(fs.cat_file("node_0/process_0/file_1"))
>>> fs.verdict("node_0/process_0/file_1").verdict
'verified'
"""

import errno
import io
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from fsspec.spec import AbstractFileSystem

from ._raw import RawFile
from ._seedfs import Dataset, File
from ._verdict import Verdict

# How many verdicts are remembered; the oldest go.
_VERDICTS_MAX = 1000

# What fsspec itself takes.
_OF_FSSPEC = frozenset(
    ["asynchronous", "batch_size", "listings_expiry_time", "loop", "max_paths"]
    + ["skip_instance_cache", "use_listings_cache"]
)


class SeedFileSystem(AbstractFileSystem):
    """The files of a dataset, to be read and to be judged.

    Takes the options of ``seedfs.Dataset`` as storage options, or the `config` file that has them,
    or a `dataset`. With ``on_mismatch="reject"``, closing a file that was written wrong raises
    OSError (EIO); otherwise only its verdict says so.
    """

    protocol = "seedfs"
    root_marker = ""

    def __init__(
        self,
        dataset: Dataset | None = None,
        config: str | None = None,
        on_mismatch: str = "record",
        **options: Any,
    ) -> None:
        of_fsspec = {name: options.pop(name) for name in _OF_FSSPEC & options.keys()}
        super().__init__(**of_fsspec)
        if on_mismatch not in ("record", "reject"):
            raise ValueError(f"on_mismatch '{on_mismatch}': expected record or reject")
        if dataset is not None and (options or config):
            raise TypeError("a dataset has its options: expected no others beside it")
        if dataset is None:
            dataset = Dataset.from_config(config, **options) if config else Dataset(**options)
        #: The dataset.
        self.dataset = dataset
        self._on_mismatch = on_mismatch
        self._verdicts: OrderedDict[str, Verdict] = OrderedDict()

    def verdict(self, path: str) -> Verdict:
        """What the last of those who wrote the file has written; the latest 1000 are known.

        Raises KeyError where nobody has closed it since.
        """
        return self._verdicts[self._strip_protocol(path)]

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The entries of a directory, or a file; sizes are in bytes."""
        path = self._strip_protocol(path)
        if path in self.dataset:
            entries = [self.info(path)]
        else:
            prefix = f"{path}/" if path else ""
            entries = [
                _entry(prefix + name, size) for name, size in self.dataset.listdir(path)
            ]
        return entries if detail else [entry["name"] for entry in entries]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """The name, the size in bytes, and the type: ``file`` or ``directory``."""
        path = self._strip_protocol(path)
        if path in self.dataset:
            return _entry(path, self.dataset[path].size)
        if self.dataset.is_dir(path):
            return _entry(path, None)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """The bytes of a file, from one offset to another; negative ones count from the end."""
        file = self._file(path)
        first, last, _step = slice(start, end).indices(file.size)
        return file.read(first, max(last - first, 0))

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        path = self._strip_protocol(path)
        if mode == "rb":
            return RawFile(self._file(path))
        if mode == "wb":
            return JudgedFile(self._file(path), self._conclude)
        raise ValueError(f"mode '{mode}': expected rb, or wb for bytes to be judged")

    def _file(self, path: str) -> File:
        path = self._strip_protocol(path)
        try:
            return self.dataset[path]
        except KeyError:
            kind = errno.EISDIR if self.dataset.is_dir(path) else errno.ENOENT
            raise OSError(kind, os.strerror(kind), path) from None

    def _conclude(self, path: str, verdict: Verdict) -> None:
        self._verdicts.pop(path, None)
        self._verdicts[path] = verdict
        while len(self._verdicts) > _VERDICTS_MAX:
            self._verdicts.popitem(last=False)
        if self._on_mismatch == "reject" and not verdict:
            raise OSError(errno.EIO, f"the bytes are not the file's: {verdict.verdict}", path)


class JudgedFile(io.RawIOBase):
    """A file that is opened for writing: what is written is judged and not kept."""

    def __init__(self, file: File, conclude: Callable[[str, Verdict], None]) -> None:
        self._file = file
        self._judge = file.judge()
        self._conclude = conclude
        self._written = 0
        #: The verdict, once it is closed.
        self.verdict: Verdict | None = None

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """How many bytes were written."""
        return self._written

    def write(self, data: Any, /) -> int:
        """Judges the next bytes."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        length = self._judge.write(data)
        self._written += length
        return length

    def close(self) -> None:
        """Ends the file: the verdict is there."""
        if self.closed:
            return
        super().close()
        self.verdict = self._judge.finish()
        self._conclude(self._file.path, self.verdict)


def _entry(name: str, size: int | None) -> dict[str, Any]:
    kind = "directory" if size is None else "file"
    return {"name": name, "size": size or 0, "type": kind}
