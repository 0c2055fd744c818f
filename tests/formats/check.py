"""What dev/test-formats runs, with the readers at hand."""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

import pyarrow.fs

from mounts import SEED, SEEDFS, Failures, mounted, run, status, verdict
from readers import READERS
from values import Content, same

TYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
COLUMNS = "+".join(f"{name}_:{name}" for name in TYPES)
WIDE_COLUMNS = "+".join(f"{name}_:{name}" for name in TYPES if name[1:] not in ("1",) and
                        name not in ("u2", "i2"))
LINES = "id:int9+x:float6+name:text12+ok:bit"
CASES = {
    "npy": [f"{dtype},{shape}" for dtype in TYPES for shape in ("1", "17x31")]
    + ["f4,1000x300", "u1,3x5x7x11"],
    "npz": ["x:u1,1", "x:f4,224x224x3+y:i8,1", "a:f2,5+b:bool,7+c:f8,1x3x5+d:u1,20000"],
    "tfrecord": ["1,1", "127,20", "128,5", "150528,7"],
    "hdf5": [f"{dtype},{shape}" for dtype in TYPES for shape in ("1", "17x31")]
    + ["f4,1000x300", "u1,1x1x1x1x1x1x1x3"],
    "arrow": ["a:u1,1", f"{COLUMNS},1000,333", f"{COLUMNS},70000", "a:f4,100000,1000"],
    "parquet": ["a:u4,1", f"{WIDE_COLUMNS},1000,333", f"{WIDE_COLUMNS},70000", "a:f4,100000,1000"],
    "jsonl": ["a:bit,1", f"{LINES},1000", "n:int2+m:int18+t:text1,77"],
    "csv": ["a:bit,1", f"{LINES},1000", "n:int2+m:int18+t:text1,77"],
    "bmp": ["1x1", "2x7", "101x37", "640x480"],
    "png": ["1x1", "2x7", "101x37", "640x480", "3000x50", "21844x2"],
}
LARGE = {
    "npy": ["f4,1000000x50"], "tfrecord": ["150528,1000"], "hdf5": ["f4,1000000x50"],
    "arrow": ["a:f4+b:f8,10000000"], "parquet": ["a:f4+b:f8,10000000"], "png": ["5000x5000"],
    "bmp": ["5000x5000"],
}


def options_of(description: str) -> list[str]:
    extension = description.split(":")[0]
    return ["--seed", SEED, "--content", description, "--files", "4", "--layout",
            "part_{process}/{file:06}." + extension]


def name_of(description: str, number: int) -> str:
    return f"part_0/{number:06}.{description.split(':')[0]}"


def read_everywhere(work: str, description: str) -> None:
    """One file by its reader on mounts, from `seedfs write` and from `seedfs cat`."""
    options, name = options_of(description), name_of(description, 3)
    reader, content = READERS[description.split(":")[0]], Content(SEED, (0, 0, 0, 3))
    for cache in ("page", "direct"):
        with mounted(work, options, "--cache", cache) as place:
            reader(os.path.join(place, name), content)
            if cache == "page":
                copied = os.path.join(work, "copied")
                shutil.copyfile(os.path.join(place, name), copied)
                assert status(place, name)["verdict"] == "untouched"
    target = os.path.join(work, "target")
    run(SEEDFS, "write", *options, target)
    reader(os.path.join(target, name), content)
    assert filecmp.cmp(os.path.join(target, name), copied, shallow=False), "write differs"
    run(SEEDFS, "verify", *options, target)
    cat = os.path.join(work, "cat")
    with open(cat, "wb") as file:
        subprocess.run([SEEDFS, "cat", *options, name], stdout=file, check=True)
    assert filecmp.cmp(cat, copied, shallow=False), "cat differs"
    reader(cat, content)
    shutil.rmtree(target)
    os.remove(cat)
    os.remove(copied)


def copies(work: str, description: str) -> None:
    """A whole dataset, copied onto a mount by three tools."""
    options = options_of(description)
    source = os.path.join(work, "source")
    run(SEEDFS, "write", *options, source)
    part = os.path.join(source, "part_0")

    def by_cp(target: str) -> None:
        run("cp", "-r", part, target)

    def by_rsync(target: str) -> None:
        run("rsync", "-r", "--ignore-times", part, target)

    def by_pyarrow(target: str) -> None:
        pyarrow.fs.copy_files(part, os.path.join(target, "part_0"))

    for copy in (by_cp, by_rsync, by_pyarrow):
        with mounted(work, options) as place:
            copy(place)
            assert verdict(place) == "verified", f"{copy.__name__}: {verdict(place)}"
    shutil.rmtree(source)


# Files with payload, framing, and where there is one a sum, whose places are found by damage.
DAMAGED = {
    "npy": [f"{dtype},300x100" for dtype in ("i4", "f2", "f4", "f8", "bool")],
    "npz": ["x:i4,300x100+y:f4,9", "x:f4,300x100+y:i8,9"],
    "tfrecord": ["20000,3"],
    "hdf5": ["i4,300x100", "f4,300x100", "f8,300x100"],
    "arrow": ["a:i4+b:f4,9000,4000", "a:f4,30000", "a:bool,300000,300000"],
    "parquet": ["a:i4+b:f4,9000,4000", "a:f4,30000,4000", "a:f8,30000,4000"],
    "jsonl": [f"{LINES},900"], "csv": [f"{LINES},900"], "bmp": ["101x137"], "png": ["101x137"],
}


def tells(description: str) -> bool:
    """Whether the payload in the middle of a file says where it belongs."""
    word, text = description.split(":", 1)
    if word in ("jsonl", "csv"):
        return False
    # Bits are bytes of content, in tables; elsewhere a byte is a truth value.
    is_table = word in ("arrow", "parquet")
    first = text.split(",")[0].split("+")[0].split(":")[-1]
    return not first.startswith("f") and (first != "bool" or is_table)
# Where a byte of a sum stands.
SUMS = {"npz": 14, "tfrecord": -4, "png": -16}


def damage(work: str, description: str) -> None:
    """Five kinds of damage to a file, and what is said about each."""
    word = description.split(":")[0]
    options = ["--iterations", "2", *options_of(description)]
    options[-1] = "g{iteration}/" + options[-1]
    name = "g1/" + name_of(description, 0)
    with mounted(work, options) as place:
        path = os.path.join(place, name)
        with open(path, "rb") as file:
            right = file.read()
        other = {}
        for key, of in (("misplaced", "g1/" + name_of(description, 1)),
                        ("stale", "g0/" + name_of(description, 0))):
            with open(os.path.join(place, of), "rb") as file:
                other[key] = file.read()

        def write(offset: int, data: bytes) -> None:
            with open(path, "r+b") as file:
                file.seek(offset)
                file.write(data)

        def expect(offset: int, data: bytes, classes: set[str], part: str) -> None:
            write(0, right)
            write(offset, data)
            found = status(place, name)
            where = f"{classes} in {part}"
            assert found["verdict"] == "mismatch", f"{where}: {found['verdict']}"
            ranges = found["ranges"]
            assert {each["class"] for each in ranges} <= classes, f"{where}: {ranges}"
            assert any(part in each["parts"] for each in ranges), f"{where}: {ranges}"
            wrong = [at for at, byte in enumerate(data) if byte != right[offset + at]]
            assert ranges[0]["offset"] == offset + wrong[0], f"{where}: {ranges}"
            end = ranges[-1]["offset"] + ranges[-1]["length"]
            assert end == offset + wrong[-1] + 1, f"{where}: {ranges}"
            write(0, right)
            assert status(place, name)["verdict"] == "verified", f"{where}, written anew"

        middle, size = len(right) // 2 // 4096 * 4096, 8192
        # What is no plain content cannot be told from foreign bytes. Of truth values half agree
        # with any others, so that what is left looks like bits that were flipped.
        is_known, is_bool = tells(description), description.startswith("npy:bool")
        unknown = {"foreign", "flipped"} if is_bool else {"foreign"}
        for key in ("misplaced", "stale"):
            data = other[key][middle:middle + size]
            expect(middle, data, {key} if is_known else unknown, "payload")
        expect(middle, bytes(size), {"zeroed"} | ({"flipped"} if is_bool else set()), "payload")
        # What another file has otherwise is no framing.
        at = next(at for at in range(middle, len(right)) if right[at] != other["misplaced"][at])
        expect(at, bytes([right[at] ^ 4]), {"flipped"}, "payload")
        expect(middle, os.urandom(size), {"foreign"}, "payload")
        # The first bytes are framing, but for the sums.
        expect(1, bytes([right[1] ^ 1]), {"flipped"}, "framing")
        expect(0, os.urandom(7), {"foreign", "flipped"}, "framing")
        expect(0, bytes(5), {"zeroed", "flipped"}, "framing")
        # Content of another place, where framing belongs.
        shifted = other["misplaced"][middle:middle + size]
        expect(0, shifted, {"misplaced"} if is_known else unknown, "framing")
        if word in SUMS:
            at = SUMS[word] % len(right)
            expect(at, bytes([right[at] ^ 0x10]), {"flipped"}, "checksum")
            # Right for its own file, wrong here.
            expect(at, other["misplaced"][at:at + 4], {"foreign", "flipped"}, "checksum")


def several(work: str) -> None:
    """Several formats in one dataset, each read by its reader; TFRecords with their index."""
    contents = {
        "npz": "npz:x:u1,24x24x3+y:i8,1", "json": f"jsonl:{LINES},7", "png": "png:31x17",
        "tfrecord": "tfrecord:2000,700", "idx": "tfrecord-index",
    }
    options = ["--seed", SEED, "--files", "3", "--layout", "train/{file:06}.{ext}"]
    for extension, content in contents.items():
        options += ["--content", f"{extension}={content}"]

    def read_all(place: str) -> None:
        for number in range(3):
            for index, extension in enumerate(sorted(contents)):
                content = Content(SEED, (0, 0, 0, 5 * number + index))
                path = os.path.join(place, "train", f"{number:06}.{extension}")
                READERS[contents[extension].split(":")[0]](path, content)

    for cache in ("page", "direct"):
        with mounted(work, options, "--cache", cache) as place:
            assert len(os.listdir(os.path.join(place, "train"))) == 15
            read_all(place)
    source = os.path.join(work, "source")
    run(SEEDFS, "write", *options, source)
    read_all(source)
    run(SEEDFS, "verify", *options, source)
    with mounted(work, options) as place:
        run("rsync", "-r", "--ignore-times", os.path.join(source, "train"), place)
        assert verdict(place) == "verified", verdict(place)
        index = os.path.join(place, "train", "000001.idx")
        with open(index, "r+b") as file:
            file.seek(9)
            file.write(b"x")
        found = status(place, "train/000001.idx")
        assert found["verdict"] == "mismatch" and found["ranges"][0]["parts"] == ["framing"], found
    name = "train/000002.idx"
    cat = subprocess.run([SEEDFS, "cat", *options, name], stdout=subprocess.PIPE, check=True).stdout
    with open(os.path.join(source, name), "rb") as file:
        assert file.read() == cat, "cat differs"
    shutil.rmtree(source)


def matrix(work: str) -> None:
    """Slices of a matrix, and writing it back, whole and in place."""
    import numpy as np

    options, name = options_of("npy:f4,100000x100"), name_of("npy:x", 0)
    content = Content(SEED, (0, 0, 0, 0))
    expected = content.array("f4", 128, 100000 * 100).reshape(100000, 100)
    for cache in ("page", "direct"):
        with mounted(work, options, "--cache", cache) as place:
            path = os.path.join(place, name)
            mapped = np.load(path, mmap_mode="r")
            same(mapped[1000:1010, ::7], expected[1000:1010, ::7], "a slice")
            same(mapped[::-5000, -1], expected[::-5000, -1], "a column")
            assert status(place, name)["verdict"] == "untouched"
            del mapped
            np.save(path, expected)
            assert status(place, name)["verdict"] == "verified"
            wrong = expected.copy()
            wrong[500, 5] += 0.25
            np.save(path, wrong)
            expect_wrong_at(status(place, name), 500, 5)
            np.save(path, expected)
            # A writer that changes a matrix where it lies.
            mapped = np.load(path, mmap_mode="r+")
            mapped[70000:70010] = expected[70000:70010]
            mapped[70005, 99] += 0.25
            mapped.flush()
            expect_wrong_at(status(place, name), 70005, 99)
            mapped[70005, 99] = expected[70005, 99]
            mapped.flush()
            assert status(place, name)["verdict"] == "verified"
            del mapped


def expect_wrong_at(found: dict, row: int, column: int) -> None:
    """One number of that matrix is wrong, and no byte around it."""
    start = 128 + 4 * (100 * row + column)
    assert found["verdict"] == "mismatch", found
    (wrong,) = found["ranges"]
    assert start <= wrong["offset"] and wrong["offset"] + wrong["length"] <= start + 4, wrong
    assert wrong["parts"] == ["payload"], wrong


def zip64(work: str) -> None:
    """An archive with an array of more than 4 GiB, and one behind it."""
    import numpy as np

    options = ["--seed", SEED, "--content", "npz:x:u1,4400000000+y:i8,3", "--layout", "a.npz"]
    with mounted(work, options, "--cache", "direct") as place:
        path = os.path.join(place, "a.npz")
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            start = archive.getinfo("y.npy").header_offset
        with np.load(path) as arrays:
            # Its own header has no ZIP64 field.
            data = (start + 30 + len("y.npy") + 6 + 63) // 64 * 64 + 128
            same(arrays["y"], Content(SEED, (0, 0, 0, 0)).array("i8", data, 3), "y")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="FORMAT")
    arguments = parser.parse_args()
    if arguments.measure:
        import measure

        measure.main()
        return 0
    failures = Failures()
    with tempfile.TemporaryDirectory() as work:
        for word in arguments.only or CASES:
            for text in CASES[word] + (LARGE.get(word, []) if arguments.full else []):
                with failures.case(f"readers of {word}:{text}"):
                    read_everywhere(work, f"{word}:{text}")
            with failures.case(f"copies of {word}"):
                copies(work, f"{word}:{CASES[word][1]}")
            for text in DAMAGED[word]:
                with failures.case(f"damage to {word}:{text}"):
                    damage(work, f"{word}:{text}")
        if not arguments.only or "tfrecord" in arguments.only:
            with failures.case("several formats in one dataset"):
                several(work)
        if not arguments.only or "npy" in arguments.only:
            with failures.case("a matrix, in slices and written back"):
                matrix(work)
        if arguments.full and (not arguments.only or "npz" in arguments.only):
            with failures.case("an archive with ZIP64"):
                zip64(work)
    return failures.exit_code()


if __name__ == "__main__":
    sys.exit(main())
