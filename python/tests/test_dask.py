"""The example for several machines, on two workers of this one."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

import seedfs

distributed = pytest.importorskip("distributed")

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "dask_verify.py"
OPTIONS = {"seed": "42", "nodes": 4, "files": 3, "size": 200_000}


def run(directory):
    command = [sys.executable, EXAMPLE, "--options", json.dumps(OPTIONS), directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_two_workers_find_what_one_finds(tmp_path):
    ds = seedfs.Dataset(**OPTIONS)
    for path in ds:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(ds[path].read())
    code, report = run(tmp_path)
    assert (code, report["verdict"]) == (0, "verified")
    assert report["files"]["verified"] == len(ds) and len(report["nodes"]) == 4

    wrong = tmp_path / "node_2/process_0/file_1"
    wrong.write_bytes(wrong.read_bytes()[:100_000] + bytes(100_000))
    (tmp_path / "node_3/process_0/file_0").unlink()
    code, report = run(tmp_path)
    alone = ds.verify_tree(tmp_path)
    assert (code, report["verdict"]) == (1, "mismatch")
    assert report["nodes"] == {
        "0": "verified", "1": "verified", "2": "mismatch", "3": "incomplete",
    }  # fmt: skip
    for name in ("files", "bytes", "mismatches", "unexpected", "failures"):
        assert report[name] == alone[name], name
    by_path = {problem["path"]: problem for problem in report["problems"]}
    assert by_path == {problem["path"]: problem for problem in alone["problems"]}


def test_merging():
    spec = importlib.util.spec_from_file_location("dask_verify", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    def report(node, verdict):
        counts = {name: {"total": 1} for name in ("files", "bytes", "mismatches")}
        lists = {"problems": [node], "unexpected": [], "failures": []}
        return {"node_id": node, "verdict": verdict, **counts, **lists}

    for verdicts, merged in [
        (["verified", "verified"], "verified"),
        (["untouched", "untouched"], "untouched"),
        (["verified", "untouched"], "incomplete"),
        (["verified", "incomplete"], "incomplete"),
        (["mismatch", "verified", "untouched"], "mismatch"),
    ]:
        reports = [report(node, verdict) for node, verdict in enumerate(verdicts)]
        done = example.merge(reports[::-1])
        assert done["verdict"] == merged and done["files"]["total"] == len(verdicts)
        assert done["problems"] == list(range(len(verdicts)))
