"""`copydesk retry`: reads the files of rejects again, and says which of them are mended."""

from __future__ import annotations

import json

from copydesk.render import echo
from copydesk.run import count, launch, say_warnings
from warehouse.faults import storage_faults
from warehouse.home import Home
from warehouse.lock import WriterLock
from warehouse.manifest import current
from warehouse.plan import Plan, make_retry
from warehouse.rejects import Retried, outcome_of_retry


def retry_command(reason: str | None, home_folder: str | None, wait: float, is_json: bool) -> int:
    """Read the files of rejects again; see `copydesk retry --help`. Returns the exit status."""
    home = Home.find(home_folder)
    with storage_faults(home):
        return _retry(home, reason, wait, is_json)


def _retry(home: Home, reason: str | None, wait: float, is_json: bool) -> int:
    from copydesk.cli import DONE, REFUSED

    reasons = [] if reason is None else [reason]
    plan = make_retry(home, reasons)
    if not plan.files_seen:
        return _say_nothing(plan, reason, is_json)
    with WriterLock(home, "copydesk retry", wait):
        if current(home) != plan.published:
            # Another run has published between our look and our lock, and may have mended what we meant.
            plan = make_retry(home, reasons)
            if not plan.files_seen:
                return _say_nothing(plan, reason, is_json)
        read = {(source, file.path) for source, files in plan.read.items() for file in files}
        outcome, published = launch(home, {"retry": reasons}, plan, is_silent=is_json)
        if published is None:
            return REFUSED
        retried = outcome_of_retry(home, read, plan.published, published)
    is_published = published != plan.published
    if is_json:
        _print_json(outcome.run_id if is_published else None, plan, retried)
    else:
        echo(_describe(plan, retried, is_published))
        if is_published:
            say_warnings(outcome)
    return DONE


def _say_nothing(plan: Plan, reason: str | None, is_json: bool) -> int:
    from copydesk.cli import DONE

    if is_json:
        _print_json(None, plan, Retried(0, {}))
        return DONE
    of_reason = f" of reason {reason}" if reason else ""
    if plan.gone:
        echo(
            f"Nothing to retry: there are rejects{of_reason}, but {_gone(plan)}. `copydesk rejects` lists them; a "
            "`copydesk run` of their whole source notes that they are missing."
        )
    else:
        echo(f"Nothing to retry: there are no rejects{of_reason}.")
    return DONE


def _print_json(run_id: str | None, plan: Plan, retried: Retried) -> None:
    content = {
        "run_id": run_id,
        "files_read": plan.files_seen,
        "mended": retried.mended,
        "remaining": retried.remaining,
        "files_gone": plan.gone,
    }
    echo(json.dumps(content))


def _describe(plan: Plan, retried: Retried, is_published: bool) -> str:
    remaining = f"{sum(retried.remaining.values()):,}"
    if retried.remaining:
        reasons = ", ".join(f"{reason} {number:,}" for reason, number in retried.remaining.items())
        remaining += f" ({reasons}); `copydesk rejects` says what to do"
    lines = [
        ("read", f"{count(plan.files_seen, 'file')} again"),
        ("mended", f"{retried.mended:,}"),
        ("remaining", remaining),
    ]
    if plan.gone:
        lines.append(
            ("gone", f"{_gone(plan)}: left as it was" if plan.gone == 1 else f"{_gone(plan)}: left as they were")
        )
    if not is_published:
        lines.append(("published", "nothing: all is as it was"))
    return "\n".join(f"{name:<10} {value}" for name, value in lines)


def _gone(plan: Plan) -> str:
    return f"{count(plan.gone, 'file')} {'is' if plan.gone == 1 else 'are'} not there"
