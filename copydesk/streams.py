"""The command's standard streams: there whatever it was started with, and telling of their own faults."""

from __future__ import annotations

import io
import os
import sys

from etl.errors import SetupFault


class OutputFault(SetupFault):
    """Standard output takes no more: nothing is wrong with the home."""


def open_streams() -> None:
    """Make the standard streams usable. Called before anything else, as it opens files that stay open.

    One that was closed takes nothing and gives nothing: else the next file that is opened would get its number, and
    what is printed would be written into that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    former = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(1, "w", closefd=False)),
        encoding=former.encoding if former else "utf-8",
        errors=former.errors if former else "strict",
        line_buffering=os.isatty(1),
    )


def drop_output() -> None:
    """Send what is still to be printed nowhere: Python would complain when it cannot write it in the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


class _Output(io.FileIO):
    """Standard output. An error of the system does not tell by itself which file it is about."""

    def write(self, content: object, /) -> int | None:  # type: ignore[override]  # whatever can be written
        try:
            return super().write(content)  # type: ignore[arg-type]
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFault(
                f"Cannot write to standard output: {error.strerror}. Send it elsewhere; `copydesk status` shows what "
                "is published"
            ) from None
