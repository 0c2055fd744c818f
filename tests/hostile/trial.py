"""One mount, the attacks on it, the ordinary user beside them, and what came of it."""

from __future__ import annotations

import contextlib
import functools
import json
import mmap
import os
import resource
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from typing import Callable, Dict, List, NamedTuple, Optional, TextIO

import machine
import ordinary
from attacks import Attack, Finding, Gone, User

KEEP = 8 << 20
EXTENTS = 40_000
# Whatever the bound says: the machine is not the daemon's alone.
GUARD_BYTES = 4 << 30
SIZE = 1 << 20
HOSTILE_USER, ORDINARY_USER = 61001, 61002
# The documents are everybody's here: what they cost is to be felt.
OPTIONS = (
    "--allow-other", "--share-status", "--keep", str(KEEP), "--max-request", "1M",
)
DATASET = {"--seed": "hostile", "--nodes": "2", "--processes": "4", "--size": str(SIZE)}
NOT_OF_THE_DATASET = ("--on-mismatch", "--extent-limit", "--threads")
_READY_S = 30
_END_S = 10
_TURN_S = 0.1


class Failure(Exception):
    """The trial itself cannot go on."""


class Outcome(NamedTuple):
    """What one trial found."""

    name: str
    problems: List[str]
    calls: Dict[str, int]
    """How many calls of each attack succeeded."""
    most_resident: int
    bound: int
    answers: int
    longest_s: float


class Settings(NamedTuple):
    """What all trials have in common."""

    program: str
    work: str
    """A directory of this run's own, which everybody may pass."""
    csv: Optional[TextIO]
    began: float


def run(
    settings: Settings, name: str, attacks: Dict[str, Attack], seconds: float, seed: int
) -> Outcome:
    """Mounts, lets everybody at it for some seconds, unmounts, and looks for what is left."""
    trial = Trial(settings, name, attacks, seed)
    try:
        trial.start()
        trial.watch(seconds)
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        trial.problems.append(f"{type(failure).__name__}: {failure}")
    finally:
        trial.end()
    return trial.outcome()


class Trial:
    """What one mount goes through."""

    def __init__(
        self, settings: Settings, name: str, attacks: Dict[str, Attack], seed: int
    ) -> None:
        self.problems: List[str] = []
        self._settings = settings
        self._name = name
        self._attacks = attacks
        self._seed = seed
        self._folder = tempfile.mkdtemp(prefix=f"{name}-", dir=settings.work)
        os.chmod(self._folder, 0o711)
        self._mount = os.path.join(self._folder, "mnt")
        os.mkdir(self._mount)
        self._says = os.path.join(self._folder, "says")
        self._process = os.getpid()
        self._daemon: Optional[subprocess.Popen] = None
        self._device = 0
        self._before = 0
        self._extents = EXTENTS
        self._most = 0
        self._answer_count = 0
        self._longest_s = 0.0
        self._children: Dict[int, str] = {}
        """Who is who."""
        self._progress = ordinary.Progress()
        self._counters = {attack: _Counter() for attack in attacks}
        self._until = 0.0
        self._next_line = 0.0
        self._stuck = machine.Stuck()

    def start(self) -> None:
        """The mount, the users' places, and the ordinary user."""
        shape = dict(DATASET)
        rest = {"--extent-limit": str(EXTENTS), "--threads": "2"}
        for attack in self._attacks.values():
            for option, value in zip(attack.options[::2], attack.options[1::2]):
                (rest if option in NOT_OF_THE_DATASET else shape)[option] = value
        dataset, more = _words(shape), _words(rest)
        self._extents = int(rest["--extent-limit"])
        with open(os.path.join(self._folder, "log"), "wb") as log:
            # It must end with this process, however this one ends.
            self._daemon = subprocess.Popen(
                [
                    self._settings.program, "mount", "--foreground", *OPTIONS, *dataset, *more,
                    self._mount,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=functools.partial(machine.die_with, self._process),
            )
        self._wait_for(self._is_mounted, "the mount")
        self._device = os.stat(self._mount).st_dev
        self._make_places()
        self._before = machine.memory_of(self._daemon.pid).resident
        content = subprocess.run(
            [self._settings.program, "cat", "--length", str(SIZE), *dataset, "node_0/process_0"],
            stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=_READY_S,
        ).stdout
        self._start_ordinary_user(content)
        machine.forget_peak(self._daemon.pid)
        # What the ordinary user does before the hostile one comes, it must be able to.
        time.sleep(3 * _TURN_S)

    def _make_places(self) -> None:
        self._hostile = os.path.join(self._mount, "hostile")
        self._ordinary = os.path.join(self._mount, "ordinary")
        for folder, user in (
            (self._hostile, HOSTILE_USER), (self._ordinary, ORDINARY_USER),
        ):
            os.mkdir(folder)
            os.chown(folder, user, user)
        # Once the attacks have begun, nothing asks the mount that must not wait for its answer.
        for name, attack in self._attacks.items():
            for worker in range(attack.workers):
                os.mkdir(self._home(name, worker))
                os.chown(self._home(name, worker), HOSTILE_USER, HOSTILE_USER)
        node = os.path.join(self._mount, "node_1")
        os.chmod(node, 0o777)
        for process in range(4):
            os.chown(os.path.join(node, f"process_{process}"), HOSTILE_USER, HOSTILE_USER)
        os.chown(os.path.join(self._mount, "node_0", "process_0"), ORDINARY_USER, ORDINARY_USER)

    def _start_ordinary_user(self, content: bytes) -> None:
        writes = not any(attack.resets for attack in self._attacks.values())
        right = os.path.join(self._mount, "node_0", "process_0")
        # Root's resets take away what was made.
        folder = self._ordinary if writes else self._mount
        place = ordinary.Place(folder, right, content, writes)
        beside = os.path.join(self._folder, "witness")
        os.makedirs(os.path.join(beside, "node_0"))
        right = os.path.join(beside, "node_0", "process_0")
        with open(right, "wb") as file:
            file.write(content)
        for path in (beside, right):
            os.chown(path, ORDINARY_USER, ORDINARY_USER)
        witness = ordinary.Place(beside, right, content, writes)
        for name, where, progress in (
            ("ordinary", place, self._progress), ("witness", witness, ordinary.Progress()),
        ):
            answers = os.open(self._answers_of(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

            def live(where=where, progress=progress, answers=answers) -> None:
                machine.become(ORDINARY_USER, self._process)
                ordinary.ask(
                    where, progress,
                    lambda answer: os.write(answers, (json.dumps(answer) + "\n").encode()),
                    self._seed,
                )

            self._fork(name, live)
            os.close(answers)

    def _answers_of(self, name: str) -> str:
        return os.path.join(self._folder, f"answers-{name}")

    def watch(self, seconds: float) -> None:
        """The attacks, until their time is over or something is wrong."""
        self._until = time.monotonic() + seconds
        for name, attack in self._attacks.items():
            for worker in range(attack.workers):
                self._start_attacker(name, attack, worker)
            for beside in attack.beside:
                self._start_root(name, beside)
        # Then one more for as long as an answer may take: who is stuck must show.
        while time.monotonic() < self._until + _END_S and self._attackers() and not self.problems:
            self._look()
            time.sleep(_TURN_S)
        self._end_attackers()
        if not self.problems:
            self._look()

    def _start_attacker(self, name: str, attack: Attack, worker: int) -> None:
        home = self._home(name, worker)

        def live() -> None:
            _limit()
            machine.become(HOSTILE_USER, self._process)
            os.chdir(home)
            user = User(
                self._mount, home, os.path.join(self._mount, "node_1", "process_0"),
                f"{self._seed} {name} {worker}", worker, self._until,
                functools.partial(self._counters[name].add, worker),
            )
            with contextlib.suppress(Gone):
                attack.run(user)

        self._fork(f"{name} {worker}", live)

    def _home(self, name: str, worker: int) -> str:
        return os.path.join(self._hostile, f"{name}-{worker}")

    def _start_root(self, name: str, beside: Callable[[str], None]) -> None:
        def live() -> None:
            # The attackers find their places first.
            time.sleep(5 * _TURN_S)
            while time.monotonic() < self._until:
                try:
                    beside(self._mount)
                except OSError:
                    # Between the hostile user's calls this may fail as anything else.
                    time.sleep(0.001)

        self._fork(f"root beside {name}", live)

    def _fork(self, name: str, live: Callable[[], None]) -> None:
        child = os.fork()
        if child:
            self._children[child] = name
            _lead_a_group(child)
            return
        code = 1
        try:
            _lead_a_group(0)
            machine.die_with(self._process)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            says = os.open(self._says, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                if not name.startswith(("ordinary", "witness")):
                    os.nice(5)
                live()
                code = 0
            except (Finding, ordinary.Wrong) as finding:
                os.write(says, f"{name}: {finding}\n".encode())
            except MemoryError:
                code = 0
            except Exception as error:  # pylint: disable=broad-except
                os.write(says, f"{name} failed: {type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(code)

    def _attackers(self) -> List[int]:
        self._reap()
        return [
            child for child, name in self._children.items() if name not in ("ordinary", "witness")
        ]

    def _reap(self) -> None:
        for child in list(self._children):
            if os.waitpid(child, os.WNOHANG)[0]:
                del self._children[child]
                # It may have left some that it has started.
                self._kill([child])

    def _end_attackers(self) -> None:
        """Every process that the hostile user started; a signal must end each of them."""
        attackers = self._attackers()
        self._kill(attackers)
        deadline = time.monotonic() + _END_S
        while self._attackers() and time.monotonic() < deadline:
            self.problems += self._stuck.look(self._attackers(), time.monotonic())
            time.sleep(_TURN_S)
        for child in self._attackers():
            self.problems.append(f"{self._children[child]} does not end when it is killed")

    def _kill(self, processes: List[int]) -> None:
        # Each leads a group of all that it has started: nobody is started meanwhile and missed.
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)

    def _look(self) -> None:
        """One look at everything."""
        now = time.monotonic()
        if self._daemon.poll() is not None:
            self.problems.append(
                f"the daemon ended with {self._daemon.returncode}: {self._last_words()}"
            )
            return
        memory = machine.memory_of(self._daemon.pid)
        if memory is not None:
            self._most = max(self._most, memory.most)
            if memory.resident > GUARD_BYTES:
                self._daemon.kill()
                self.problems.append("the daemon took 4 GiB and was ended")
            if now >= self._next_line:
                self._next_line = now + 1
                self._write_line(now, memory)
        waiting = self._progress.waiting_s()
        if waiting > 2 * ordinary.HANGING_S:
            self.problems.append(f"another user has had no answer for {waiting:.0f} s")
        everybody = [one for child in self._children for one in machine.descendants(child)]
        self.problems += self._stuck.look(everybody, now)
        with contextlib.suppress(FileNotFoundError), open(self._says, encoding="utf-8") as file:
            self.problems += [line.strip() for line in file]

    def _last_words(self) -> str:
        path = os.path.join(self._folder, "log")
        with open(path, encoding="utf-8", errors="replace") as log:
            return " / ".join(line.strip() for line in list(log)[-3:])

    def _write_line(self, now: float, memory: machine.Memory) -> None:
        if self._settings.csv is not None:
            print(
                f"{now - self._settings.began:.0f},{self._name},{memory.resident},{memory.most},"
                f"{self._progress.waiting_s():.3f}", file=self._settings.csv, flush=True,
            )

    def end(self) -> None:
        """Ends everybody and everything, in whatever state it is."""
        for child in list(self._children):
            self._kill([child])
        if self._daemon is None:
            return
        self._unmount()
        deadline = time.monotonic() + _END_S
        while self._children and time.monotonic() < deadline:
            self._reap()
            time.sleep(_TURN_S / 10)
        for name in self._children.values():
            self.problems.append(f"left over: {name}")
        if self._daemon.poll() is None:
            self.problems.append("left over: the daemon")
        self._judge()
        if self._is_mounted():
            # What is below is not ours to remove.
            self.problems.append(f"left over: the mount {self._mount}")
        else:
            shutil.rmtree(self._folder)

    def _unmount(self) -> None:
        """In the usual way where it still answers, else by force."""
        # Who still has something open there must have gone.
        deadline = time.monotonic() + _END_S
        while self._children and time.monotonic() < deadline and not self.problems:
            self._reap()
            time.sleep(_TURN_S / 10)
        if self._device and self._daemon.poll() is None and not self.problems:
            self._ask_to_unmount()
        try:
            self._daemon.wait(_END_S if not self.problems else 0.1)
        except subprocess.TimeoutExpired:
            if not self.problems:
                self.problems.append("left over: the daemon, after its mount was gone")
            if self._device:
                connections = os.path.join(self._folder, "connections")
                os.mkdir(connections)
                machine.abort_connection(self._device, connections)
            self._daemon.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._daemon.wait(_END_S)
        if self._is_mounted():
            subprocess.run(
                ["umount", "--lazy", self._mount], stdin=subprocess.DEVNULL, capture_output=True,
                timeout=_READY_S, check=False,
            )

    def _ask_to_unmount(self) -> None:
        try:
            done = subprocess.run(
                [self._settings.program, "umount", self._mount], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=_READY_S, check=False,
            )
        except subprocess.TimeoutExpired:
            self.problems.append("unmounting hangs")
            return
        if done.returncode != 0:
            self.problems.append(f"unmounting: {done.stderr.strip()}")

    def _is_mounted(self) -> bool:
        """By the kernel's table: asking the mount could wait for an answer that never comes."""
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return any(line.split()[4] == self._mount for line in file)

    def _judge(self) -> None:
        """What shows only when all is over."""
        bound = self._bound()
        if self._most > bound:
            self.problems.append(
                f"the daemon held {self._most >> 20} MiB, its limits allow {bound >> 20} MiB"
            )
        answers = self._answers("ordinary")
        self._answer_count = len(answers)
        self._longest_s = max((answer.seconds for answer in answers), default=0.0)
        self.problems += ordinary.judge(answers, self._answers("witness"))
        for name, counter in self._counters.items():
            # An attack that meets nothing but errors shows nothing.
            if counter.total() == 0 and not self.problems:
                self.problems.append(f"{name} did nothing")
        self.problems = list(dict.fromkeys(self.problems))

    def _bound(self) -> int:
        documents = any(attack.holds_documents for attack in self._attacks.values())
        return machine.memory_bound(
            self._before, KEEP, self._extents, machine.DOCUMENT_BYTES if documents else 0
        )

    def _answers(self, name: str) -> List[ordinary.Answer]:
        try:
            with open(self._answers_of(name), encoding="utf-8") as file:
                # The last line may have been cut off with its process.
                lines = [line for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []
        return [ordinary.Answer(*json.loads(line)) for line in lines]

    def outcome(self) -> Outcome:
        """Everything that was found, once it has ended."""
        return Outcome(
            self._name, self.problems, {name: one.total() for name, one in self._counters.items()},
            self._most, self._bound(), self._answer_count, self._longest_s,
        )

    def _wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _READY_S
        while not condition():
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise Failure(f"waited in vain for {what}: {self._last_words()}")
            time.sleep(0.01)


class _Counter:
    """How many calls of an attack succeeded, over all its processes."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def add(self, worker: int) -> None:
        """One more; each worker has its own number, and those that it has started share it."""
        number = struct.unpack_from("<Q", self._page, 8 * worker)[0]
        struct.pack_into("<Q", self._page, 8 * worker, number + 1)

    def total(self) -> int:
        """Of all workers."""
        return sum(struct.unpack_from(f"<{mmap.PAGESIZE // 8}Q", self._page))


def _words(options: Dict[str, str]) -> List[str]:
    return [word for option in options.items() for word in option]


def _lead_a_group(process: int) -> None:
    """Done by the process and by its parent, so that it is done when either goes on."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(process, process)


def _limit() -> None:
    """What an attacker may take of the machine: this tests the daemon, and not the kernel."""
    for limit, value in (
        (resource.RLIMIT_AS, 1 << 30), (resource.RLIMIT_NOFILE, 4096),
        (resource.RLIMIT_NPROC, 256), (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
