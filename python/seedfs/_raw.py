"""A file of a dataset as Python's own files are."""

import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._seedfs import File


class RawFile(io.RawIOBase):
    """A file of a dataset, opened for reading: ``file.open()``.

    It seeks, has a name, and reads straight into buffers. Nothing is buffered, because bytes are
    made faster than they are copied; ``io.BufferedReader`` helps those who read a few at a time.
    """

    def __init__(self, file: "File") -> None:
        self.file = file
        self._position = 0

    @property
    def name(self) -> str:
        """The path in the dataset."""
        return self.file.path

    @property
    def mode(self) -> str:
        """How it is open."""
        return "rb"

    def readable(self) -> bool:
        """It is."""
        self._check()
        return True

    def seekable(self) -> bool:
        """It is."""
        self._check()
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        self._check()
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Goes to an offset in bytes, from the beginning, from here or from the end."""
        self._check()
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.file.size}
        if whence not in start:
            raise ValueError(f"whence {whence}: expected 0, 1 or 2")
        position = start[whence] + offset
        if position < 0:
            raise ValueError(f"the offset would be {position}: expected 0 or more")
        self._position = position
        return position

    def readinto(self, buffer: Any, /) -> int:
        """Fills a buffer with what follows, and returns how many bytes that were."""
        self._check()
        if self._position >= self.file.size:
            return 0
        length = self.file.readinto(buffer, self._position)
        self._position += length
        return length

    def readall(self) -> bytes:
        """All that follows."""
        self._check()
        data = self.file.read(self._position) if self._position < self.file.size else b""
        self._position += len(data)
        return data

    def write(self, data: Any, /) -> int:
        """Raises io.UnsupportedOperation: ``file.verify`` and ``file.judge`` take bytes."""
        raise io.UnsupportedOperation("the file is open for reading")

    def _check(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
