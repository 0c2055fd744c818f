"""Names of the files under test, and where their expected bytes come from."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from typing import List, NamedTuple, Optional

from .errors import UsageError
from .lifetime import dying_with_me
from .streams import CommandSource

_CONFIG_IN_MOUNT = os.path.join(".status", "config.json")
_CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def relative_name(node: int, process: int, iteration: Optional[int] = None) -> str:
    """The name of one process's file below the root, in a dataset's default layout."""
    name = f"node_{node}/process_{process}"
    return name if iteration is None else f"iteration_{iteration}/{name}"


def find_mount(path: str) -> Optional[str]:
    """The root of the seedfs mount that holds `path`, where there is one."""
    folder = os.path.realpath(path)
    while True:
        if os.path.isfile(os.path.join(folder, _CONFIG_IN_MOUNT)):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def find_seedfs(asked: Optional[str]) -> str:
    """The seedfs command, as an absolute path."""
    if asked is not None:
        found = shutil.which(asked)
        if not found:
            raise UsageError(f"--seedfs {asked}: not a command; accepted: the path of seedfs")
        return os.path.abspath(found)
    found = shutil.which("seedfs") or shutil.which(
        os.path.join(_CHECKOUT, "target", "release", "seedfs")
    )
    if not found:
        raise UsageError(
            "seedfs is neither in PATH nor built in this checkout; run "
            "`cargo build --release`, or name it with --seedfs PATH"
        )
    return os.path.abspath(found)


class Extent(NamedTuple):
    """Which part of a dataset a run touches: all that the content's dimensions depend on."""

    node: int
    processes: int
    iterations: Optional[int]
    """None without iteration directories."""

    def names(self) -> List[str]:
        """Every file's name, iteration by iteration."""
        rounds = [None] if self.iterations is None else list(range(self.iterations))
        return [
            relative_name(self.node, process, iteration)
            for iteration in rounds
            for process in range(self.processes)
        ]


class SeedContent:
    """The dataset's own bytes, streamed from `seedfs cat`."""

    def __init__(self, command: str, dataset_options: List[str], prefix: str) -> None:
        self._command = command
        self._dataset_options = dataset_options
        # Of --dst inside the mount, for layouts that begin with a fixed directory.
        self._prefix = prefix

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace, extent: Extent) -> SeedContent:
        """Takes the dataset from the options, or from the mount that `--dst` is in."""
        options = dataset_options(arguments, extent)
        prefix = ""
        if options is None:
            mount = find_mount(arguments.dst)
            if mount is None:
                raise UsageError(
                    f"--dst {arguments.dst} is not inside a seedfs mount, so the expected content "
                    "is unknown; accepted: --src FILE, --config FILE, or --size with --seed"
                )
            options = ["--config", os.path.join(mount, _CONFIG_IN_MOUNT)]
            prefix = path_in_mount(mount, arguments.dst)
        return cls(find_seedfs(arguments.seedfs), options, prefix)

    def open(self, name: str) -> CommandSource:
        """Starts the stream of one file's bytes."""
        return CommandSource(self._cat(name))

    def check(self, extent: Extent) -> None:
        """Refuses a dataset that does not name every file of the run, and says what would help."""
        names = extent.names()
        for name in (names[0], names[-1]):
            problem = self._problem_with(name)
            if problem is not None:
                raise UsageError(self._advice(name, extent) or f"{name}: {problem}")

    def _cat(self, name: str, *more: str) -> List[str]:
        path = os.path.join(self._prefix, name)
        return [self._command, "cat", *self._dataset_options, *more, path]

    def _problem_with(self, name: str) -> Optional[str]:
        command = self._cat(name, "--length", "1")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, check=False, preexec_fn=dying_with_me(),
            )
        except OSError as error:
            raise UsageError(f"--seedfs {self._command}: {error.strerror}") from error
        if done.returncode == 0:
            return None
        said = done.stderr.decode("utf-8", "replace").strip()
        return said or f"`{' '.join(command)}` ended with {done.returncode}"

    def _advice(self, name: str, extent: Extent) -> Optional[str]:
        """What to change, where the dataset's shape and the arguments are known to disagree."""
        if extent.iterations is None and not self._problem_with(f"iteration_0/{name}"):
            return (
                f"the dataset has no {name} but has iteration_0/{name}: "
                "it was made with --iterations, so add --iteration-dirs"
            )
        bare = relative_name(extent.node, 0)
        if extent.iterations is not None and not self._problem_with(bare):
            return (
                f"the dataset has {bare} and no {name}: "
                "it was made without --iterations, so leave out --iteration-dirs"
            )
        if not self._problem_with(f"{name}/file_0"):
            return (
                f"in the dataset {name} is a directory: it was made with --files above 1; "
                "accepted: a dataset with one file for each process"
            )
        return None


def dataset_options(arguments: argparse.Namespace, extent: Extent) -> Optional[List[str]]:
    """The dataset that the options describe, in `seedfs cat`'s words; None where they do not."""
    given = [name for name in ("seed", "size") if getattr(arguments, name) is not None]
    if arguments.config is not None:
        if given:
            raise UsageError(f"--config and --{given[0]} both say which dataset; accepted: one")
        if not os.path.isfile(arguments.config):
            raise UsageError(f"--config {arguments.config}: not a file; accepted: a config file")
        return ["--config", os.path.abspath(arguments.config)]
    if not given:
        return None
    if arguments.size is None:
        raise UsageError(f"--seed {arguments.seed} needs the size of each file: add --size SIZE")
    options = ["--size", str(arguments.size), f"--seed={arguments.seed or '0'}"]
    # More nodes or processes than the real dataset has change no byte of these ones.
    options += ["--nodes", str(extent.node + 1), "--processes", str(extent.processes)]
    if extent.iterations is not None:
        options += ["--iterations", str(extent.iterations)]
    return options


def path_in_mount(mount: str, path: str) -> str:
    """The path as the dataset names it: relative to the mount's root."""
    relative = os.path.relpath(os.path.realpath(path), mount)
    return "" if relative == os.curdir else relative


def refuse_overwriting(sources: List[str], targets: List[str]) -> None:
    """Refuses a run that would truncate what it is about to read."""
    identities = set()
    for source in sources:
        if os.path.exists(source):
            found = os.stat(source)
            identities.add((found.st_dev, found.st_ino))
    for target in targets:
        if os.path.exists(target):
            found = os.stat(target)
            if (found.st_dev, found.st_ino) in identities:
                raise UsageError(f"--dst: {target} would be read and written; accepted: another")
