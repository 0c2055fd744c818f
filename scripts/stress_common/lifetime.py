"""No process of ours outlives the one that started it, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Callable

_PR_SET_PDEATHSIG = 1
# Loaded here: between a fork and an exec it is too late to load anything.
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Has the kernel kill the calling process when `parent`, which has forked it, ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # The parent may have gone before the call.
    if os.getppid() != parent:
        os._exit(1)


def dying_with_me() -> Callable[[], None]:
    """The `preexec_fn` of a command that must end with the calling process.

    A command that hangs would otherwise stay: a closed pipe ends only one that writes.
    """
    me = os.getpid()
    return lambda: die_with(me)
