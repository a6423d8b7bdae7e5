"""Runs a module in a process that ends, with all that it has started, as soon as its parent is gone.

Dagster's services do not notice when whoever started them is killed: they would go on beside those of the next start.
Called as `python -m copydesk.leash DESCRIPTOR MODULE ARGUMENT ...`, as the leader of a process group; the
descriptor is the reading end of a pipe whose other end only the parent has.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def _end_with_parent(descriptor: int) -> None:
    # Nobody ever writes: reading returns when the other end is closed, however that comes about.
    os.read(descriptor, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, args=(int(sys.argv[1]),), daemon=True).start()
    del sys.argv[:2]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
