"""The content format of seedfs, version 1, written to be read and not to be fast.

    python seedfs_reference.py SEED GENERATION NODE PROCESS FILE OFFSET LENGTH > bytes
"""

import sys

from blake3 import blake3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def key(seed: str) -> bytes:
    return blake3(seed.encode(), derive_key_context="seedfs v1 content key").digest()[:16]


def address(generation: int, node: int, process: int, file: int, block: int) -> bytes:
    fields = ((generation, 2), (node, 2), (process, 2), (file, 4), (block, 6))
    return b"".join(value.to_bytes(width, "big") for value, width in fields)


def content(seed: str, file: tuple[int, int, int, int], offset: int, length: int) -> bytes:
    """Bytes `offset` to `offset + length` of the file (generation, node, process, file)."""
    first, last = offset // 16, (offset + length + 15) // 16
    addresses = b"".join(address(*file, block) for block in range(first, last))
    encryptor = Cipher(algorithms.AES(key(seed)), modes.ECB()).encryptor()
    blocks = encryptor.update(addresses)
    return blocks[offset - 16 * first :][:length]


if __name__ == "__main__":
    seed, *numbers = sys.argv[1:]
    generation, node, process, file, offset, length = map(int, numbers)
    piece = content(seed, (generation, node, process, file), offset, length)
    sys.stdout.buffer.write(piece)
