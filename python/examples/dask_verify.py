"""Verifies a dataset with Dask's distributed scheduler: each worker a share, one verdict.

    python dask_verify.py --options '{"seed": "42", "nodes": 4, "size": "1G"}' /scratch/test
    python dask_verify.py --scheduler tcp://head:8786 --config dataset.toml /scratch/test

The nodes of the dataset are the shares, so nobody has to tell the workers which files are whose.
Every worker sees the directory, as on a shared filesystem. Only options travel there, and reports
back. Exits with 0 where all is verified, and with 1 where anything is not.
"""

import argparse
import json
import sys

from distributed import Client, as_completed

import seedfs

#: From the best to the worst.
VERDICTS = ["verified", "untouched", "incomplete", "mismatch"]


def verify_share(dataset: seedfs.Dataset, directory: str, node: int) -> dict:
    """What one node's files are: on a worker."""
    return dict(dataset.verify_tree(directory, node=node))


def merge(reports: list[dict]) -> dict:
    """One report of many: counts add up, lists follow each other, and the worst verdict holds."""
    merged = {"verdict": "verified", "nodes": {}, "problems": [], "unexpected": [], "failures": []}
    for name in ("files", "bytes", "mismatches"):
        merged[name] = {
            key: sum(report[name][key] for report in reports) for key in reports[0][name]
        }
    for report in sorted(reports, key=lambda report: report["node_id"]):
        merged["nodes"][report["node_id"]] = report["verdict"]
        for name in ("problems", "unexpected", "failures"):
            merged[name] += report[name]
    verdicts = set(merged["nodes"].values())
    if verdicts >= {"verified", "untouched"}:
        verdicts.add("incomplete")  # some of the files are there
    merged["verdict"] = max(verdicts, key=VERDICTS.index)
    return merged


def verify(client: Client, dataset: seedfs.Dataset, directory: str) -> dict:
    """Gives each worker shares until there are none, and merges what they found."""
    nodes = range(dataset.options["nodes"])
    # A verification may be asked for again, of other bytes: its outcome is nobody's cache.
    work = client.map(
        verify_share, [dataset] * len(nodes), [directory] * len(nodes), nodes, pure=False
    )
    return merge([future.result() for future in as_completed(work)])


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--scheduler", help="its address; without it, two workers here")
    options.add_argument("--config", help="a TOML or JSON file with the dataset's options")
    options.add_argument("--options", type=json.loads, default={}, help="the same, as JSON")
    options.add_argument("directory")
    asked = options.parse_args()
    if asked.config:
        dataset = seedfs.Dataset.from_config(asked.config, **asked.options)
    else:
        dataset = seedfs.Dataset(**asked.options)
    local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with Client(asked.scheduler) if asked.scheduler else Client(**local) as client:
        report = verify(client, dataset, asked.directory)
    json.dump(report, sys.stdout, indent=2)
    print()
    return 0 if report["verdict"] == "verified" else 1


if __name__ == "__main__":
    sys.exit(main())
