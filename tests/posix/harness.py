"""What the tests with other people's programs share: mounts that never outlive the test, commands
that cannot hang it, and one line for each case.

A test works in a `Place`: a seedfs mount, a tmpfs, or a plain directory. The last two are what a
mount is compared with, and let the tests themselves be tested (`--self-test`).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Sequence, Set

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

MOUNT_TIMEOUT_S = 20
COMMAND_TIMEOUT_S = 900
CASE_TIMEOUT_S = 1200
LINES_SHOWN = 8


class Failure(Exception):
    """What was expected is not so. The message is for whoever repairs it."""


class Unable(Exception):
    """The system lacks something: nothing is said about seedfs."""


def expect(condition: bool, message: str) -> None:
    """Fails the case with `message` unless the condition holds."""
    if not condition:
        raise Failure(message)


def expect_equal(actual: Any, expected: Any, what: str) -> None:
    """Fails the case where two values differ, showing both."""
    if actual != expected:
        raise Failure(f"{what}: is {actual!r}, must be {expected!r}")


def run(
    *command: str, allowed: Sequence[int] = (0,), timeout_s: int = COMMAND_TIMEOUT_S, **options: Any
) -> str:
    """Runs a command to its end; gives what it printed, errors among it."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", timeout=timeout_s, check=False,
            **{"stdin": subprocess.DEVNULL, **options},
        )
    except FileNotFoundError as error:
        raise Unable(f"{command[0]} is missing; dev/install-tools installs it") from error
    except subprocess.TimeoutExpired as error:
        raise Failure(f"hangs: no end after {timeout_s} s: {shown(command)}") from error
    if done.returncode not in allowed:
        raise Failure(f"exit code {done.returncode}: {shown(command)}\n{shortened(done.stdout)}")
    return done.stdout


def shortened(text: str) -> str:
    """The first and the last lines of a long text: errors stand at either end."""
    lines = text.rstrip().splitlines()
    if len(lines) > 2 * LINES_SHOWN:
        lines[LINES_SHOWN:-LINES_SHOWN] = [f"[{len(lines) - 2 * LINES_SHOWN} lines]"]
    return "\n".join(lines)


def explained(error: Exception) -> str:
    """What is printed of an error."""
    return str(error) if isinstance(error, Failure) else f"{type(error).__name__}: {error}"


def shown(command: Sequence[str]) -> str:
    """A command as one would type it."""
    return " ".join(f"'{word}'" if set(word) & set(" {}*?$&|;<>()") else word for word in command)


def tool(name: str) -> str:
    """The path of a program that dev/install-tools built."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    tools = os.environ.get("SEEDFS_TOOLS", os.path.join(target, "tools"))
    path = os.path.join(tools, "bin", name)
    if not os.access(path, os.X_OK):
        raise Unable(f"there is no {path}; dev/install-tools builds it")
    return path


def seedfs_program() -> str:
    """The program under test."""
    path = os.environ.get("SEEDFS_BIN", os.path.join(ROOT, "target", "release", "seedfs"))
    if not os.access(path, os.X_OK):
        raise Unable(f"there is no {path}; build it, or say SEEDFS_BIN=PATH")
    return os.path.abspath(path)


class Place:
    """A directory to work in."""

    is_seedfs = False

    def __init__(self, path: str) -> None:
        self.path = path

    def join(self, *names: str) -> str:
        """A path in it."""
        return os.path.join(self.path, *names)


class Mount(Place):
    """A seedfs mount, and the daemon behind it."""

    is_seedfs = True

    def __init__(self, path: str, options: Sequence[str]) -> None:
        super().__init__(path)
        self._log_path = f"{path}.log"
        with open(self._log_path, "wb") as log:
            # In the foreground: it is our own child, and no other daemon can be mistaken for it.
            # Its own session: an interrupt at the terminal is for us, who then unmount.
            self._daemon = subprocess.Popen(
                [seedfs_program(), "mount", "--foreground", *options, path],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )

    def wait_until_mounted(self) -> None:
        """Returns when the mount answers."""
        end = time.monotonic() + MOUNT_TIMEOUT_S
        while not os.path.ismount(self.path):
            if self._daemon.poll() is not None:
                raise Failure(f"seedfs mount: exit code {self._daemon.returncode}\n{self.log()}")
            if time.monotonic() > end:
                raise Failure(f"seedfs mount: no mount after {MOUNT_TIMEOUT_S} s\n{self.log()}")
            time.sleep(0.01)

    def status(self, name: str) -> Dict[str, Any]:
        """A document of `.status`."""
        with open(self.join(".status", name), encoding="utf-8") as file:
            return json.load(file)

    def log(self) -> str:
        """The daemon's log, shortened."""
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            return shortened(file.read())

    def kill_daemon(self) -> None:
        """Ends the daemon at once: whatever waits for the mount gets an error."""
        self._daemon.kill()

    def stop(self) -> None:
        """Unmounts, by force where it must; fails where force was needed or the daemon panicked."""
        problem = None
        if os.path.ismount(self.path) or self._daemon.poll() is None:
            done = subprocess.run(
                [seedfs_program(), "umount", self.path], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )
            if done.returncode != 0:
                problem = f"seedfs umount: exit code {done.returncode}: {done.stdout.strip()}"
                subprocess.run(["umount", "--lazy", self.path], check=False)
        try:
            code = self._daemon.wait(timeout=MOUNT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            problem = problem or "the daemon does not end after the unmount"
            self._daemon.kill()
            code = self._daemon.wait()
        log = self.log()
        os.unlink(self._log_path)
        if "panicked" in log:
            problem = "the daemon panicked"
        elif code != 0:
            problem = problem or f"the daemon ended with {code}"
        if problem is not None:
            raise Failure(f"{problem}\n{log}")


class Workshop:
    """A temporary directory, everything mounted in it, and the end of all that."""

    def __init__(self, directory: Optional[str] = None, in_memory: bool = False) -> None:
        self.path = tempfile.mkdtemp(prefix="seedfs-tools.", dir=directory)
        # Tests that become other users pass through here.
        os.chmod(self.path, 0o755)
        self._count = 0
        self._mounts: Set[Mount] = set()
        self._in_memory = in_memory
        if in_memory:
            # Thousands of small files made and removed again: a disk would be what is measured.
            run("mount", "-t", "tmpfs", "-o", "mode=755", "seedfs-tools", self.path)

    def close(self) -> None:
        """Removes everything; where a mount would not go away, it stays, with all that is in it."""
        if self._in_memory:
            run("umount", self.path)
            os.rmdir(self.path)
        else:
            shutil.rmtree(self.path)

    def new_path(self, name: str) -> str:
        """A path that nothing has."""
        self._count += 1
        return os.path.join(self.path, f"{self._count:03}-{name}")

    @contextlib.contextmanager
    def directory(self, name: str) -> Iterator[Place]:
        """A plain directory, removed in the end."""
        path = self.new_path(name)
        os.mkdir(path)
        try:
            yield Place(path)
        finally:
            shutil.rmtree(path)

    @contextlib.contextmanager
    def tmpfs(self, size: str = "4G") -> Iterator[Place]:
        """A tmpfs of its own, for root."""
        path = self.new_path("tmpfs")
        os.mkdir(path)
        run("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", path)
        try:
            yield Place(path)
        finally:
            # A case that failed may still hold a file.
            run("umount", "--lazy", path)
            os.rmdir(path)

    @contextlib.contextmanager
    def mount(self, name: str, *options: str) -> Iterator[Mount]:
        """A seedfs mount. Its own trouble is only told where the test had none."""
        path = self.new_path(name)
        os.mkdir(path)
        mount = Mount(path, options)
        self._mounts.add(mount)
        try:
            mount.wait_until_mounted()
            yield mount
        except BaseException:
            with contextlib.suppress(Failure):
                self._end(mount)
            raise
        self._end(mount)

    def kill_daemons(self) -> None:
        """For a case that hangs: every call into a mount returns with an error."""
        for mount in list(self._mounts):
            mount.kill_daemon()

    def _end(self, mount: Mount) -> None:
        self._mounts.discard(mount)
        try:
            mount.stop()
        finally:
            # It refuses where the mount stayed, whose files are not ours to remove.
            os.rmdir(mount.path)


class Cases:
    """Runs the cases, prints a line for each, and counts."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._passed = 0
        self._failed = 0

    def run(self, name: str, case: Callable[[], Optional[str]]) -> None:
        """Runs one case; what it returns is a remark for its line."""
        start = time.monotonic()
        hangs = threading.Event()

        def end_it() -> None:
            hangs.set()
            self._workshop.kill_daemons()

        watchdog = threading.Timer(CASE_TIMEOUT_S, end_it)
        watchdog.daemon = True
        watchdog.start()
        problem, remark = None, None
        try:
            remark = case()
        except Unable:
            raise
        except Exception as error:  # pylint: disable=broad-except
            problem = explained(error)
        finally:
            watchdog.cancel()
        if hangs.is_set():
            problem = f"hangs: its daemons were killed after {CASE_TIMEOUT_S} s\n{problem}"
        self._line(name, time.monotonic() - start, problem, remark)

    @contextlib.contextmanager
    def guard(self, name: str) -> Iterator[None]:
        """What goes wrong around cases, as mounting and unmounting, is a failed case too."""
        start = time.monotonic()
        try:
            yield
        except (Failure, OSError) as error:
            self._line(name, time.monotonic() - start, explained(error), None)

    def conclude(self) -> int:
        """The closing line, and the exit code."""
        print(f"{self._passed} passed, {self._failed} failed")
        return 1 if self._failed else 0

    def _line(
        self, name: str, seconds: float, problem: Optional[str], remark: Optional[str]
    ) -> None:
        word = "ok" if problem is None else "FAIL"
        print(f"{word:<5} {name:<58} {seconds:7.1f} s  {remark or ''}".rstrip())
        if problem is None:
            self._passed += 1
        else:
            self._failed += 1
            for line in problem.splitlines():
                print(f"      {line}")
        sys.stdout.flush()


def main(
    script: str, body: Callable[[Workshop, Cases], None], work: Optional[str] = None
) -> NoReturn:
    """Runs a script's cases in a workshop that is gone afterwards, whatever ends it.

    It is a tmpfs, for which one must be root; or it is in the directory `work`.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As an exception: everything that was begun is ended on its way.
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    if os.geteuid() != 0:
        print(f"{script}: it must run as root: it mounts, and becomes other users", file=sys.stderr)
        sys.exit(3)
    code = 3
    workshop = Workshop(work, in_memory=work is None)
    try:
        cases = Cases(workshop)
        body(workshop, cases)
        code = cases.conclude()
    except Unable as error:
        print(f"{script}: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        code = 130
    finally:
        workshop.close()
    sys.exit(code)


def names_under(path: str) -> List[str]:
    """Every file below a directory, as paths relative to it, sorted."""
    found = []
    for directory, _, files in os.walk(path):
        found += [os.path.relpath(os.path.join(directory, file), path) for file in files]
    return sorted(found)
