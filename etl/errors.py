"""The two families of errors: faults of the set-up, which end a run, and faults of a record, which do not."""

from __future__ import annotations


class SetupFault(Exception):
    """Something that a person must mend before anything can run: no such source, a held lock, a damaged home.

    The message is one line that says what was found, where, and what to do. The command prints it on standard
    error and exits with status 2.
    """


class RecordFault(Exception):
    """A record that cannot be loaded. It becomes a row in `rejects`, and the run goes on.

    Args:
        reason: one of `etl.contract.REJECT_REASONS`.
        detail: what was found, put before the reason's standing advice; empty if there is nothing to add.

    Attributes:
        reason: as given.
        detail: as given.
        stage: where it failed, as in the column `stage`.
        message: as in the column `message`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        # Here, so that a command that only prints its help need not load Arrow.
        from etl.contract import REJECT_REASONS

        if reason not in REJECT_REASONS:
            raise ValueError(f"{reason!r} is not a reject reason; those are {', '.join(REJECT_REASONS)}")
        self.reason = reason
        self.detail = detail
        self.stage = REJECT_REASONS[reason].stage
        advice = REJECT_REASONS[reason].advice
        self.message = f"{detail}. {advice}" if detail else advice
        super().__init__(self.message)
