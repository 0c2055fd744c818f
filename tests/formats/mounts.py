"""The program under test, its mounts, and what they say."""

import contextlib
import gc
import json
import os
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEDFS = os.environ.get("SEEDFS_BIN", os.path.join(ROOT, "target", "release", "seedfs"))
SEED = "formats"


class Failures(list):
    """What went wrong, by case."""

    @contextlib.contextmanager
    def case(self, name: str):
        started = time.monotonic()
        try:
            yield
        except Exception as error:  # pylint: disable=broad-except
            self.append(name)
            print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        else:
            print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def exit_code(self) -> int:
        """Says what all came to."""
        print(f"{len(self)} cases failed" if self else "all cases passed")
        return 1 if self else 0


def run(*command: str, **options) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


@contextlib.contextmanager
def mounted(work: str, options: list[str], *more: str):
    """A mount of a dataset."""
    place = tempfile.mkdtemp(dir=work)
    run(SEEDFS, "mount", *options, *more, place)
    try:
        yield place
    finally:
        unmount(place)
        os.rmdir(place)


def unmount(place: str) -> None:
    """Unmounts; a library's threads may let go of a file a moment after they have read it."""
    for _ in range(50):
        gc.collect()
        command = [SEEDFS, "umount", place]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        time.sleep(0.1)
    run(SEEDFS, "umount", "--lazy", place)
    raise AssertionError(f"somebody still uses the mount: {done.stderr.strip()}")


def status(place: str, path: str) -> dict:
    with open(os.path.join(place, ".status", "files", path + ".json"), encoding="utf-8") as file:
        return json.load(file)


def verdict(place: str) -> str:
    with open(os.path.join(place, ".status", "summary.json"), encoding="utf-8") as file:
        return json.load(file)["verdict"]
