"""`copydesk publish`: a new version of what is loaded, through the same checks as any other."""

from __future__ import annotations

from copydesk.render import echo, visible
from warehouse.checks import run_checks
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.publish import publish, republish


def publish_command(home_folder: str | None) -> int:
    """Publish again; see `copydesk publish --help`. Returns the exit status."""
    from copydesk.cli import DONE, REFUSED

    home = Home.find(home_folder)
    home.require()
    with WriterLock(home, "copydesk publish"), storage_faults(home):
        manifest = republish(home)
        failed = [check for check in run_checks(home, manifest.name) if not check.passed]
        if failed:
            found = visible("; ".join(f"{check.name}: {check.message}" for check in failed))
            echo(f"copydesk: not published, the warehouse is as it was: {found}", err=True)
            return REFUSED
        publish(home, manifest.name)
    echo(f"Published {manifest.name}: {manifest.summary.documents_total:,} documents. Warehouse: {home.link}")
    return DONE
