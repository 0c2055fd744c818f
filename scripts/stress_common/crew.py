"""One process for each task: started together, timed alone, ended with their parent.

A task is any object with three methods, called in its own process in this order:

    prepare()   what must not be timed: buffers, sources, a command that takes time to start
    run()       the work that is timed; what it returns is the outcome's value
    check()     whether the work was done well; not timed

A process that has prepared says so and waits at a gate, a pipe. When every process waits there (or
has failed before), the parent opens the gate by writing a byte for each: so all begin within the
time that the kernel needs to wake them, however long their preparations took.

No process outlives its parent: the parent ends them on its way out, whatever the way, and where it
is killed without one the kernel does. The commands that they read from end with them (lifetime).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any, List, NamedTuple, Optional, Sequence

from .errors import StressError, reason_of
from .lifetime import die_with

_ENDING_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_END_TIMEOUT_SECONDS = 5


class Outcome(NamedTuple):
    """How one task ended. With an `error`, the other fields mean nothing."""

    value: Any = None
    begin: float = 0.0
    """On the clock that all processes of a machine share, in seconds."""
    end: float = 0.0
    error: Optional[str] = None

    @property
    def seconds(self) -> float:
        """How long `run()` took."""
        return self.end - self.begin


class CrewRun(NamedTuple):
    """How a crew's work went: one outcome for each task, in the tasks' order."""

    outcomes: List[Outcome]
    start: float
    """When the gate opened."""

    @property
    def wall_seconds(self) -> float:
        """From the common start to the end of the last task that succeeded."""
        ends = [outcome.end for outcome in self.outcomes if outcome.error is None]
        return max(ends) - self.start if ends else 0.0


def run_crew(tasks: Sequence[Any]) -> CrewRun:
    """Runs every task in a process of its own and returns when the last has ended."""
    crew = _Crew()
    try:
        for task in tasks:
            crew.add(task)
        crew.wait_until_ready()
        start = crew.open_gate()
        return CrewRun(crew.outcomes(), start)
    finally:
        crew.end()


class _Member(NamedTuple):
    process: Any
    channel: Any


class _Crew:
    def __init__(self) -> None:
        # Nothing else of Python's is inherited safely by a process that must share our pipes.
        self._context = multiprocessing.get_context("fork")
        self._gate_read, self._gate_write = os.pipe()
        self._members: List[_Member] = []
        self._outcomes: List[Optional[Outcome]] = []

    def add(self, task: Any) -> None:
        """Starts one process; it prepares its task at once."""
        channel, channel_in_child = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_work, args=(task, channel_in_child, self._gate_read, os.getpid()), daemon=True
        )
        # A signal between the fork and the child's own handlers would print a traceback from it.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING_SIGNALS)
        try:
            process.start()
            self._members.append(_Member(process, channel))
            self._outcomes.append(None)
        except OSError as error:
            count = len(self._members)
            raise StressError(f"no more than {count} processes start: {error}") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            # Ours must be closed, or a process that died would never read as end of file.
            channel_in_child.close()

    def wait_until_ready(self) -> None:
        """Returns when every process is at the gate or has failed."""
        for index in range(len(self._members)):
            self._receive(index)

    def open_gate(self) -> float:
        """Lets the processes begin; returns when."""
        waiting = sum(outcome is None for outcome in self._outcomes)
        start = time.perf_counter()
        while waiting:
            waiting -= os.write(self._gate_write, b"\0" * waiting)
        return start

    def outcomes(self) -> List[Outcome]:
        """Waits for every process's outcome."""
        for index, outcome in enumerate(self._outcomes):
            if outcome is None:
                self._receive(index)
        return [outcome or Outcome(error="ended without an outcome") for outcome in self._outcomes]

    def end(self) -> None:
        """Ends what still runs and gives everything back."""
        for member in self._members:
            if member.process.is_alive():
                # One that has told its outcome ends by itself; the others have no use any more.
                member.process.terminate()
        for member in self._members:
            member.process.join(_END_TIMEOUT_SECONDS)
            if member.process.is_alive():
                member.process.kill()
            member.channel.close()
        os.close(self._gate_read)
        os.close(self._gate_write)

    def _receive(self, index: int) -> None:
        """Takes the next message of one process: ready (None), or its outcome."""
        member = self._members[index]
        try:
            self._outcomes[index] = member.channel.recv()
        except EOFError:
            member.process.join(_END_TIMEOUT_SECONDS)
            code = member.process.exitcode
            how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
            self._outcomes[index] = Outcome(error=f"the process was ended {how}")


def _work(task: Any, channel: Any, gate: int, parent: int) -> None:
    """A process's whole life."""
    die_with(parent)
    # Ctrl-C reaches the whole group; the parent alone answers it, once, and ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING_SIGNALS)
    try:
        task.prepare()
        channel.send(None)
        os.read(gate, 1)
        begin = time.perf_counter()
        value = task.run()
        end = time.perf_counter()
        task.check()
        channel.send(Outcome(value, begin, end))
    except Exception as error:  # pylint: disable=broad-except
        # Whatever it is, it is this task's failure, and the run must hear of it.
        channel.send(Outcome(error=reason_of(error)))
