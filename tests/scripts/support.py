"""What the tests of the stress scripts share: running one, planting damage, waiting."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from typing import List, NamedTuple

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(CHECKOUT, "scripts")
DEV = os.path.join(CHECKOUT, "dev")
sys.path.insert(0, SCRIPTS)

STAND_IN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stand_in_seedfs.py")


class Done(NamedTuple):
    """How a script ended."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict:
        """What it printed with --json."""
        return json.loads(self.out)


def stand_in_bytes(seed: str, name: str, size: int) -> bytes:
    """What the stand-in's `cat` says, computed here a second time."""
    return hashlib.shake_128(f"{seed}:{name}".encode()).digest(size)


class ScriptCase(unittest.TestCase):
    """A test with a directory of its own."""

    def setUp(self) -> None:
        self.root = tempfile.mkdtemp(prefix="seedfs-scripts-")
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.dst = self.directory("dst")

    def directory(self, name: str) -> str:
        """A new directory."""
        path = os.path.join(self.root, name)
        os.makedirs(path)
        return path

    def file(self, name: str, data: bytes) -> str:
        """A new file, in new directories where it needs them."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def bytes_of(self, name: str) -> bytes:
        """A file's bytes."""
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def run_script(self, script: str, *arguments: str, **environment: str) -> Done:
        """Runs one of the scripts to its end."""
        done = subprocess.run(
            command_of(script, *arguments), env={**os.environ, **environment},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def assert_ended(self, code: int, done: Done) -> None:
        """The exit code, with what the script said where it is another."""
        self.assertEqual(done.code, code, f"\n{done.out}\n{done.err}")

    def assert_refused(self, done: Done, *words: str) -> None:
        """Wrong usage: exit code 2, the words in the reason, and nothing written."""
        self.assert_ended(2, done)
        for word in words:
            self.assertIn(word, done.err)
        self.assertEqual(os.listdir(self.dst), [])


def command_of(script: str, *arguments: str) -> List[str]:
    """A script's command line."""
    return [sys.executable, os.path.join(SCRIPTS, f"{script}.py"), *arguments]


def plant(path: str, offset: int, mask: int = 0x01) -> None:
    """Flips bits of one byte."""
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


def wait_until(condition, what: str) -> None:
    """Returns when the condition holds; it is an error when it does not for very long."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited a minute in vain for {what}")
        time.sleep(0.01)
