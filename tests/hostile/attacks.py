"""What a hostile user tries, each by itself in a small function.

An attack loops until `user.going()` says that its time is over. It meets errors all the time: most
are what a file system should answer, so `user.attempt` takes them and counts what succeeded. What
must never happen raises a Finding.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import random
import signal
import socket
import stat
import struct
import time
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

PIECE = 64 << 10
FAR = (1 << 63) - 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_PUNCH_HOLE, _ZERO_RANGE, _KEEP_SIZE = 2, 16, 1
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100
_MS_NOSUID, _MS_NODEV, _MS_REMOUNT = 2, 4, 32
# The daemon is gone: there is nothing left to attack.
_GONE = {errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV}


class Finding(Exception):
    """Something that no caller may see."""


class Gone(Exception):
    """The daemon does not answer any more."""


class User:
    """One attacking process: where it may write, and for how long."""

    def __init__(
        self, mount: str, home: str, own: str, seed: str, worker: int, until: float,
        count: Callable[[], None],
    ) -> None:
        self.mount = mount
        self.home = home
        """A directory that was made, and is this process's alone."""
        self.own = own
        """A file of the dataset that belongs to the attackers."""
        self.random = random.Random(seed)
        self.worker = worker
        self._until = until
        self._count = count

    def going(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._until

    def attempt(self, call: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """What a call gives, True where that is nothing, or None where it fails."""
        try:
            found = call(*arguments, **more)
        except OSError as error:
            if error.errno in _GONE:
                raise Gone from error
            return None
        self._count()
        return True if found is None else found

    def create(self, name: str, data: bytes = b"") -> Optional[int]:
        """A new file's descriptor."""
        descriptor = self.attempt(os.open, name, os.O_RDWR | os.O_CREAT, 0o644)
        if descriptor is not None and data:
            self.attempt(os.write, descriptor, data)
        return descriptor

    def look_at(self, *documents: str) -> None:
        """Opens status documents, reads some of each, and asks for their sizes."""
        for document in documents:
            path = os.path.join(self.mount, ".status", document)
            self.attempt(os.stat, path)
            descriptor = self.attempt(os.open, path, os.O_RDONLY)
            if descriptor is not None:
                self.attempt(os.read, descriptor, PIECE)
                os.close(descriptor)


class Attack(NamedTuple):
    """A row of the table."""

    run: Callable[[User], None]
    workers: int = 2
    options: Tuple[str, ...] = ()
    """Of the mount, where the attack needs a dataset of another shape; then it is never mixed."""
    beside: Tuple[Callable[[str], None], ...] = ()
    """What root does meanwhile, again and again, each in a process of its own."""
    weight: int = 1
    """How many times as long as others it takes to show something."""
    resets: bool = False
    """Root puts everything back meanwhile, also what the ordinary user wrote."""
    holds_documents: bool = False
    """As many as the daemon lets it; others close those that they open."""


def fallocate(descriptor: int, mode: int, offset: int, length: int) -> None:
    """As in Linux, with an OSError."""
    result = _LIBC.fallocate(
        descriptor, mode, ctypes.c_int64(offset), ctypes.c_int64(length)
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def exchange(one: str, other: str) -> None:
    """Swaps two names."""
    result = _LIBC.renameat2(
        _AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE
    )
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def forget_names(mount: str) -> None:
    """Has the kernel forget this mount's names, and no other's, as it does when memory is short."""
    flags = _MS_REMOUNT | _MS_NOSUID | _MS_NODEV
    if _LIBC.mount(None, os.fsencode(mount), None, flags, None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), mount)
    time.sleep(0.001)


def reset_all(mount: str) -> None:
    """Makes a name in the root, and puts everything back."""
    with open(os.path.join(mount, "made-by-root"), "wb"):
        pass
    with open(os.path.join(mount, ".status", "control"), "wb", buffering=0) as control:
        control.write(b"reset")


def remove_control(mount: str) -> None:
    """Tries what only root gets as far as: to take away the file that takes commands."""
    os.unlink(os.path.join(mount, ".status", "control"))


def reset_and_share(mount: str) -> None:
    """Puts everything back, and gives the attackers their node again."""
    with open(os.path.join(mount, ".status", "control"), "wb", buffering=0) as control:
        control.write(b"reset")
    os.chmod(os.path.join(mount, "node_1"), 0o777)
    time.sleep(0.01)


def depth(user: User) -> None:
    """A chain of directories as deep as it goes, and calls at its bottom."""
    level = 0
    while user.going():
        if user.attempt(os.mkdir, "d") and user.attempt(os.chdir, "d"):
            level += 1
            if level % 1000 == 0:
                descriptor = user.create("f", b"x")
                if descriptor is not None:
                    os.close(descriptor)
                user.attempt(os.rename, "f", "g")
        else:
            # Nothing more goes in. What is there can still be used.
            user.attempt(os.rename, "g", "f")
            user.attempt(os.rename, "../d", "../e")
            user.attempt(os.rename, "../e", "../d")
            user.look_at("summary.json", "others.json")


def breadth(user: User) -> None:
    """Names in one directory, and listings of it."""
    number = 0
    while user.going():
        for number in range(number + 1, number + 501):
            if number % 3:
                made = user.attempt(os.mknod, f"f{number}", 0o644)
            else:
                made = user.attempt(os.mkdir, f"d{number}")
            if not made:
                # It is full: some make room for what follows.
                for old in range(max(0, number - 10_000), number, 7):
                    user.attempt(os.unlink, f"f{old}")
                break
        with os.scandir(".") as entries:
            for count, _ in enumerate(entries):
                if count > 2000 and not user.going():
                    break


def long_names(user: User) -> None:
    """Names of 255 bytes, nested, not UTF-8, and the document that lists them."""
    number = 0
    while user.going():
        number += 1
        name = (b"%d-" % number + b"\xff\"\\\x01" * 64)[:255]
        user.attempt(os.mkdir, name)
        if number % 50 == 0 and number < 3000:
            user.attempt(os.chdir, name)
        user.attempt(os.mknod, b"f" + name[:254], 0o644)
        if number % 100 == 0:
            user.look_at("others.json")


def attributes(user: User) -> None:
    """Extended attributes: empty ones, large ones, many."""
    number = 0
    while user.going():
        number += 1
        path = f"f{number // 400}"
        if number % 400 in (0, 1):
            user.attempt(os.mknod, path, 0o644)
        if not user.attempt(os.setxattr, path, f"user.{number}", b""):
            user.attempt(os.setxattr, path, "user.large", b"x" * user.random.randrange(65536))
            user.attempt(os.removexattr, path, "user.large")
            user.attempt(os.listxattr, path)
            number += 399 - number % 400


def descriptors(user: User) -> None:
    """Open files without a name, and open directories."""
    held: List[int] = []
    while user.going():
        descriptor = user.create("f", b"x" * user.random.randrange(1, 5000))
        user.attempt(os.unlink, "f")
        user.attempt(os.mkdir, "d")
        directory = user.attempt(os.open, "d", os.O_RDONLY)
        user.attempt(os.rmdir, "d")
        held += [number for number in (descriptor, directory) if number is not None]
        if descriptor is None or directory is None:
            user.random.shuffle(held)
            for number in held[: len(held) // 2]:
                os.close(number)
            del held[: len(held) // 2]
        elif user.random.random() < 0.1:
            user.attempt(os.pread, user.random.choice(held), 100, 0)


def documents(user: User) -> None:
    """Status documents, opened again and again, and all held."""
    names = ("summary.json", "nodes/node_0.json", "nodes/node_1.json", "others.json",
             "mismatches.json", "config.json", "sums/blake3", "nodes/node_0.json")
    held: List[int] = []
    number = 0
    while user.going():
        number += 1
        path = os.path.join(user.mount, ".status", names[number % len(names)])
        descriptor = user.attempt(os.open, path, os.O_RDONLY)
        if descriptor is not None:
            user.attempt(os.read, descriptor, 100)
            held.append(descriptor)
        # Each version is another one.
        user.attempt(os.mknod, f"f{number}", 0o644)
        if len(held) > 1000:
            for old in held:
                os.close(old)
            held.clear()


def locks(user: User) -> None:
    """Locks of both kinds on one file, held, waited for, broken off."""
    path = os.path.join(os.path.dirname(user.home), "locked")
    descriptor = user.create(path)
    other = user.attempt(os.open, path, os.O_RDWR)
    if descriptor is None or other is None:
        return
    signal.signal(signal.SIGALRM, lambda *_: None)
    while user.going():
        start = user.random.randrange(1 << 40)
        user.attempt(fcntl.lockf, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 7, start)
        user.attempt(fcntl.flock, other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        try:
            user.attempt(_interruptible_flock, descriptor)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        user.attempt(fcntl.flock, user.random.choice((descriptor, other)), fcntl.LOCK_UN)


def _interruptible_flock(descriptor: int) -> None:
    if _LIBC.flock(descriptor, fcntl.LOCK_EX) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def slices(user: User) -> None:
    """Pieces of 64 KiB that are cut by just under half, and again, down to some bytes."""
    descriptor = user.create("f")
    number = 0
    while user.going() and descriptor is not None:
        start = number * PIECE
        number += 1
        if user.attempt(os.pwrite, descriptor, user.random.randbytes(PIECE), start) is None:
            os.close(descriptor)
            os.unlink("f")
            descriptor = user.create("f")
            number = 0
            continue
        length = PIECE
        while length > 4096:
            shorter = length * 51 // 100
            user.attempt(
                fallocate, descriptor, _PUNCH_HOLE | _KEEP_SIZE, start + shorter, length - shorter
            )
            length = shorter


def copied_bytes(user: User) -> None:
    """Single bytes shared from pieces whose file is then removed."""
    target = user.create("target")
    offset = 0
    while user.going() and target is not None:
        source = user.create("source", user.random.randbytes(PIECE))
        if source is None:
            return
        copied = user.attempt(
            os.copy_file_range, source, target, 1, user.random.randrange(PIECE), offset
        )
        os.close(source)
        user.attempt(os.unlink, "source")
        # Apart, so that no two are joined.
        offset += 3
        if not copied:
            user.attempt(os.ftruncate, target, 0)
            offset = 0


def listings(user: User) -> None:
    """A directory is listed while each entry is renamed."""
    files = 5
    for number in range(files):
        user.attempt(os.mknod, f"a{number}", 0o644)
    renamed = 0
    while user.going():
        seen = 0
        with os.scandir(".") as entries:
            for entry in entries:
                seen += 1
                renamed += 1
                user.attempt(os.rename, entry.name, f"b{renamed}")
                if seen > 100 * files:
                    raise Finding(f"a listing of {files} names went on after {seen} entries")


def hard_links(user: User) -> None:
    """Names of one file, in several directories, taken away and exchanged."""
    user.attempt(os.mknod, "f", 0o644)
    user.attempt(os.mkdir, "d")
    number = 0
    while user.going():
        number += 1
        if not user.attempt(os.link, "f", f"d/l{number}"):
            for old in range(max(1, number - 2000), number):
                user.attempt(os.unlink, f"d/l{old}")
        user.attempt(exchange, "f", f"d/l{user.random.randrange(1, number + 1)}")
        user.attempt(os.rename, f"d/l{user.random.randrange(1, number + 1)}", "moved")


def sparse(user: User) -> None:
    """Sizes up to the largest, single bytes far apart, holes and zeros of any length."""
    descriptor = user.create("f")
    while user.going() and descriptor is not None:
        far = user.random.randrange(FAR)
        user.attempt(os.ftruncate, descriptor, user.random.choice((0, 1, far, FAR)))
        user.attempt(os.pwrite, descriptor, b"x", far)
        mode = user.random.choice((0, _KEEP_SIZE, _PUNCH_HOLE | _KEEP_SIZE, _ZERO_RANGE))
        user.attempt(fallocate, descriptor, mode, user.random.randrange(far + 1), FAR - far)
        for whence in (os.SEEK_DATA, os.SEEK_HOLE):
            user.attempt(os.lseek, descriptor, user.random.randrange(far + 1), whence)
        user.attempt(os.copy_file_range, descriptor, descriptor, 1 << 40, 0, far)
        user.attempt(os.fstat, descriptor)


def zeros(user: User) -> None:
    """Zeros over files of the dataset that are as long as disks."""
    descriptor = user.attempt(os.open, user.own, os.O_RDWR)
    while user.going() and descriptor is not None:
        user.attempt(fallocate, descriptor, _ZERO_RANGE, 0, 64 << 30)
        user.attempt(os.stat, os.path.join(user.mount, ".status", "summary.json"))
        user.attempt(os.getxattr, user.own, "user.seedfs.verdict")


def huge_files(user: User) -> None:
    """A file of petabytes under another's name, and questions about the verdict."""
    other = os.path.join(os.path.dirname(user.own), "process_1")
    user.attempt(os.rename, user.own, other)
    while user.going():
        user.attempt(os.stat, os.path.join(user.mount, ".status", "summary.json"))
        user.attempt(os.getxattr, other, "user.seedfs.verdict")
        user.look_at("nodes/node_1.json", "files/node_1/process_1.json")


def control(user: User) -> None:
    """Everything under .status that only root, or nobody, may do."""
    status = os.path.join(user.mount, ".status")
    path = os.path.join(status, "control")
    user.attempt(os.mknod, "mine", 0o644)
    while user.going():
        user.attempt(os.listdir, status)
        for call, *arguments in (
            (os.open, path, os.O_WRONLY), (os.open, path, os.O_RDWR | os.O_TRUNC),
            (os.unlink, path), (os.chmod, path, 0o666), (os.chown, path, os.getuid(), -1),
            (os.rename, "mine", os.path.join(status, "mine")), (os.rename, path, "mine"),
            (os.link, path, "linked"), (os.mkdir, os.path.join(status, "d")),
            (os.truncate, os.path.join(status, "summary.json"), 0),
            (os.setxattr, status, "user.x", b""), (os.rmdir, status), (os.utime, path, (1, 1)),
        ):
            try:
                call(*arguments)
            except OSError as error:
                if error.errno in _GONE:
                    raise Gone from error
            else:
                raise Finding(f"{call.__name__}{arguments} succeeded")


def hashes(user: User) -> None:
    """Hashes of whole files, from many processes, and those processes killed."""
    while user.going():
        children = []
        for number in range(6):
            child = os.fork()
            if child == 0:
                try:
                    if number % 2:
                        user.attempt(os.getxattr, user.own, "user.seedfs.blake3")
                    else:
                        user.look_at("sums/blake3")
                finally:
                    os._exit(0)
            children.append(child)
        time.sleep(user.random.random() * 0.5)
        for child in children:
            os.kill(child, signal.SIGKILL)
        for child in children:
            os.waitpid(child, 0)
            user.attempt(os.stat, user.home)


def forgets(user: User) -> None:
    """Open files without a name keep their bytes, also while the kernel forgets."""
    number = 0
    while user.going():
        number += 1
        name = f"f{number % 7}"
        data = struct.pack("<QQ", user.worker, number) * 16
        descriptor = user.create(name)
        if descriptor is None:
            user.attempt(os.stat, name)
            continue
        # Where others have taken all the room, there is nothing that would have to be kept.
        written = user.attempt(os.write, descriptor, data)
        os.close(descriptor)
        if written != len(data):
            user.attempt(os.unlink, name)
            continue
        descriptor = user.attempt(os.open, name, os.O_RDONLY)
        user.attempt(os.unlink, name)
        if descriptor is None:
            raise Finding("a file that was just made cannot be opened")
        for _ in range(3):
            try:
                found = os.pread(descriptor, len(data), 0)
            except OSError as error:
                if error.errno in _GONE:
                    raise Gone from error
                raise Finding(f"reading an open file: {error}") from error
            if found != data:
                raise Finding("an open file without a name reads as what was not written")
        os.close(descriptor)


def mappings(user: User) -> None:
    """Shared mappings, written while the file is cut, grown and removed."""
    signal.signal(signal.SIGBUS, signal.SIG_DFL)
    while user.going():
        descriptor = user.create("f")
        if descriptor is None:
            return
        user.attempt(os.ftruncate, descriptor, 8 * PIECE)
        child = os.fork()
        if child == 0:
            # It may meet SIGBUS where the file is cut under it.
            try:
                with mmap.mmap(descriptor, 8 * PIECE) as view:
                    for _ in range(50):
                        view[user.random.randrange(8 * PIECE)] = 1
                        if user.random.random() < 0.2:
                            view.flush()
            except (OSError, ValueError):
                pass
            finally:
                os._exit(0)
        for _ in range(20):
            user.attempt(os.ftruncate, descriptor, user.random.randrange(8 * PIECE))
            user.attempt(os.pwrite, descriptor, b"y" * 5000, user.random.randrange(4 * PIECE))
        user.attempt(os.unlink, "f")
        os.waitpid(child, 0)
        os.close(descriptor)


def signals(user: User) -> None:
    """Calls that signals break into, and processes that are killed within them."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    while user.going():
        child = os.fork()
        if child == 0:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
                while True:
                    descriptor = user.create(f"f{user.random.randrange(5)}", b"x" * PIECE)
                    if descriptor is not None:
                        os.close(descriptor)
                    user.attempt(os.listdir, ".")
                    user.look_at("summary.json")
                    user.attempt(os.rename, "f1", "f2")
                    user.attempt(os.getxattr, user.own, "user.seedfs.blake3")
            finally:
                os._exit(0)
        time.sleep(user.random.random() * 0.05)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        user.attempt(os.stat, ".status")


def status_locks(user: User) -> None:
    """Names moved into .status and taken out of it, while root puts everything back."""
    path = os.path.join(user.mount, ".status")
    while user.going():
        if user.worker % 2:
            user.attempt(os.unlink, os.path.join(path, "control"))
        else:
            user.attempt(os.rename, os.path.join(user.mount, "x"), os.path.join(path, "y"))
        # Both must fail, so something else must count.
        user.attempt(os.statvfs, user.mount)


def resets(user: User) -> None:
    """Names made in a directory that root puts back meanwhile."""
    folder = os.path.dirname(user.own)
    number = 0
    while user.going():
        number += 1
        path = os.path.join(folder, f"x{user.worker}-{number % 50}")
        descriptor = user.create(path)
        if descriptor is not None:
            os.close(descriptor)
            continue
        # Root may take it away, but then it can be made, and nobody else makes it: a name that is
        # neither there nor free has no record.
        misses = 0
        while misses < 5 and user.going():
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
                break
            except FileExistsError:
                if os.path.lexists(path):
                    break
                misses += 1
            except PermissionError:
                # Until root lets everybody in again.
                time.sleep(0.0002)
            except OSError as error:
                if error.errno in _GONE:
                    raise Gone from error
                if error.errno != errno.ENOENT:
                    break
                misses += 1
        if misses == 5:
            raise Finding(f"{path} is neither there nor can it be made")


def wrong_bytes(user: User) -> None:
    """Wrong bytes in a file of the dataset, one here and one there, and every document of it."""
    descriptor = user.attempt(os.open, user.own, os.O_RDWR)
    if descriptor is None:
        return
    size = os.fstat(descriptor).st_size
    while user.going():
        for _ in range(200):
            user.attempt(
                os.pwrite, descriptor, user.random.randbytes(3), user.random.randrange(size)
            )
        user.look_at("mismatches.json", "summary.json", "files/node_1/process_0.json")
        if user.random.random() < 0.1:
            user.attempt(os.ftruncate, descriptor, 0)


def renames(user: User) -> None:
    """Directories with much below are moved into one another and exchanged."""
    for name in ("a", "b"):
        user.attempt(os.makedirs, os.path.join(name, *("d" * 40)))
        for number in range(300):
            user.attempt(os.mknod, f"{name}/d/f{number}", 0o644)
    while user.going():
        user.attempt(os.rename, "a/d", "b/moved")
        user.attempt(os.rename, "b", "a/moved")
        user.attempt(os.rename, "a/moved", "b")
        user.attempt(exchange, "a", "b")
        user.attempt(os.rename, "b/moved", "a/d")
        user.attempt(os.rename, "a", "a/d/d/into-itself")
        user.attempt(os.rename, os.path.dirname(user.own), "dataset")


def odd_files(user: User) -> None:
    """Links with long targets and in circles, pipes, sockets, modes, times, owners."""
    number = 0
    while user.going():
        number += 1
        user.attempt(os.symlink, "x" * 4095, f"l{number}")
        user.attempt(os.symlink, f"circle{number + 1}", f"circle{number}")
        user.attempt(os.mkfifo, f"p{number}")
        user.attempt(os.mknod, f"dev{number}", 0o666 | stat.S_IFBLK, os.makedev(8, 0))
        with socket.socket(socket.AF_UNIX) as listener:
            user.attempt(listener.bind, f"s{number % 100}")
        user.attempt(os.chmod, f"p{number}", 0o7777)
        user.attempt(os.chown, f"p{number}", 0, 0)
        user.attempt(os.utime, f"p{number}", (-(1 << 40), 1 << 40))
        user.attempt(os.stat, "circle1")
        if number % 500 == 0:
            for old in range(number - 499, number + 1):
                for kind in ("l", "p", "circle"):
                    user.attempt(os.unlink, f"{kind}{old}")


def appends(user: User) -> None:
    """One file, appended to and cut by all."""
    path = os.path.join(os.path.dirname(user.home), "shared")
    while user.going():
        descriptor = user.attempt(os.open, path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        if descriptor is None:
            return
        for _ in range(100):
            user.attempt(os.write, descriptor, user.random.randbytes(user.random.randrange(9000)))
            user.attempt(os.pread, descriptor, 10 * PIECE, user.random.randrange(PIECE))
            if user.random.random() < 0.1:
                user.attempt(os.ftruncate, descriptor, user.random.randrange(PIECE))
        os.close(descriptor)


def reads(user: User) -> None:
    """Streams of reads whose sizes change, from anywhere; none of them is short but at the end."""
    descriptor = user.attempt(os.open, user.own, os.O_RDONLY)
    buffers = [mmap.mmap(-1, 1 << exponent) for exponent in (12, 19, 20, 22)]
    while user.going() and descriptor is not None:
        size = os.fstat(descriptor).st_size
        start = user.random.randrange(size)
        if user.random.random() < 0.8:
            start &= -(1 << 20)
        buffer = user.random.choice(buffers)
        for number in range(8):
            if number == 3:
                buffer = user.random.choice(buffers)
            got = user.attempt(os.preadv, descriptor, [buffer], start)
            if got is None:
                continue
            if got < min(len(buffer), size - start):
                raise Finding(f"{got} bytes read at {start} of {size}, asked for {len(buffer)}")
            start += got
            if start >= size:
                break
        user.attempt(os.pread, descriptor, 1, FAR - 1)


def removed_bytes(user: User) -> None:
    """As many bytes as go in, removed, again and again."""
    while user.going():
        for number in range(64):
            descriptor = user.create(f"f{number}")
            if descriptor is None:
                break
            while user.attempt(os.write, descriptor, user.random.randbytes(4 * PIECE)):
                if not user.going() or os.fstat(descriptor).st_size > 2 << 20:
                    break
            os.close(descriptor)
        for number in range(64):
            user.attempt(os.unlink, f"f{number}")


TABLE = {
    "depth": Attack(depth, workers=1, options=("--extent-limit", "100000"), weight=3),
    "breadth": Attack(breadth),
    "long-names": Attack(long_names),
    "attributes": Attack(attributes, weight=2),
    "descriptors": Attack(descriptors),
    "documents": Attack(documents, holds_documents=True),
    "large-documents": Attack(
        documents, options=("--processes", "65536"), holds_documents=True
    ),
    "locks": Attack(locks, workers=3),
    "slices": Attack(slices),
    "copied-bytes": Attack(copied_bytes),
    "listings": Attack(listings, workers=1),
    "hard-links": Attack(hard_links),
    "sparse": Attack(sparse),
    "zeros": Attack(zeros, options=("--content", "zero", "--size", "64G")),
    "huge-files": Attack(huge_files, options=("--size", "2P", "--dedup", "50")),
    "control": Attack(control, workers=1),
    "hashes": Attack(hashes, options=("--size", "64G")),
    "forgets": Attack(forgets, workers=3, beside=(forget_names,)),
    # More event loops than cores: whoever has read a request first is often not first to answer.
    "many-loops": Attack(
        forgets, workers=3, options=("--threads", "16"), beside=(forget_names,), weight=2
    ),
    "mappings": Attack(mappings),
    "signals": Attack(signals),
    "status-locks": Attack(
        status_locks, workers=4, beside=(reset_all, remove_control), resets=True
    ),
    "resets": Attack(resets, beside=(reset_and_share,), resets=True),
    "wrong-bytes": Attack(wrong_bytes),
    "refused-bytes": Attack(wrong_bytes, options=("--on-mismatch", "reject")),
    "renames": Attack(renames),
    "odd-files": Attack(odd_files),
    "appends": Attack(appends),
    "reads": Attack(reads, options=("--size", "1G")),
    "removed-bytes": Attack(removed_bytes),
}
