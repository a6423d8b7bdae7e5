"""The inbox: the raw files outside, observed but never written, and the checks that say when news has stopped.

Looking at the folders belongs to `warehouse.watch`; reading the files to `assets.tables`.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterator

import dagster as dg

from assets.markdown import escape
from assets.metadata import GROUP, OWNER
from assets.writer import faults_as_failures
from warehouse.home import Home, Source
from warehouse.plan import Plan
from warehouse.watch import Glance, Silence, silences

INBOX = "inbox"


def inbox_spec(home: Home) -> dg.AssetSpec:
    """The raw files that the sources of copydesk.toml hold.

    Its freshness is that of all sources together: the shortest fail window without any new file. Which source has
    fallen silent is what its checks say.
    """
    windows = [source.fail_window for source in home.settings.sources if source.fail_window is not None]
    return dg.AssetSpec(
        INBOX,
        description="Raw text files in the folders that copydesk.toml names as sources. Copydesk never touches them."
        "\n\nThe inbox sensor looks at them several times a minute, and launches the job load when something new lies "
        "there.",
        owners=[OWNER],
        group_name=GROUP,
        kinds={"file"},
        metadata={
            "settings": dg.MetadataValue.path(str(home.settings_file)),
            **{f"source {source.name}": dg.MetadataValue.path(str(source.root)) for source in home.settings.sources},
        },
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=min(windows)) if windows else None,
    )


def news_checks(home: Home) -> dg.AssetChecksDefinition | None:
    """One check for each source that has a fail window; None if none has."""
    watched = [source for source in home.settings.sources if source.fail_window is not None]
    if not watched:
        return None

    @dg.multi_asset_check(
        name="news_checks",
        description="Looks when news last came from each source that has a fail window.",
        specs=[
            dg.AssetCheckSpec(
                check_name(source),
                asset=INBOX,
                description=f"New files have come from {escape(source.name)} within its fail window.",
            )
            for source in watched
        ],
    )
    def _news() -> Iterator[dg.AssetCheckResult]:
        # The settings of now: they may have changed since the definitions were loaded.
        now = Home(home.folder)
        with faults_as_failures(now):
            found = {check_name(silence.source): silence for silence in silences(now)}
        for source in watched:
            silence = found.get(check_name(source))
            yield (
                _result(silence)
                if silence
                else dg.AssetCheckResult(
                    asset_key=INBOX,
                    check_name=check_name(source),
                    passed=True,
                    description="copydesk.toml sets no fail window for this source any more.",
                )
            )

    return _news


def check_name(source: Source) -> str:
    """The name of a source's check: Dagster takes letters, digits and underscores, and has little room for it."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", source.name).strip("_")[:40]
    if plain == source.name:
        return f"news_{plain}"
    # Two sources may differ in what was left out.
    return f"news_{plain}_{hashlib.blake2b(source.name.encode(), digest_size=3).hexdigest()}"


def news_evaluation(silence: Silence) -> dg.AssetCheckEvaluation:
    """A source's check as the sensor reports it."""
    result = _result(silence)
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(INBOX),
        check_name=check_name(silence.source),
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )


def _result(silence: Silence) -> dg.AssetCheckResult:
    last = silence.last_file
    return dg.AssetCheckResult(
        asset_key=INBOX,
        check_name=check_name(silence.source),
        passed=not silence.is_stale,
        severity=dg.AssetCheckSeverity.WARN,
        description=escape(silence.message),
        metadata={"last_file": dg.MetadataValue.timestamp(last.replace(tzinfo=dt.UTC))} if last else {},
    )


def sighting(glance: Glance, plan: Plan) -> dg.AssetObservation:
    """What the sensor has seen, for the inbox's page."""
    return dg.AssetObservation(
        INBOX,
        description=f"{plan.files_to_read} new or changed files",
        metadata={
            "files_seen": glance.files_seen,
            "files_new": plan.files_to_read,
            "files_waiting": glance.files_young + plan.waiting,
            "files_missing": len(plan.missing),
        },
    )


def nothing_new(plan: Plan) -> dg.AssetObservation:
    """What a run that found nothing to do has seen."""
    return dg.AssetObservation(
        INBOX,
        description=describe_nothing_to_retry(plan.files_seen, plan.gone)
        if plan.is_retry
        else describe_nothing_new(plan.files_seen, plan.waiting),
        metadata={"files_seen": plan.files_seen, "files_new": 0, "files_waiting": plan.waiting},
    )


def describe_nothing_new(files_seen: int, files_waiting: int) -> str:
    """What to say where nothing is to be done."""
    if not files_seen:
        return "Nothing new: no file in any source"
    if files_waiting:
        return f"Nothing new: {files_seen} files seen, {files_waiting} of them may still be written to"
    return f"Nothing new: {files_seen} files seen, all of them known"


def describe_nothing_to_retry(files_read: int, files_gone: int) -> str:
    """What to say where no reject's file can be read again, or none of them came out otherwise."""
    if files_read:
        return f"Nothing published: {files_read} files of rejects were read again, and came out as before"
    if files_gone:
        return f"Nothing to retry: {files_gone} files with such rejects, and none of them is there any more"
    return "Nothing to retry: no such rejects"


def arrival(plan: Plan) -> dg.AssetMaterialization | None:
    """News from the sources of copydesk.toml, as a run reads it; None if it has none.

    Dagster judges freshness by materializations, not by observations.
    """
    by_source = {source.name: len(plan.read.get(source.name, ())) for source in plan.sources if source.is_configured}
    if not any(by_source.values()):
        return None
    return dg.AssetMaterialization(
        INBOX,
        description=f"{sum(by_source.values())} new or changed files",
        metadata={"files_new": sum(by_source.values()), **{f"from {name}": n for name, n in by_source.items() if n}},
    )
