"""What keeps two writers apart, and what turns a fault into a failure that people can read."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from etl.errors import SetupFault
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.lock import WriterLock

POOL = "copydesk_writer"
# The steps hand on through the lake, under one lock: a run can only be tried again as a whole.
WRITER_TAG = {"copydesk/writer": "yes", "dagster/retry_strategy": "ALL_STEPS"}


class Writer(dg.ConfigurableResource):
    """The writer's lock, held for the whole run: runs from the command line do not pass through the queue.

    Attributes:
        home: the home folder.
        wait_seconds: how long a run waits for another writer to finish.
    """

    home: str
    wait_seconds: float = 43_200

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Writer"]:
        """Take the lock before the first step and free it after the last."""
        home = Home(self.home)
        with faults_as_failures(home):
            home.create()
            holder = "Dagster"
            if context.run and context.instance:
                holder = f"Dagster run {context.run.run_id}"
                # "Materialize" in the web UI launches runs that have the tags of no job of ours.
                context.instance.add_run_tags(context.run.run_id, WRITER_TAG)
            lock = WriterLock(home, holder, self.wait_seconds)
            lock.__enter__()
        try:
            yield self
        finally:
            lock.__exit__()


@contextmanager
def faults_as_failures(home: Home) -> Iterator[None]:
    """Show a set-up fault as its one line, without a stack trace and without another try."""
    try:
        with storage_faults(home):
            yield
    except SetupFault as fault:
        raise dg.Failure(str(fault), allow_retries=False) from None
