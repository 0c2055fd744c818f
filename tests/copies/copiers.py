"""The tools that copy a tree, each as one function: from a directory into a directory.

Archivers write their archive, or their repository, into a scratch directory and unpack it from
there. Where a tool skips files whose size and time agree, it is told not to: in a fresh mount all
of them do.
"""

from __future__ import annotations

import os
from typing import Callable, NamedTuple, Sequence

from harness import names_under, run


class Copier(NamedTuple):
    """One tool."""

    name: str
    # From a directory, into one that exists, with an empty one for its own files.
    copy: Callable[[str, str, str], None]
    # Modes, owners and times of all files and directories come along.
    keeps_attributes: bool = True


def _cp(source: str, target: str, _scratch: str) -> None:
    run("cp", "-a", f"{source}/.", target)


def _rsync(*options: str) -> Callable[[str, str, str], None]:
    def copy(source: str, target: str, _scratch: str) -> None:
        run("rsync", "-a", "--ignore-times", *options, f"{source}/", f"{target}/")

    return copy


def _tar(*options: str) -> Callable[[str, str, str], None]:
    def copy(source: str, target: str, scratch: str) -> None:
        archive = os.path.join(scratch, "copy.tar")
        run("tar", *options, "-C", source, "-cf", archive, ".")
        run("tar", "-C", target, "-xpf", archive)

    return copy


def _cpio(source: str, target: str, scratch: str) -> None:
    archive = os.path.join(scratch, "copy.cpio")
    run("sh", "-ec", 'find . -depth -print0 | cpio -0 -o -H newc >"$1"', "sh", archive, cwd=source)
    run("sh", "-ec", 'cpio -i -d -m -u <"$1"', "sh", archive, cwd=target)


def _rclone(source: str, target: str, _scratch: str) -> None:
    run("rclone", "--config", "", "copy", "--ignore-times", source, target)


def _restic(source: str, target: str, scratch: str) -> None:
    environment = {
        **os.environ, "RESTIC_REPOSITORY": os.path.join(scratch, "restic"),
        "RESTIC_PASSWORD": "seedfs",
    }
    run("restic", "--no-cache", "init", env=environment)
    run("restic", "--no-cache", "backup", ".", cwd=source, env=environment)
    run("restic", "--no-cache", "restore", "latest", "--target", target, env=environment)


def _borg(source: str, target: str, scratch: str) -> None:
    environment = {
        **os.environ, "BORG_REPO": os.path.join(scratch, "borg"),
        # Its caches and its memory of repositories.
        "BORG_BASE_DIR": os.path.join(scratch, "borg-base"),
        "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }
    run("borg", "init", "--encryption", "none", env=environment)
    run("borg", "create", "::copy", ".", cwd=source, env=environment)
    run("borg", "extract", "::copy", cwd=target, env=environment)


def _dd(source: str, target: str, _scratch: str) -> None:
    for name in names_under(source):
        os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
        run(
            "dd", f"if={os.path.join(source, name)}", f"of={os.path.join(target, name)}",
            "bs=4k", "conv=sparse", "status=none",
        )


CP = Copier("cp -a", _cp)
RSYNC = Copier("rsync -a", _rsync())
TAR = Copier("tar", _tar())

COPIERS: Sequence[Copier] = (
    CP,
    RSYNC,
    Copier("rsync -a --inplace", _rsync("--inplace")),
    # As over a network: pieces of the file that is there are used again.
    Copier("rsync -a --no-whole-file", _rsync("--no-whole-file")),
    TAR,
    # Asks for the holes.
    Copier("tar --sparse", _tar("--sparse")),
    Copier("cpio", _cpio),
    Copier("rclone copy", _rclone, keeps_attributes=False),
    Copier("restic backup, restore", _restic),
    Copier("borg create, extract", _borg),
    Copier("dd conv=sparse", _dd, keeps_attributes=False),
)
