"""What dev/test-hostile decides, on made-up answers: each check must be able to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import unittest
from typing import List
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "hostile"))
# pylint: disable=wrong-import-position
import attacks  # noqa: E402
import machine  # noqa: E402
import ordinary  # noqa: E402
from ordinary import Answer  # noqa: E402


def answers(late: List[int], seconds: float, rounds: int = 400) -> List[Answer]:
    """One answer each round, quick but for some."""
    return [
        Answer(number, "read", float(10 * number), seconds if number in late else 0.001)
        for number in range(rounds)
    ]


class LateTest(unittest.TestCase):
    """Three in a row, one in a hundred, or one that takes very long."""

    def test_single_late_answers_are_accidents(self) -> None:
        self.assertEqual(ordinary.judge(answers([], 0), []), [])
        self.assertEqual(ordinary.judge(answers([5, 100, 200], 2.0), []), [])

    def test_three_rounds_in_a_row_are_none(self) -> None:
        self.assertEqual(len(ordinary.judge(answers([5, 6, 7], 1.1), [])), 1)

    def test_one_in_a_hundred_is_none(self) -> None:
        self.assertEqual(len(ordinary.judge(answers([5, 100, 200, 300], 1.1), [])), 1)

    def test_one_that_takes_very_long_is_none(self) -> None:
        found = ordinary.judge(answers([5], 6.5), [])
        self.assertEqual(len(found), 1)
        self.assertIn("'read' 6.5 s", found[0])

    def test_where_the_witness_waited_too_the_machine_was_busy(self) -> None:
        slow = answers([5, 6, 7], 1.5)
        self.assertEqual(ordinary.judge(slow, answers([5, 6, 7], 0.8)), [])
        # At another time it excuses nothing.
        self.assertEqual(len(ordinary.judge(slow, answers([50, 60, 70], 0.8))), 1)


class AskTest(unittest.TestCase):
    """The ordinary user finds bytes that are not what they must be."""

    def ask(self, spoil) -> None:
        """Asks in a directory until something is wrong, or 20 rounds are over."""
        with tempfile.TemporaryDirectory() as folder:
            right = os.path.join(folder, "right")
            content = os.urandom(200_000)
            with open(right, "wb") as file:
                file.write(content)
            rounds: List[int] = []

            def sleep(_seconds: float) -> None:
                rounds.append(1)
                spoil(folder)
                if len(rounds) == 20:
                    raise KeyboardInterrupt

            place = ordinary.Place(folder, right, content)
            with mock.patch("ordinary.time.sleep", sleep):
                ordinary.ask(place, ordinary.Progress(), lambda answer: None, 1)

    def test_right_answers(self) -> None:
        with self.assertRaises(KeyboardInterrupt):
            self.ask(lambda folder: None)

    def test_a_file_that_reads_otherwise(self) -> None:
        def spoil(folder: str) -> None:
            with open(os.path.join(folder, "right"), "wb") as file:
                file.write(bytes(200_000))

        with self.assertRaisesRegex(ordinary.Wrong, "does not belong there"):
            self.ask(spoil)

    def test_a_write_that_is_lost(self) -> None:
        with mock.patch("ordinary.os.pwrite", lambda descriptor, data, offset: len(data)):
            with self.assertRaisesRegex(ordinary.Wrong, "was not written"):
                self.ask(lambda folder: None)


class MachineTest(unittest.TestCase):
    """Memory, and waits that no signal ends."""

    def test_the_bound_follows_the_limits(self) -> None:
        rest = machine.memory_bound(0, 0, 0)
        self.assertEqual(machine.memory_bound(5, 1000, 10) - rest, 5 + 1500 + 4500)
        self.assertEqual(machine.memory_bound(5, 1000, 10, 7) - rest, 5 + 1500 + 4500 + 7)

    def test_the_peak_is_seen_and_forgotten(self) -> None:
        code = "import sys; x = bytearray(64 << 20); del x; print(1, flush=True); sys.stdin.read()"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            process.stdout.readline()
            memory = machine.memory_of(process.pid)
            self.assertGreater(memory.most - memory.resident, 32 << 20)
            machine.forget_peak(process.pid)
            self.assertLess(machine.memory_of(process.pid).most, memory.most - (32 << 20))
            process.stdin.close()
        self.assertIsNone(machine.memory_of(process.pid))

    def test_the_same_wait_is_stuck_and_a_new_one_is_not(self) -> None:
        stuck = machine.Stuck()
        waits = iter(["7", "7", "7", "8", "8"])
        with mock.patch("machine._uninterruptible", lambda _: [(1, next(waits))]):
            found = [len(stuck.look([1], now)) for now in (0.0, 4.0, 5.5, 9.0, 13.0)]
        self.assertEqual(found, [0, 0, 1, 0, 0])


class AttackTest(unittest.TestCase):
    """Attacks run, and count what succeeded, on any file system."""

    def run_attack(self, run) -> int:
        """Half a second of it in a directory; how many calls succeeded."""
        calls: List[int] = []
        before = os.getcwd()
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            own = os.path.join(folder, "own")
            with open(own, "wb") as file:
                file.write(bytes(100_000))
            try:
                run(attacks.User(
                    folder, folder, own, "seed", 0, time.monotonic() + 0.5, lambda: calls.append(1)
                ))
            finally:
                os.chdir(before)
        return len(calls)

    def test_most_of_them_here(self) -> None:
        for name in ("breadth", "listings", "slices", "hard_links", "appends", "forgets"):
            self.assertGreater(self.run_attack(getattr(attacks, name)), 10, name)

    def test_a_listing_that_does_not_end_is_found(self) -> None:
        class Endless:
            """A directory that grows while it is listed."""

            name = "a"

            def __enter__(self):
                return iter(lambda: self, None)

            def __exit__(self, *_):
                pass

        scandir = os.scandir
        endless = lambda path: Endless() if path == "." else scandir(path)
        with mock.patch("attacks.os.scandir", endless):
            with self.assertRaisesRegex(attacks.Finding, "a listing of 5 names went on"):
                self.run_attack(attacks.listings)

    def test_an_open_file_that_reads_otherwise_is_found(self) -> None:
        with mock.patch("attacks.os.pread", lambda descriptor, length, offset: bytes(length)):
            with self.assertRaisesRegex(attacks.Finding, "reads as what was not written"):
                self.run_attack(attacks.forgets)


if __name__ == "__main__":
    unittest.main()
