"""File handles, as an NFS server uses them: a name is turned into a few bytes, the kernel forgets
the file, and a client that knows nothing but those bytes opens it again.

After every preparation the kernel's caches of names and inodes are dropped, so that each handle
must be answered by the file system itself. A handle must open what it named, under whatever name
that is now; the handle of what was removed must fail with ESTALE, also when its number is used
again.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Callable, NamedTuple, Optional

from harness import Cases, Failure, Place, Unable, expect, expect_equal, names_under

MAX_HANDLE_BYTES = 128
CROWD = 2000

_libc = ctypes.CDLL(None, use_errno=True)


class FileHandle(ctypes.Structure):
    """The kernel's `struct file_handle`."""

    _fields_ = [
        ("handle_bytes", ctypes.c_uint),
        ("handle_type", ctypes.c_int),
        ("handle", ctypes.c_ubyte * MAX_HANDLE_BYTES),
    ]


class Known(NamedTuple):
    """A handle, and the inode number behind it."""

    handle: FileHandle
    inode: int


def handle_of(path: str) -> Known:
    """The handle of what a path names; of a symbolic link itself."""
    handle = FileHandle(handle_bytes=MAX_HANDLE_BYTES)
    mount_id = ctypes.c_int()
    result = _libc.name_to_handle_at(
        -100, os.fsencode(path), ctypes.byref(handle), ctypes.byref(mount_id), 0
    )
    if result != 0:
        raise OSError(ctypes.get_errno(), "name_to_handle_at", path)
    return Known(handle, os.lstat(path).st_ino)


def drop_caches() -> None:
    """Makes the kernel forget every name and inode that nobody holds."""
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("2")


class Handles:
    """Opens the handles of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def open(self, known: Known, flags: int = os.O_RDONLY) -> int:
        """A descriptor, once the kernel has forgotten the file."""
        drop_caches()
        root = os.open(self._place.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            descriptor = _libc.open_by_handle_at(root, ctypes.byref(known.handle), flags)
            if descriptor < 0:
                code = ctypes.get_errno()
                raise OSError(code, f"open_by_handle_at: {os.strerror(code)}")
        finally:
            os.close(root)
        return descriptor

    def read(self, known: Known) -> bytes:
        """The whole content behind a handle."""
        descriptor = self.open(known)
        with os.fdopen(descriptor, "rb") as file:
            expect_equal(os.fstat(descriptor).st_ino, known.inode, "the inode number")
            return file.read()

    def write(self, known: Known, data: bytes) -> None:
        """Overwrites the beginning."""
        with os.fdopen(self.open(known, os.O_WRONLY), "wb") as file:
            file.write(data)

    def list(self, known: Known) -> list:
        """The names in the directory behind a handle, sorted."""
        descriptor = self.open(known, os.O_RDONLY | os.O_DIRECTORY)
        try:
            expect_equal(os.fstat(descriptor).st_ino, known.inode, "the inode number")
            return sorted(os.listdir(descriptor))
        finally:
            os.close(descriptor)

    def read_link(self, known: Known) -> str:
        """What the symbolic link behind a handle says."""
        descriptor = self.open(known, os.O_PATH | os.O_NOFOLLOW)
        try:
            return os.readlink("", dir_fd=descriptor)
        finally:
            os.close(descriptor)

    def expect_stale(self, known: Known, what: str) -> None:
        """The handle must be refused, with the one error that tells a client to give up."""
        try:
            os.close(self.open(known))
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise Failure(f"{what}: {error.strerror}, must be ESTALE") from error
        else:
            raise Failure(f"{what}: its handle opens, must be ESTALE")


def write_file(path: str, data: bytes) -> Known:
    """Makes or replaces a file; gives its handle."""
    with open(path, "wb") as file:
        file.write(data)
    return handle_of(path)


def read_file(path: str) -> bytes:
    """A file's content, by name."""
    with open(path, "rb") as file:
        return file.read()


def run_cases(cases: Cases, place: Place, label: str, dataset: Optional[str] = None) -> None:
    """Every case on a place; those of `dataset`, a directory's name in it, need one."""
    if os.geteuid() != 0:
        raise Unable("handles are opened by root only")
    handles = Handles(place)

    def add(name: str, case: Callable[[Handles, Place], None]) -> None:
        cases.run(f"handles, {label}, {name}", lambda: case(handles, place))

    add("created files", created_files)
    add("created directories", created_directories)
    add("symbolic links", symbolic_links)
    add("written through a handle", written)
    add("renamed", renamed)
    add("one of two links removed", linked)
    add("replaced by a rename", replaced)
    add("removed", removed)
    add("removed, and the number used again", removed_in_a_crowd)
    if dataset is not None:
        for name, case in (
            ("the dataset, untouched", dataset_untouched),
            ("the dataset, written and renamed", dataset_changed),
            ("the dataset, removed", dataset_removed),
        ):
            add(name, lambda handles, place, case=case: case(handles, place, dataset))


def created_files(handles: Handles, place: Place) -> None:
    """Many, so that some are far apart in whatever table there is."""
    os.mkdir(place.join("files"))
    known = {}
    for number in range(200):
        data = f"file {number}".encode() * number
        known[number] = (write_file(place.join("files", f"f{number}"), data), data)
    for number in (0, 1, 77, 198, 199):
        expect_equal(handles.read(known[number][0]), known[number][1], f"file {number}")


def created_directories(handles: Handles, place: Place) -> None:
    """Also one deep below: its parents must be found again."""
    path = place.join("deep")
    for depth in range(8):
        path = os.path.join(path, f"d{depth}")
    os.makedirs(path)
    write_file(os.path.join(path, "leaf"), b"leaf")
    known = handle_of(path)
    expect_equal(handles.list(known), ["leaf"], "its names")
    expect_equal(handles.list(handle_of(place.join("deep"))), ["d0"], "the upper one's names")
    descriptor = handles.open(known, os.O_RDONLY | os.O_DIRECTORY)
    try:
        parent = os.stat("..", dir_fd=descriptor).st_ino
        expect_equal(parent, os.stat(os.path.dirname(path)).st_ino, "its parent")
    finally:
        os.close(descriptor)


def symbolic_links(handles: Handles, place: Place) -> None:
    """The link, not what it points to."""
    os.symlink("nowhere/at all", place.join("link"))
    expect_equal(handles.read_link(handle_of(place.join("link"))), "nowhere/at all", "the link")


def written(handles: Handles, place: Place) -> None:
    """What is written through a handle is read by name."""
    known = write_file(place.join("written"), b"before and after")
    handles.write(known, b"BEFORE")
    expect_equal(read_file(place.join("written")), b"BEFORE and after", "by name")


def renamed(handles: Handles, place: Place) -> None:
    """Within a directory, to another, over a name; a directory with what is in it."""
    os.makedirs(place.join("from/sub"))
    os.mkdir(place.join("to"))
    known = write_file(place.join("from/a"), b"content of a")
    inside = write_file(place.join("from/sub/b"), b"content of b")
    write_file(place.join("to/taken"), b"in the way")
    sub = handle_of(place.join("from/sub"))
    os.rename(place.join("from/a"), place.join("from/a2"))
    expect_equal(handles.read(known), b"content of a", "after the first rename")
    os.rename(place.join("from/a2"), place.join("to/taken"))
    os.rename(place.join("from/sub"), place.join("to/sub"))
    expect_equal(handles.read(known), b"content of a", "after the second rename")
    expect_equal(handles.read(inside), b"content of b", "in a renamed directory")
    expect_equal(handles.list(sub), ["b"], "the renamed directory")


def linked(handles: Handles, place: Place) -> None:
    """A file is there as long as one of its names is."""
    known = write_file(place.join("first"), b"two names")
    os.link(place.join("first"), place.join("second"))
    os.unlink(place.join("first"))
    expect_equal(handles.read(known), b"two names", "by the other name")
    os.unlink(place.join("second"))
    handles.expect_stale(known, "without its last name")


def replaced(handles: Handles, place: Place) -> None:
    """What a rename replaced is gone, though the name is there."""
    old = write_file(place.join("target"), b"old")
    new = write_file(place.join("target.tmp"), b"new")
    os.rename(place.join("target.tmp"), place.join("target"))
    expect_equal(handles.read(new), b"new", "the new file")
    handles.expect_stale(old, "a replaced file")


def removed(handles: Handles, place: Place) -> None:
    """A file, a directory, a link."""
    known = write_file(place.join("gone"), b"gone")
    os.unlink(place.join("gone"))
    handles.expect_stale(known, "a removed file")
    os.mkdir(place.join("gone.d"))
    known = handle_of(place.join("gone.d"))
    os.rmdir(place.join("gone.d"))
    handles.expect_stale(known, "a removed directory")


def removed_in_a_crowd(handles: Handles, place: Place) -> None:
    """A number that is used again must come with another generation."""
    known = write_file(place.join("gone"), b"gone")
    os.unlink(place.join("gone"))
    os.mkdir(place.join("crowd"))
    numbers = set()
    for number in range(CROWD):
        path = place.join("crowd", str(number))
        write_file(path, b"another")
        numbers.add(os.lstat(path).st_ino)
    expect_equal(len(numbers), CROWD, "different inode numbers")
    handles.expect_stale(known, "a removed file")
    handles.expect_stale(write_and_replace(place), "a removed file whose name is used again")


def write_and_replace(place: Place) -> Known:
    """The handle of a file in whose place another was made."""
    known = write_file(place.join("again"), b"first")
    os.unlink(place.join("again"))
    write_file(place.join("again"), b"second")
    return known


def dataset_untouched(handles: Handles, place: Place, dataset: str) -> None:
    """Numbers from which the file system can tell everything: nothing is stored for them."""
    names = names_under(place.join(dataset))
    expect(len(names) > 2, "too few files to be a test")
    for name in (names[0], names[len(names) // 2], names[-1]):
        path = place.join(dataset, name)
        expect_equal(handles.read(handle_of(path)), read_file(path), name)
        directory = os.path.dirname(path)
        expect_equal(handles.list(handle_of(directory)), sorted(os.listdir(directory)), directory)


def dataset_changed(handles: Handles, place: Place, dataset: str) -> None:
    """Written to, the file keeps its handle; renamed, it takes it along."""
    names = names_under(place.join(dataset))
    path = place.join(dataset, names[0])
    known = handle_of(path)
    content = read_file(path)
    with open(path, "r+b") as file:
        file.write(b"written")
    changed = b"written" + content[len(b"written"):]
    expect_equal(handles.read(known), changed, "after a write")
    os.rename(path, place.join("renamed"))
    expect_equal(handles.read(known), changed, "after a rename")
    os.rename(place.join("renamed"), path)
    expect_equal(handles.read(known), changed, "renamed back")
    untouched = place.join(dataset, names[1])
    known, content = handle_of(untouched), read_file(untouched)
    os.rename(untouched, place.join("renamed untouched"))
    expect_equal(handles.read(known), content, "untouched, after a rename")
    os.rename(place.join("renamed untouched"), untouched)


def dataset_removed(handles: Handles, place: Place, dataset: str) -> None:
    """A removed file of the dataset is gone, and another of its name is another."""
    path = place.join(dataset, names_under(place.join(dataset))[2])
    known, content = handle_of(path), read_file(path)
    os.unlink(path)
    handles.expect_stale(known, "a removed file of the dataset")
    new = write_file(path, content)
    expect_equal(handles.read(new), content, "written anew")
    handles.expect_stale(known, "a removed file of the dataset, its name used again")
