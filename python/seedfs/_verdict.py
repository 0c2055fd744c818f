"""What a judgement is, in Python."""

from collections.abc import Iterator, Mapping
from typing import Any


class Verdict(Mapping[str, Any]):
    """What became of a file, of a part of one, or of a tree.

    It is true where all is ``verified``, and only then: ``assert file.verify(data)``.

    As a mapping it is the document that a mount or ``seedfs verify --json`` has of the same:
    ``verdict["bytes"]["wrong"]``. Offsets and lengths are in bytes.
    """

    __slots__ = ("document",)

    #: The document, as dicts and lists.
    document: dict[str, Any]

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @property
    def verdict(self) -> str:
        """``verified``, ``untouched``, ``incomplete`` or ``mismatch``."""
        return self.document["verdict"]

    @property
    def ranges(self) -> list[dict[str, Any]]:
        """The wrong ranges of a file, the first 1000 in their order; of a tree, those of all files.

        Each has ``offset``, ``length`` and ``class`` (``misplaced``, ``stale``, ``zeroed``,
        ``flipped`` or ``foreign``), the first bytes as they are ``expected`` and ``actual``, and
        the ``source`` of bytes that belong elsewhere.
        """
        if "ranges" in self.document:
            return self.document["ranges"]
        return [
            {"path": file["path"], **wrong}
            for file in self.document["problems"]
            for wrong in file["ranges"]
        ]

    def __bool__(self) -> bool:
        return self.verdict == "verified"

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.document)

    def __len__(self) -> int:
        return len(self.document)

    def __repr__(self) -> str:
        what = self.document.get("path", self.document.get("directory"))
        return f"<seedfs.Verdict of {what!r}: {self.verdict}>"
