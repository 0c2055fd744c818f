"""What is looked at from outside: the daemon's memory, and who waits for it how."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
REST_BYTES = 48 << 20
"""What a mount may hold beside what its limits count."""
STUCK_S = 5.0
"""For how long a process may be where no signal reaches it."""


def die_with(parent: int) -> None:
    """Has the kernel kill the calling process when `parent` ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def become(user: int, parent: int) -> None:
    """Gives up everything that root may do, for good; still ends with `parent`."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    # The kernel takes back what was asked for as somebody else.
    die_with(parent)


class Memory(NamedTuple):
    """What a process holds, in bytes."""

    resident: int
    most: int
    """Since `forget_peak`."""


def memory_of(process: int) -> Optional[Memory]:
    """None where it is gone."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "VmHWM")))
        return Memory(*(int(lines[name].split()[0]) << 10 for name in ("VmRSS", "VmHWM")))
    except (OSError, KeyError):
        return None


def forget_peak(process: int) -> None:
    """Begins a new `Memory.most`."""
    with open(f"/proc/{process}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


# What all open versions of documents have together (OPEN_BYTES_MAX of the program), and what two of
# the largest take while they are made.
DOCUMENT_BYTES = (128 + 2 * 32) << 20


def memory_bound(before: int, keep: int, extents: int, documents: int = 0) -> int:
    """What a mount may hold: half as much again as its limits say, open documents, and buffers.

    An extent, record or name has at most 300 bytes (see --extent-limit). The rest is one request's
    buffer for each event loop, pieces that are made ahead, and what the allocator does not give
    back.
    """
    return before + (keep + extents * 300) * 3 // 2 + documents + REST_BYTES


class Stuck:
    """Threads that wait where no signal ends them, and for how long the same wait lasts."""

    def __init__(self) -> None:
        self._since: Dict[int, Tuple[str, float]] = {}

    def look(self, processes: Iterable[int], now: float) -> List[str]:
        """Those that have waited for too long."""
        since = {}
        found = []
        for process in processes:
            for thread, wait in _uninterruptible(process):
                begun = now
                if self._since.get(thread, ("", 0.0))[0] == wait:
                    begun = self._since[thread][1]
                since[thread] = (wait, begun)
                if now - begun > STUCK_S:
                    where = _place(thread)
                    found.append(f"process {process} waits in {where} and no signal ends it")
        self._since = since
        return found


def descendants(process: int) -> List[int]:
    """A process and all below it."""
    found = [process]
    for one in found:
        try:
            with open(f"/proc/{one}/task/{one}/children", encoding="ascii") as file:
                found += [int(word) for word in file.read().split()]
        except OSError:
            continue
    return found


def _uninterruptible(process: int) -> List[Tuple[int, str]]:
    """Each thread in state D, with what tells this wait from the one before."""
    found = []
    try:
        for name in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{name}/status", encoding="utf-8") as file:
                lines = dict(line.split(":", 1) for line in file)
            if lines["State"].strip().startswith("D"):
                found.append((int(name), lines["voluntary_ctxt_switches"].strip()))
    except (OSError, KeyError):
        pass
    return found


def _place(thread: int) -> str:
    """Where in the kernel it waits."""
    try:
        with open(f"/proc/{thread}/stack", encoding="ascii") as file:
            return " < ".join(line.split()[-1].split("+")[0] for line in list(file)[:6])
    except (OSError, IndexError):
        return "the kernel"


def abort_connection(device: int, folder: str) -> None:
    """Ends every request of a FUSE mount, given its device number and an empty directory.

    The file system that does it is mounted there for as long: not every system has it mounted.
    """
    place = os.fsencode(folder)
    if _LIBC.mount(b"none", place, b"fusectl", 0, None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), folder)
    try:
        path = os.path.join(folder, str(os.minor(device)), "abort")
        # It is gone where the daemon has ended.
        with contextlib.suppress(FileNotFoundError), open(path, "w", encoding="ascii") as file:
            file.write("1")
    finally:
        _LIBC.umount2(place, 0)
