"""Sources and sinks of bytes, and the loops that copy and compare them.

Every loop reuses one buffer, so that the time measured is the storage's and not the allocator's.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import subprocess
import time
from typing import List, NamedTuple, Optional

from .errors import StressError
from .lifetime import dying_with_me
from .options import DIRECT_ALIGNMENT_BYTES

# Python 3.9 does not name it.
_F_SETPIPE_SZ = 1031
_PIPE_BYTES = 1 << 20


class FileSource:
    """A file that is read from its beginning to its end."""

    def __init__(self, path: str, direct: bool = False) -> None:
        self.path = path
        self._direct = direct
        self._fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if direct else 0))
        self._size_bytes = os.fstat(self._fd).st_size
        self.read_bytes = 0

    def fill(self, view: memoryview) -> int:
        """Reads until `view` is full or the file ends; returns how much was read."""
        filled = _fill(self._fd, view, self.path, self._direct)
        self.read_bytes += filled
        return filled

    def close(self) -> None:
        """Gives the descriptor back."""
        os.close(self._fd)

    def check(self) -> None:
        """Fails when less (or more) arrived than the file's size promised."""
        if self.read_bytes != self._size_bytes:
            raise StressError(
                f"{self.path}: short read: {self.read_bytes} of {self._size_bytes} bytes"
                if self.read_bytes < self._size_bytes
                else f"{self.path}: grew while it was read, from {self._size_bytes} bytes"
            )


class CommandSource:
    """What a command writes to its standard output."""

    def __init__(self, command: List[str]) -> None:
        self.path = " ".join(command)
        self._ended = False
        self._code: Optional[int] = None
        self._said = ""
        # A file and not a pipe: nobody reads it before the command has ended.
        self._stderr_fd = os.memfd_create("stderr")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr_fd,
            bufsize=0, preexec_fn=dying_with_me(),
        )
        self._fd = self._process.stdout.fileno()
        try:
            fcntl.fcntl(self._fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            # Users have a quota of pipe pages; the default size is slower, and right.
            pass

    def fill(self, view: memoryview) -> int:
        """Reads until `view` is full or the command has said everything."""
        filled = _fill(self._fd, view, self.path)
        self._ended = filled < len(view)
        return filled

    def close(self) -> None:
        """Ends a command that still has something to say, and waits for it."""
        self._process.stdout.close()
        if not self._ended:
            self._process.kill()
        self._code = self._process.wait()
        self._said = os.pread(self._stderr_fd, 4096, 0).decode("utf-8", "replace").strip()
        os.close(self._stderr_fd)

    def check(self) -> None:
        """Once closed: fails when the command failed, for what it said then is no content."""
        if self._code != 0:
            reason = self._said or "it gave no reason"
            raise StressError(f"`{self.path}` ended with {self._code}: {reason}")


class FileSink:
    """A file that is written anew."""

    def __init__(self, path: str, direct: bool = False, fsync: bool = False) -> None:
        self._path = path
        self._direct = direct
        self._fsync = fsync
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | (os.O_DIRECT if direct else 0)
        self._fd = os.open(path, flags, 0o644)

    def write(self, view: memoryview) -> None:
        """Writes all of `view`."""
        if self._direct and len(view) % DIRECT_ALIGNMENT_BYTES:
            # Only a file's tail is not a multiple; it goes through the page cache, as dd's does.
            flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
            fcntl.fcntl(self._fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        done = 0
        while done < len(view):
            try:
                done += os.write(self._fd, view[done:])
            except OSError as error:
                raise _named(error, self._path) from error

    def end(self) -> None:
        """Expects nothing more."""

    def close(self) -> None:
        """Ends the file; errors of earlier writes can surface only here."""
        try:
            if self._fsync:
                os.fsync(self._fd)
        except OSError as error:
            raise _named(error, self._path) from error
        finally:
            fd, self._fd = self._fd, -1
            try:
                os.close(fd)
            except OSError as error:
                raise _named(error, self._path) from error


class NullSink:
    """Throws away what it is given."""

    def write(self, view: memoryview) -> None:
        """Keeps nothing."""

    def end(self) -> None:
        """Expects nothing more."""

    def close(self) -> None:
        """Has nothing to end."""


class ComparingSink:
    """Compares what it is given with a file's bytes, and passes it on."""

    def __init__(self, expected_path: str, path: str, sink) -> None:
        self._expected = FileSource(expected_path)
        self._path = path
        self._sink = sink
        self._buffer = bytearray()

    def write(self, view: memoryview) -> None:
        """Fails at the first byte that differs."""
        if len(self._buffer) != len(view):
            self._buffer = bytearray(len(view))
        filled = self._expected.fill(memoryview(self._buffer))
        # A bytearray compares with memcmp.
        if filled < len(view) or self._buffer != view:
            offset = self._expected.read_bytes - filled
            difference = _first_difference(bytes(self._buffer[:filled]), bytes(view))
            raise self._failure(difference._replace(offset=offset + difference.offset))
        self._sink.write(view)

    def end(self) -> None:
        """Fails where more is expected."""
        rest = bytearray(1)
        if self._expected.fill(memoryview(rest)):
            raise self._failure(Difference(self._expected.read_bytes - 1, bytes(rest), b""))

    def close(self) -> None:
        """Ends both files."""
        self._expected.close()
        self._sink.close()

    def _failure(self, difference: Difference) -> StressError:
        return StressError(f"{self._path}: is not {self._expected.path}: {difference}")


class Copied(NamedTuple):
    """What one copy did."""

    size_bytes: int
    waiting_seconds: float
    """The part of its time that went into the source."""


def new_buffer(size_bytes: int) -> memoryview:
    """A buffer that begins at a page, as O_DIRECT asks."""
    return memoryview(mmap.mmap(-1, size_bytes))


def copy(source, sink, buffer: memoryview) -> Copied:
    """Moves everything from `source` to `sink`."""
    size_bytes, waiting_seconds = 0, 0.0
    while True:
        begin = time.perf_counter()
        filled = source.fill(buffer)
        waiting_seconds += time.perf_counter() - begin
        if filled:
            sink.write(buffer[:filled])
            size_bytes += filled
        if filled < len(buffer):
            sink.end()
            return Copied(size_bytes, waiting_seconds)


class Difference(NamedTuple):
    """The first place where two streams differ."""

    offset: int
    expected: bytes
    """A few bytes from there on; empty where the stream ends."""
    found: bytes

    def __str__(self) -> str:
        if not self.found:
            return f"ends at offset {self.offset}, more is expected"
        if not self.expected:
            return f"goes on after offset {self.offset}, where it should end"
        return (
            f"first differs at offset {self.offset}: "
            f"expected {self.expected.hex()}, found {self.found.hex()}"
        )


def compare(expected, found, block_bytes: int) -> Optional[Difference]:
    """Reads two streams side by side up to the first difference."""
    # Two bytearrays compare with memcmp; two memoryviews would compare byte by byte.
    left, right = bytearray(block_bytes), bytearray(block_bytes)
    left_view, right_view = memoryview(left), memoryview(right)
    offset = 0
    while True:
        left_bytes, right_bytes = expected.fill(left_view), found.fill(right_view)
        whole = left_bytes == right_bytes == block_bytes
        if not (whole and left == right):
            difference = _first_difference(
                bytes(left_view[:left_bytes]), bytes(right_view[:right_bytes])
            )
            if difference is not None:
                return difference._replace(offset=offset + difference.offset)
        if not whole:
            return None
        offset += block_bytes


def _first_difference(expected: bytes, found: bytes) -> Optional[Difference]:
    if expected == found:
        return None
    low, high = 0, min(len(expected), len(found))
    # Holds: everything before `low` is equal; the first difference is at or before `high`.
    while low < high:
        middle = (low + high + 1) // 2
        if expected[low:middle] == found[low:middle]:
            low = middle
        else:
            high = middle - 1
    return Difference(low, expected[low:low + 8], found[low:low + 8])


def _fill(fd: int, view: memoryview, path: str, direct: bool = False) -> int:
    filled = 0
    while filled < len(view):
        try:
            got = os.readv(fd, [view[filled:]])
        except OSError as error:
            raise _named(error, path) from error
        filled += got
        # With O_DIRECT an odd number of bytes is the file's tail, and asking again at an odd
        # offset would be refused.
        if got == 0 or (direct and got % DIRECT_ALIGNMENT_BYTES):
            break
    return filled


def _named(error: OSError, path: str) -> OSError:
    """Reads and writes know only a descriptor; people want the path."""
    return OSError(error.errno, error.strerror, path)
