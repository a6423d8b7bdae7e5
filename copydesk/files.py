"""Files that a command writes for its user: outside the home, and whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from etl.errors import SetupFault
from warehouse.home import Home


def require_outside(home: Home, output: str) -> None:
    """Leave the home to Copydesk: through the link alone a result could take the place of what is published.

    Raises:
        SetupFault: no file is named, or it would lie in the home, whatever links lead there.
    """
    if not output:
        raise SetupFault("--output is empty")
    if Path(os.path.realpath(output)).is_relative_to(os.path.realpath(home.folder)):
        raise SetupFault(f"--output {output} lies in the home {home}, which is Copydesk's own: name a file elsewhere")


def write_file(path: Path, content: bytes) -> None:
    """Write a file, in the place of a former one.

    Raises:
        SetupFault: it cannot be written.
    """
    with writing(path) as file:
        file.write(content)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to be written, which takes the place of a former one when all of it is there.

    Raises:
        SetupFault: it cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # A pipe or a device is written to, not replaced.
        with path.open("wb") as file:
            yield file
        return
    # Under another name first: whoever reads the file sees the former one or the whole new one.
    temporary = path.with_name(f".copydesk-{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise SetupFault(f"Cannot write {path}: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
