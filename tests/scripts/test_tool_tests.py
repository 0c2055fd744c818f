"""What dev/test-posix and dev/test-copies decide, on results that are made up: each check
must be able to fail. Whole runs with no mount are `dev/test-posix --self-test` and the like.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
import unittest
from typing import Callable
from unittest import mock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "posix"), os.path.join(ROOT, "tests", "copies")]
# pylint: disable=wrong-import-position
import contents  # noqa: E402
import damage  # noqa: E402
import harness  # noqa: E402
import pjdfstest  # noqa: E402
import trees  # noqa: E402
from pjdfstest import Result  # noqa: E402

OUTPUT = """\
\x1b[34mopen::eloop\x1b[0m             \x1b[32mok\x1b[0m
open::exclusive          \x1b[31mFAILED\x1b[0m
\tassertion failed
Backtrace:
   0: somewhere
link::link_count_max      skipped
\tfilesystem limit is unknown

\x1b[31mSummary\x1b[0m: 1 failed, 1 skipped, 1 passed, 0 expected failures, 3 total
"""


class PjdfstestTest(unittest.TestCase):
    """Reading its output, and the comparison of two runs."""

    def test_output_is_understood(self) -> None:
        results = pjdfstest.parse(OUTPUT)
        self.assertEqual(
            {name: result.outcome for name, result in results.items()},
            {"open::eloop": "ok", "open::exclusive": "FAILED", "link::link_count_max": "skipped"},
        )
        self.assertIn("assertion failed", results["open::exclusive"].said)

    def test_output_that_is_cut_or_miscounted_is_refused(self) -> None:
        with self.assertRaises(harness.Failure):
            pjdfstest.parse(OUTPUT.partition("\x1b[31mSummary")[0])
        with self.assertRaises(harness.Failure):
            pjdfstest.parse(OUTPUT.replace("3 total", "4 total"))

    def test_what_passes_there_must_pass_here(self) -> None:
        good, bad, skipped = Result("ok", ""), Result("FAILED", "x"), Result("skipped", "y")
        reference = {"a::1": good, "a::2": good, "a::3": skipped, "a::4": good, "a::5": bad}
        same = dict(reference)
        self.assertEqual(pjdfstest.compare(reference, same, {}), [])
        worse = {**same, "a::1": bad, "a::2": skipped, "a::3": bad}
        del worse["a::4"]
        problems = pjdfstest.compare(reference, worse, {})
        self.assertEqual([line.split(":")[2] for line in problems], ["1", "2", "4"])

    def test_exclusions_neither_hide_passes_nor_outlive_their_tests(self) -> None:
        reference = {"a::1": Result("ok", "")}
        failing = {"a::1": Result("FAILED", "")}
        self.assertEqual(pjdfstest.compare(reference, failing, {"a::1": "why"}), [])
        self.assertEqual(len(pjdfstest.compare(reference, reference, {"a::1": "why"})), 1)
        self.assertEqual(len(pjdfstest.compare(reference, reference, {"a::2": "why"})), 1)

    def test_an_exclusion_needs_a_reason(self) -> None:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
            file.write("# a comment\na::1 because of the kernel\n")
            file.flush()
            exclusions = pjdfstest.read_exclusions(file.name)
            self.assertEqual(exclusions, {"a::1": "because of the kernel"})
            file.write("a::2\n")
            file.flush()
            with self.assertRaises(harness.Failure):
                pjdfstest.read_exclusions(file.name)

    def test_the_committed_list_can_be_read(self) -> None:
        pjdfstest.read_exclusions()


class ContentsTest(unittest.TestCase):
    """The random operations, on a directory."""

    def exercise(self, spoil: Callable[[bytes, int], bytes]) -> int:
        """Runs it with each write passed through `spoil`; gives how many writes there were."""
        count = 0
        write = os.pwrite

        def pwrite(descriptor: int, data: bytes, offset: int) -> int:
            nonlocal count
            count += 1
            write(descriptor, spoil(data, count), offset)
            return len(data)

        with tempfile.TemporaryDirectory() as directory:
            place = harness.Place(directory)
            for name in ("a", "b"):
                with open(place.join(name), "wb") as file:
                    file.write(os.urandom(100_000))
            with mock.patch("contents.os.pwrite", pwrite):
                contents.Exerciser(place, 1, ["new"], ["a", "b"]).run(300)
        return count

    def test_right_writes_pass(self) -> None:
        self.assertGreater(self.exercise(lambda data, _: data), 50)

    def test_a_flipped_bit_in_one_write_is_found(self) -> None:
        with self.assertRaisesRegex(harness.Failure, "must be"):
            self.exercise(lambda data, count: flip_first_bit(data) if count == 40 else data)

    def test_a_write_that_is_left_out_is_found(self) -> None:
        with self.assertRaisesRegex(harness.Failure, "must be"):
            self.exercise(lambda data, count: b"" if count == 40 else data)


def flip_first_bit(data: bytes) -> bytes:
    """The same bytes but for one bit."""
    return bytes([data[0] ^ 1]) + data[1:]


class DamageTest(unittest.TestCase):
    """What a file's status must say about a wrong block."""

    def status(self, offset: int, length: int, kind: str = "zeroed", more: int = 0) -> dict:
        found = {"offset": offset, "length": length, "class": kind, "source": None}
        return {"ranges": [found], "ranges_total": 1 + more}

    def test_from_the_first_to_the_last_byte_that_differs(self) -> None:
        self.assertEqual(damage.differing(b"abcdef", b"abXdYf"), range(2, 5))

    def test_edges_may_agree_by_chance_and_nothing_more(self) -> None:
        block, different = range(100, 200), range(101, 199)
        for offset, length in ((100, 100), (101, 98), (101, 99)):
            damage.expect_range(self.status(offset, length), "zeroed", block, different)
        for offset, length in ((102, 97), (99, 101), (101, 97), (100, 101)):
            with self.assertRaises(harness.Failure):
                damage.expect_range(self.status(offset, length), "zeroed", block, different)

    def test_another_class_or_a_second_range_is_refused(self) -> None:
        block = range(100, 200)
        with self.assertRaises(harness.Failure):
            damage.expect_range(self.status(100, 100, "foreign"), "zeroed", block, block)
        with self.assertRaises(harness.Failure):
            damage.expect_range(self.status(100, 100, more=1), "zeroed", block, block)


class TreesTest(unittest.TestCase):
    """The comparison of two trees, and of rsync's figures."""

    def test_files_transferred(self) -> None:
        line = "\nNumber of regular files transferred: 1,234\n"
        self.assertEqual(trees.files_transferred(line), 1234)
        self.assertIsNone(trees.files_transferred("something else"))


class CasesTest(unittest.TestCase):
    """One line for each case, and the exit code."""

    def test_a_failed_case_fails_the_run_and_the_others_go_on(self) -> None:
        def fail() -> None:
            harness.expect_equal(1, 2, "one")

        def break_off() -> None:
            raise FileNotFoundError(2, "No such file", "somewhere")

        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            workshop = harness.Workshop()
            cases = harness.Cases(workshop)
            cases.run("good", lambda: "a remark")
            cases.run("bad", fail)
            cases.run("broken", break_off)
            code = cases.conclude()
            workshop.close()
        self.assertEqual(code, 1)
        text = out.getvalue()
        self.assertIn("one: is 1, must be 2", text)
        self.assertIn("'somewhere'", text)
        self.assertIn("a remark", text)
        self.assertTrue(text.endswith("1 passed, 2 failed\n"), text)

    def test_a_command_that_fails_or_hangs_fails_the_case(self) -> None:
        with self.assertRaisesRegex(harness.Failure, "exit code 3: .*\nsaid this"):
            harness.run("sh", "-c", "echo said this; exit 3")
        with self.assertRaisesRegex(harness.Failure, "hangs"):
            harness.run("sleep", "10", timeout_s=0.1)
        with self.assertRaises(harness.Unable):
            harness.run("no-such-program-at-all")


if __name__ == "__main__":
    unittest.main()
