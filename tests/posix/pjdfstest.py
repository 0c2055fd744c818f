"""pjdfstest: what POSIX says of every call on names, one small test for each sentence.

It runs on a tmpfs and on the mount. Whatever passes on the tmpfs must pass on the mount, but for
the tests that pjdfstest-exclusions.txt names with a reason. A test named there that passes is a
failure too: the list must not promise less than there is.
"""

from __future__ import annotations

import os
import re
from typing import Dict, List, NamedTuple

from harness import Cases, Failure, Place, Unable, Workshop, expect, run, tool

EXCLUSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pjdfstest-exclusions.txt")

# Remounting is left out: it needs an entry in fstab. The users are any two that Debian has.
CONFIG = """\
[features]
posix_fallocate = {}
rename_ctime = {}
stat_st_birthtime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.02
allow_remount = false
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"""

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESULT = re.compile(r"(\S+::\S+) +(ok|FAILED|skipped)")


class Result(NamedTuple):
    """How one test ended, and what it said."""

    outcome: str
    said: str


def pjdfstest(workshop: Workshop, place: Place, other: Place) -> Dict[str, Result]:
    """Runs all tests on a place; those across two file systems use the other as well."""
    with workshop.directory("pjdfstest") as scratch:
        config = scratch.join("pjdfstest.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        # Its exit code says whether all passed, which is ours to say.
        return parse(
            run(tool("pjdfstest"), "-c", config, "-p", place.path, "-s", other.path, allowed=(0, 1))
        )


def parse(output: str) -> Dict[str, Result]:
    """The results by the tests' names. The lines after a test's own belong to it."""
    results: Dict[str, Result] = {}
    name = None
    for line in _COLOUR.sub("", output).splitlines():
        match = _RESULT.fullmatch(line.rstrip())
        if match:
            name = match.group(1)
            results[name] = Result(match.group(2), "")
        elif line.startswith("Summary"):
            total = re.search(r"(\d+) total", line)
            understood = total is not None and int(total.group(1)) == len(results)
            expect(understood, f"not understood: {line}")
            return results
        elif name is not None:
            result = results[name]
            results[name] = Result(result.outcome, f"{result.said} {line.strip()}".strip())
    raise Failure(f"pjdfstest did not finish:\n{output}")


def read_exclusions(path: str = EXCLUSIONS) -> Dict[str, str]:
    """The committed exceptions: a test's name, and why it cannot pass."""
    exclusions = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, _, reason = line.strip().partition(" ")
                expect(bool(reason.strip()), f"{path}: {name} has no reason")
                exclusions[name] = reason.strip()
    return exclusions


def compare(
    reference: Dict[str, Result], mount: Dict[str, Result], exclusions: Dict[str, str]
) -> List[str]:
    """What is wrong with the mount's results, a line each."""
    problems = []
    for name in sorted(exclusions.keys() - reference.keys()):
        problems.append(f"{name}: excluded, but there is no such test")
    for name, expected in sorted(reference.items()):
        here = mount.get(name, Result("missing", ""))
        if name in exclusions:
            if here.outcome == "ok":
                problems.append(f"{name}: excluded, but it passes")
        elif expected.outcome == "ok" and here.outcome != "ok":
            problems.append(f"{name}: {here.outcome}: {here.said}")
    return problems


def counts(results: Dict[str, Result]) -> str:
    """`384 passed, 0 failed, 14 skipped`."""
    outcomes = [result.outcome for result in results.values()]
    return (
        f"{outcomes.count('ok')} passed, {outcomes.count('FAILED')} failed, "
        f"{outcomes.count('skipped')} skipped"
    )


def run_cases(workshop: Workshop, cases: Cases, place: Place, label: str) -> None:
    """One case: the mount against a tmpfs."""
    if os.geteuid() != 0:
        raise Unable("pjdfstest must run as root: it becomes other users and makes devices")

    def case() -> str:
        with workshop.tmpfs() as other, workshop.tmpfs() as reference_place:
            reference = pjdfstest(workshop, reference_place, other)
            mount = pjdfstest(workshop, place, other)
        passed = any(result.outcome == "ok" for result in reference.values())
        expect(passed, "nothing passes at all")
        exclusions = read_exclusions()
        problems = compare(reference, mount, exclusions)
        remark = f"tmpfs: {counts(reference)}; here: {counts(mount)}; {len(exclusions)} excluded"
        if problems:
            raise Failure("\n".join([remark, *problems]))
        return remark

    cases.run(f"pjdfstest, {label}", case)
