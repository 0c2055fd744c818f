"""SQLite: a database made on the mount has the rows of the same one made on another file system.

It writes in place, syncs, locks, cuts journals and shares memory through mmap (in wal mode), which
no copy tool does.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import sqlite3

from harness import Cases, Place, Workshop, expect_equal

ROWS = 20_000
WORDS = ("extent", "inode", "journal", "page", "seed", "verdict")

SCHEMA = """
create table item (id integer primary key, name text not null, size integer, data blob);
create table log (item integer references item (id), what text);
"""
INDEXES = """
create index item_by_name on item (name, size);
create unique index item_by_size on item (size, id);
create index log_by_item on log (item);
"""


def build(path: str, journal_mode: str) -> None:
    """Makes the database, indexes it, changes much of it, and packs it."""
    draw = random.Random(7)
    with contextlib.closing(sqlite3.connect(path)) as database:
        mode = database.execute(f"pragma journal_mode = {journal_mode}").fetchone()[0]
        expect_equal(mode, journal_mode, "the journal mode")
        database.execute("pragma mmap_size = 67108864")
        database.executescript(SCHEMA)
        for start in range(0, ROWS, 1000):
            with database:
                database.executemany(
                    "insert into item values (?, ?, ?, ?)",
                    (
                        (row, f"{draw.choice(WORDS)}-{draw.randrange(1000)}",
                         draw.randrange(1 << 40), draw.randbytes(draw.randrange(400)))
                        for row in range(start, start + 1000)
                    ),
                )
        database.executescript(INDEXES)
        with database:
            database.execute(
                "update item set data = cast(data || zeroblob(100) as blob) where id % 3 = 0"
            )
            database.execute("insert into log select id, 'long' from item where length(data) > 300")
        roll_back(database)
        with database:
            database.execute("delete from item where id % 5 = 0")
        read_beside(path, database)
        database.execute("vacuum")


def roll_back(database: sqlite3.Connection) -> None:
    """Changes everything, and takes it back."""
    try:
        with database:
            database.execute("update item set name = 'lost', data = null")
            database.execute("delete from log")
            raise InterruptedError
    except InterruptedError:
        pass


def read_beside(path: str, database: sqlite3.Connection) -> None:
    """A second connection sees what the first has committed, and nothing else."""
    with contextlib.closing(sqlite3.connect(path)) as reader:
        before = reader.execute("select count(*) from item").fetchone()[0]
        with database:
            database.execute("insert into item values (-1, 'new', -1, null)")
        expect_equal(reader.execute("select count(*) from item").fetchone()[0], before + 1, "rows")


def digest(path: str) -> str:
    """Checks the database, and gives the hash of its whole dump."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        expect_equal(database.execute("pragma integrity_check").fetchall(), [("ok",)], "the check")
        lines = hashlib.sha256()
        for line in database.iterdump():
            lines.update(line.encode())
        return lines.hexdigest()


def run_cases(workshop: Workshop, cases: Cases, place: Place, label: str) -> None:
    """Both kinds of journal."""
    def case(mode: str) -> None:
        with workshop.directory("sqlite") as reference:
            for where in (reference, place):
                build(where.join(f"{mode}.db"), mode)
            ours = digest(place.join(f"{mode}.db"))
            expect_equal(ours, digest(reference.join(f"{mode}.db")), "the hash of the dump")

    for mode in ("delete", "wal"):
        cases.run(f"sqlite, {label}, journal mode {mode}", lambda mode=mode: case(mode))
