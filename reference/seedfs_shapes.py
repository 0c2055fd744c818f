"""Content in a shape: compressed, shared, unchanged, text. See docs/format.md, "Shapes".

Written to be read: each byte is made on its own, and generations are walked through one by one.
"""

from dataclasses import dataclass

from blake3 import blake3

from seedfs_reference import content
from seedfs_words import WORDS

M64 = 2**64 - 1
SIZE, SHARED_PHASE, SHARED_BLOCK, CHANGE = 1, 2, 3, 4
SHARED_START = 2**51


def mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def draw(seed: str, purpose: int, file: tuple[int, int, int, int], index: int) -> int:
    """A number below 2^64, drawn by lot from the seed."""
    derived = blake3(seed.encode(), derive_key_context="seedfs v1 choice key").digest()
    generation, node, process, number = file
    address = generation << 112 | node << 96 | process << 80 | number << 48
    state = mix(int.from_bytes(derived[:8], "big") ^ purpose)
    state = mix(state ^ (address >> 64))
    state = mix(state ^ (address & M64))
    return mix((state + index * 0x9E3779B97F4A7C15) & M64)


def fraction(basis_points: int) -> int:
    """A share in hundredths of a percent as a fraction of 2^32, rounded."""
    return ((basis_points << 32) + 5000) // 10000


@dataclass(frozen=True)
class Shape:
    """The options; shares are in hundredths of a percent."""

    size: int
    nodes: int = 1
    processes: int = 1
    files: int = 1
    extensions: int = 1
    text: bool = False
    compress: int = 0
    dedup: int = 0
    dedup_block: int = 4096
    dedup_scope: str = "dataset"
    change: int = 10000
    change_block: int = 4096


def made_in(seed: str, shape: Shape, file: tuple, offset: int) -> int:
    """The generation that made the bytes at an offset."""
    generation, *rest = file
    if shape.change == 10000:
        return generation
    clock = draw(seed, CHANGE, (0, *rest), offset // shape.change_block) >> 32
    made = 0
    for later in range(1, generation + 1):
        before = clock >> 32
        clock += fraction(shape.change)
        if clock >> 32 > before:
            made = later
    return made


def origin(seed: str, shape: Shape, file: tuple, offset: int) -> tuple[tuple, int]:
    """The file and the offset where a byte was made."""
    _, node, process, number = file
    first = (0, node, process, number)
    made = made_in(seed, shape, file, offset)
    own = (made, node, process, number), offset
    size = shape.dedup_block
    block = offset // size
    extension = number % shape.extensions
    if shape.dedup == 0 or (block + 1) * size > shape.size:
        return own
    owner, files = {
        "dataset": ((made, 0, 0, extension), shape.nodes * shape.processes * shape.files),
        "node": ((made, node, 0, extension), shape.processes * shape.files),
        "file": ((made, node, process, number), 1),
    }[shape.dedup_scope]
    blocks = min(max(files * (shape.size // size), 1), 2**64)
    share = fraction(shape.dedup)
    different = min(max(blocks * min(share, 2**32 - share) >> 38, 1), SHARED_START // size)
    places = min(share + (different << 32) // blocks, 2**32)
    phase = draw(seed, SHARED_PHASE, first, 0) >> 32
    if (block * places + phase) >> 32 == ((block + 1) * places + phase) >> 32:
        return own
    if made > 0:
        different = max(different * fraction(shape.change) >> 32, 1)
    shown = draw(seed, SHARED_BLOCK, first, (made << 48) + block) * different >> 64
    return owner, SHARED_START + shown * size + offset % size


def byte(seed: str, shape: Shape, file: tuple, offset: int) -> bytes:
    file, offset = origin(seed, shape, file, offset)
    if shape.text:
        word = WORDS[content(seed, file, offset // 8, 1)[0]]
        end = "\n" if offset // 8 % 8 == 7 else " "
        return (word + end)[offset % 8].encode()
    if shape.compress > 0:
        taken = (256 * shape.compress + 5000) // 10000
        kept = max(256 - taken - 3, 8)
        stretch = offset // 512 % 8
        here = (stretch + 1) * kept // 8 - stretch * kept // 8
        if offset % 512 >= 16 * here:
            return b"U"
    return content(seed, file, offset, 1)


def shaped(seed: str, shape: Shape, file: tuple, offset: int, length: int) -> bytes:
    """Bytes `offset` to `offset + length` of the file (generation, node, process, file)."""
    return b"".join(byte(seed, shape, file, at) for at in range(offset, offset + length))
