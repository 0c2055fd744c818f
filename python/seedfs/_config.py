"""Reading the options of a dataset from a file."""

import json
import os
import tomllib
from typing import Any

# Far more than one can say.
_BYTES_MAX = 1 << 20


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The options in a file whose name ends in ``.toml``, or else in a JSON file."""
    with open(path, "rb") as file:
        text = file.read(_BYTES_MAX + 1)
    name = os.fspath(path)
    if len(text) > _BYTES_MAX:
        raise ValueError(f"'{name}' is longer than 1 MiB; expected a configuration")
    try:
        if name.endswith(".toml"):
            options = tomllib.loads(text.decode())
        else:
            options = json.loads(text)
    except ValueError as error:
        raise ValueError(
            f"'{name}': {error}; expected JSON, or TOML in a file whose name ends in .toml"
        ) from error
    if not isinstance(options, dict):
        raise ValueError(f"'{name}': expected the options of a dataset")
    return options
