"""The examples of the pages and of the docstrings, run."""

import doctest
import pathlib
import re

import pytest

import seedfs
import seedfs.dgen

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run(name, text, names):
    test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
    test.globs = names
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, clear_globs=False)
    assert runner.summarize().failed == 0
    return len(test.examples)


@pytest.mark.parametrize("page", ["docs/python.md", "python/README.md"])
def test_a_page(page, tmp_path, monkeypatch):
    """The blocks of one page follow each other in one interpreter."""
    path = ROOT / page
    if not path.exists():
        pytest.skip("only in a checkout")
    for needed in ("numpy", "fsspec", "pandas"):
        pytest.importorskip(needed)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.M | re.S)
    names = {}
    count = sum(run(page, block, names) for block in blocks if ">>>" in block)
    assert count >= (20 if page.startswith("docs") else 0)


def test_docstrings():
    fs = pytest.importorskip("seedfs.fs")
    count = 0
    for thing in (seedfs, seedfs.dgen, fs):
        count += run(thing.__name__, thing.__doc__, {})
    ds = seedfs.Dataset(seed="42", nodes=4, processes=8, size="1G")
    names = {"seedfs": seedfs, "ds": ds, "file": ds["node_2/process_1"]}
    count += run("Dataset", seedfs.Dataset.__doc__, dict(names))
    count += run("verify", seedfs.File.verify.__doc__, dict(names))
    assert count >= 20
