"""Virtual environments with the libraries that the tests of formats read with."""

import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(TESTS))


def requirements() -> list[str]:
    """What is pinned, one line each."""
    with open(os.path.join(TESTS, "requirements.txt"), encoding="ascii") as file:
        return file.read().split()


def interpreter(name: str, wanted: list[str], base: str = sys.executable, *options: str) -> str:
    """The Python of an environment below target/, which is made where it is not there yet."""
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    home = os.path.join(target, name)
    python = os.path.join(home, "bin", "python")
    installed = os.path.join(home, "installed.txt")
    text = "\n".join([base, *options, *wanted])
    if os.path.exists(installed):
        with open(installed, encoding="utf-8") as file:
            if file.read() == text:
                return python
    subprocess.run([base, "-m", "venv", "--clear", *options, home], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted], check=True)
    with open(installed, "w", encoding="utf-8") as file:
        file.write(text)
    return python


def start(python: str, program: str, *arguments: str) -> None:
    """Becomes a program of this folder."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.execv(python, [python, os.path.join(TESTS, program), *arguments])
