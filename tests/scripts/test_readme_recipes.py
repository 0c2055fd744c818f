"""What dev/test-readme takes from a page, and which outputs it takes for the printed ones."""

from __future__ import annotations

import importlib.util
import os
import unittest
from importlib.machinery import SourceFileLoader

from support import DEV


def load():
    """The script as a module: its name has no ending."""
    loader = SourceFileLoader("test_readme", os.path.join(DEV, "test-readme"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("test_readme", loader))
    loader.exec_module(module)
    return module


README = load()

PAGE = """\
Text, and `$ no command`.

    $ one /mnt/seed
    said by one
    and more
    $ head |
        tail
    shown

    a block without a command
"""


class ReadmeTest(unittest.TestCase):
    """Each check must be able to fail."""

    def missing(self, output: str, *shown: str) -> list:
        """Which of the lines are not in the output."""
        return README.missing_from(output, list(shown))

    def test_commands_and_what_is_shown_below_them(self) -> None:
        self.assertEqual(
            [tuple(recipe) for recipe in README.recipes_of(PAGE)],
            [(3, "one /mnt/seed", ["said by one", "and more"]), (6, "head |\ntail", ["shown"])],
        )

    def test_figures_may_differ_and_words_may_not(self) -> None:
        shown = "32 in all: 2 verified, 30.0 GiB missing, 0 B wrong, BW=2491MiB/s (3001msec)"
        good = shown.replace("30.0 GiB", "7 MiB").replace("2491MiB", "1KiB").replace("3001", "9")
        self.assertEqual(self.missing(good, shown), [])
        for old, new in (
            ("2 verified", "3 verified"), ("missing", "matched"), ("0 B", "1 B"), ("32", "31"),
        ):
            self.assertEqual(self.missing(good.replace(old, new), shown), [shown])

    def test_hexadecimal_is_cut_off_where_the_page_says_so(self) -> None:
        self.assertEqual(self.missing('"expected":"6090ad71"', '"expected":"6090…"'), [])
        self.assertNotEqual(self.missing('"expected":"7090ad71"', '"expected":"6090…"'), [])
        self.assertEqual(self.missing("0123456789abcdef0", "4e39…"), [])
        self.assertNotEqual(self.missing("no hash", "4e39…"), [])

    def test_lines_come_in_their_order_and_others_may_be_between(self) -> None:
        self.assertEqual(self.missing("a\nx\nb\n", "a", "b"), [])
        self.assertEqual(self.missing("b\na\n", "a", "b"), ["b"])


if __name__ == "__main__":
    unittest.main()
