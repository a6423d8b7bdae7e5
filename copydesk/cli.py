"""The command line: which commands there are, what they take, and how they end.

Heavy things are imported by the command that needs them, so that help and `nothing new` come at once.
"""

from __future__ import annotations

import math
import os
import re
import sys
from importlib.metadata import version

import click

from copydesk.streams import OutputFault, drop_output, open_streams
from etl.errors import SetupFault

DONE, BUG, FAULT, REFUSED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit statuses: done, rejects or not; our bug; set-up fault; checks refused to publish; ended by Ctrl-C."""

STOPPED = "stopped; `copydesk status` shows what is published"
"""What is said where Ctrl-C ends a command."""

MOST_ROWS = 10**9
"""What --limit takes at most: DuckDB takes no number of any length."""

MOST_SAMPLED = 100_000
"""What --n takes at most: no person codes more, and a sheet is made in memory."""

home_option = click.option(
    "--home", metavar="DIR", help="The home folder; else $COPYDESK_HOME, else ./data.", type=click.Path()
)


wait_option = click.option(
    "--wait",
    metavar="[=SECONDS]",
    help="Wait for another run to finish, at most so many seconds; without a number as long as it takes.",
)
rows_option = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "markdown"]),
    default="table",
    show_default=True,
)
WAITING = ("run", "retry", "prune", "forget")
"""The commands that take --wait, with or without a number."""

_AS_LONG_AS_IT_TAKES = "as long as it takes"
"""What --wait is given where it stands without a number."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(version("copydesk"), message="copydesk %(version)s")
def cli() -> None:
    """Folders of raw newswire text in, clean SQL tables out."""


@cli.command(short_help="Load what is new or changed.")
@click.argument("sources", nargs=-1, metavar="[SOURCE ...]")
@click.option("--as", "name", metavar="NAME", help="Name of the source, instead of its folder's.")
@home_option
@wait_option
@click.option("--accept-shrink", is_flag=True, help="Publish even if most documents or all files of a source are gone.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the summary.")
@click.option("--quiet", is_flag=True, help="Print nothing unless something is wrong.")
def run(
    sources: tuple[str, ...],
    name: str | None,
    home: str | None,
    wait: str | None,
    accept_shrink: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Load what is new or changed in the sources, check it, and publish it.

    A SOURCE is a folder (walked for *.txt), a file, or a glob pattern in quotes. Without one, the sources of
    copydesk.toml are loaded.
    """
    from copydesk.run import run_command

    return run_command(list(sources), name, home, _seconds(wait), accept_shrink, as_json, quiet)


@cli.command(short_help="What could not be loaded, and what to do.")
@click.option("--reason", metavar="R", help="Only rejects of this reason.")
@click.option("--source", metavar="NAME", help="Only rejects of this source.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, MOST_ROWS),
    help="At most so many; by default 50 in a table, else all.",
)
@rows_option
@home_option
def rejects(reason: str | None, source: str | None, form: str, limit: int | None, home: str | None) -> int:
    """List what could not be loaded: why, since when, and what to do about it."""
    from copydesk.rejects import rejects_command

    return rejects_command(reason, source, form, limit, home)


@cli.command(short_help="Read the files of rejects again.")
@click.option("--reason", metavar="R", help="Only rejects of this reason.")
@home_option
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the summary.")
def retry(reason: str | None, home: str | None, wait: str | None, as_json: bool) -> int:
    """Read the files of current rejects again, whether or not they have changed, and publish what comes of it.

    A run takes a rejected file again only when it has changed. Files that are gone are left as they are.
    """
    from copydesk.retry import retry_command

    return retry_command(reason, home, _seconds(wait), as_json)


@cli.command(short_help="Ask the warehouse in SQL.")
@click.argument("query")
@home_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json", "jsonl", "markdown", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write there instead of printing.")
@click.option(
    "--as-of",
    metavar="RUN_ID",
    help="Ask the version that this run published, if it is still retained; `copydesk runs` says which are. A unique "
    "beginning will do.",
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, MOST_ROWS),
    default=300,
    show_default=True,
    help="How long the query may work; 0 for as long as it takes.",
)
@click.option(
    "--memory", metavar="SIZE", default="2GB", show_default=True, help="What it may take of memory: 512MB, 8GB."
)
@click.option(
    "--disk",
    metavar="SIZE",
    default="10GB",
    show_default=True,
    help="What it may take of the temporary folder ($TMPDIR), for what does not fit into memory.",
)
@click.option(
    "--verbatim",
    is_flag=True,
    help="In CSV, leave texts as they are that a spreadsheet would take for formulas; else they get a ' before them.",
)
def sql(
    query: str,
    home: str | None,
    form: str,
    output: str | None,
    as_of: str | None,
    timeout: float,
    memory: str,
    disk: str,
    verbatim: bool,
) -> int:
    """Run one SELECT against the published warehouse.

    The query can read the published tables and nothing else: no other files, no network, no settings.
    """
    from copydesk.sql import sql_command
    from warehouse.limits import Limits

    if not math.isfinite(timeout):
        raise click.BadParameter(f"--timeout takes seconds, 0 or more, not {timeout}")
    limits = Limits(timeout, _size("--memory", memory), _size("--disk", disk))
    return sql_command(query, home, form, output, as_of, limits, verbatim)


@cli.command(short_help="What is loaded, what waits, what it takes.")
@home_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(home: str | None, as_json: bool) -> int:
    """Show what is loaded, the last runs, what waits in the sources, and the disk use."""
    from copydesk.status import status_command

    return status_command(home, as_json)


@cli.command(short_help="The runs that changed something.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1, MOST_ROWS),
    help="At most so many; by default 20 in a table, else all.",
)
@rows_option
@home_option
def runs(limit: int | None, form: str, home: str | None) -> int:
    """List the runs that changed something, newest first.

    For each: what it read and wrote, and whether `copydesk sql --as-of RUN_ID` can ask the version that it published:
    current; retained; moved, if it was published before the home moved, until `copydesk repair` builds it again; gone.
    """
    from copydesk.runs import runs_command

    return runs_command(limit, form, home)


@cli.command(short_help="A document's versions, and what changed.")
@click.argument("what", metavar="DOCUMENT_ID|PATH")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@home_option
def history(what: str, form: str, home: str | None) -> int:
    """Show every version of a document, and what changed from each to the next.

    The document is named by its id or a unique beginning of it (6 hex digits or more), by its path in its source, by
    SOURCE:PATH, or by where its file lies. It need not be current any more.
    """
    from copydesk.history import history_command

    return history_command(what, form, home)


@cli.command(short_help="What was recognised in a text, and why.")
@click.argument("what", metavar="FILE|DOCUMENT_ID")
@click.option("--record", metavar="KEY", help="Which record of a file of many: its record_key.")
@home_option
def explain(what: str, record: str | None, home: str | None) -> int:
    """Show a text with what was recognised in it: each value with its place and rule, and what lost.

    A member of an archive is named as archive.zip!/path/member.txt.
    """
    from copydesk.explain import explain_command

    return explain_command(what, record, home)


@cli.command(short_help="A coding sheet, to audit your archive.")
@click.option(
    "--n",
    "most",
    metavar="N",
    type=click.IntRange(1, MOST_SAMPLED),
    default=200,
    show_default=True,
    help="How many documents.",
)
@click.option(
    "--by",
    metavar="NAMES",
    help="Stratify by source, agency, language, or several of them with commas between: in proportion, and at least "
    "one document of each stratum.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(0, MOST_ROWS),
    default=1,
    show_default=True,
    help="Another seed draws other documents.",
)
@click.option("--output", metavar="FILE", type=click.Path(dir_okay=False), help="Write there; it must not exist yet.")
@home_option
def sample(most: int, by: str | None, seed: int, output: str | None, home: str | None) -> int:
    """Draw N documents at random and write a coding sheet: a CSV file to be opened in a spreadsheet.

    It shows the beginning and the end of each text, our values, and beside each an empty column true_... for what is
    true: ok if ours is right, none if the text has none, wrong, or the true value. `copydesk score` reads what was
    filled in. The same seed and version give the same sheet.
    """
    from copydesk.sample import sample_command

    return sample_command(most, by, seed, output, home)


@cli.command(short_help="How often fields are right, from a sheet.")
@click.argument("sheet", metavar="SHEET", type=click.Path())
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@home_option
def score(sheet: str, form: str, home: str | None) -> int:
    """Score a coding sheet of `copydesk sample`: precision and recall of each field, with 95 % confidence intervals.

    It compares with our values in the sheet, and says if the published version has moved on since. Rows may be in any
    order; what is not coded is left out.
    """
    from copydesk.score import score_command

    return score_command(sheet, form, home)


@cli.command(short_help="Publish again what is loaded.")
@home_option
def publish(home: str | None) -> int:
    """Build and publish a new version of what is loaded, as after the home has moved."""
    from copydesk.publish import publish_command

    return publish_command(home)


@cli.command(short_help="Remove former versions, give back space.")
@click.option(
    "--keep",
    metavar="N",
    type=click.IntRange(min=1),
    help="Keep the newest N versions, the current one included; by default as many as copydesk.toml says.",
)
@click.option(
    "--older-than",
    metavar="AGE",
    help="Remove only versions published longer ago: 90m, 36h, 30d. Without --keep, all of these but the current one.",
)
@click.option(
    "--runs-older-than", metavar="AGE", help="Remove Dagster's records of runs that are as old, too; else they stay."
)
@click.option("--dry-run", is_flag=True, help="Remove nothing, only say what would be removed.")
@home_option
@wait_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def prune(
    keep: int | None,
    older_than: str | None,
    runs_older_than: str | None,
    dry_run: bool,
    home: str | None,
    wait: str | None,
    as_json: bool,
) -> int:
    """Remove former versions, what only they need in the lake, and what killed or refused runs have left.

    The current version always stays, and so does one that someone has open. No row of the current version is touched:
    former texts stay in document_versions. [publish] keep_versions in copydesk.toml remains the rule for later runs.
    """
    from copydesk.prune import prune_command

    return prune_command(keep, older_than, runs_older_than, dry_run, _seconds(wait), as_json, home)


@cli.command(short_help="Whether a home is whole.")
@home_option
@click.option("--full", is_flag=True, help="Read every page of every file, and run the blocking checks.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(home: str | None, full: bool, as_json: bool) -> int:
    """Look for damage: to the link, the versions, the tables' logs and files, and Dagster's databases.

    Nothing is changed, and runs may go on meanwhile. Exit status 0: sound; 2: something is wrong.
    """
    from copydesk.check import check_command

    return check_command(home, full, as_json)


@cli.command(short_help="Mend a damaged home.")
@home_option
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what is lost, and change nothing.")
def repair(home: str | None, yes: bool, dry_run: bool) -> int:
    """Mend what `copydesk check --full` finds, as far as anything still tells it, and publish the result.

    What is lost is made again from the stored texts, former versions and the sources. What none of them holds is named
    in lines that begin with `lost`; with --dry-run the exit status is 2 if there are any.
    """
    from copydesk.repair import repair_command

    return repair_command(home, yes, dry_run)


@cli.command(short_help="Erase documents for good.")
@click.argument("names", nargs=-1, metavar="[DOCUMENT_ID|SHA256 ...]")
@click.option("--source", metavar="NAME", help="Forget everything of a source instead.")
@home_option
@click.option("--dry-run", is_flag=True, help="Say what would go, and erase nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@wait_option
def forget(
    names: tuple[str, ...], source: str | None, home: str | None, dry_run: bool, yes: bool, wait: str | None
) -> int:
    """Erase documents everywhere in the home: texts, former versions, excerpts, previews.

    A document goes with all its versions, and so does whatever has the same bytes, in any source. Only the SHA-256 of
    the bytes is remembered, in forgotten.txt, so that they are not loaded again. What was never a document is named by
    its content_sha256 in rejects.
    """
    from copydesk.forget import forget_command

    return forget_command(list(names), source, home, _seconds(wait), yes, dry_run)


@cli.command(short_help="Open the Dagster web UI.")
@home_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. The UI has no passwords.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    help="A name that browsers call it by, besides localhost and addresses in digits: that of the proxy before it. May "
    "stand several times.",
)
@click.option("--read-only", is_flag=True, help="Show everything, let nothing be launched or changed; no daemon.")
@click.option("--no-daemon", is_flag=True, help="Leave the schedule and the sensors to `copydesk daemon`.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def ui(
    home: str | None,
    host: str,
    port: int,
    names: tuple[str, ...],
    read_only: bool,
    no_daemon: bool,
    no_browser: bool,
) -> int:
    """Serve the Dagster web UI on 127.0.0.1, with the daemon that runs the schedule and the sensors.

    Where `copydesk daemon` runs for the home already, only the UI is served.
    """
    from copydesk.ui import ui_command

    return ui_command(home, host, port, names, read_only, not no_daemon, not no_browser)


@cli.command(short_help="Run schedule and sensors without the UI.")
@home_option
def daemon(home: str | None) -> int:
    """Run the daemon alone, for servers: it loads what comes into the sources, and runs the daily schedule."""
    from copydesk.ui import daemon_command

    return daemon_command(home)


def main() -> int:
    """Run the command and turn whatever happens into a message and an exit status."""
    open_streams()
    arguments = sys.argv[1:]
    if arguments and arguments[0] in WAITING:
        arguments = [f"--wait={_AS_LONG_AS_IT_TAKES}" if argument == "--wait" else argument for argument in arguments]
    try:
        # Not through cli.main(), which ends the process by itself when the reader of a pipe has gone.
        with cli.make_context("copydesk", arguments) as context:
            status: int | None = cli.invoke(context)
        sys.stdout.flush()
        return status or DONE
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return FAULT
    except OutputFault as fault:
        drop_output()
        return _say(str(fault), FAULT)
    except SetupFault as fault:
        return _say(str(fault), FAULT)
    except click.ClickException as error:
        return _say(error.format_message(), FAULT)
    except (KeyboardInterrupt, click.Abort):
        return _say(STOPPED, INTERRUPTED)
    except BrokenPipeError:
        # Whoever read the output has seen enough.
        drop_output()
        return DONE
    except OSError as error:
        if os.environ.get("COPYDESK_DEBUG"):
            raise
        return _say(f"{error.strerror or error}: {error.filename or 'while writing'}", FAULT)
    except Exception as error:
        if os.environ.get("COPYDESK_DEBUG"):
            raise
        hint = "This is a bug in Copydesk; COPYDESK_DEBUG=1 shows where"
        return _say(f"{type(error).__name__}: {error}. {hint}", BUG)


def _say(message: str, status: int) -> int:
    from copydesk.render import visible

    print(f"copydesk: {visible(' '.join(message.split()))}", file=sys.stderr)  # noqa: T201
    return status


def _seconds(text: str | None) -> float:
    """What --wait asks for, as `warehouse.lock.WriterLock` takes it."""
    if text is None:
        return 0.0
    if text == _AS_LONG_AS_IT_TAKES:
        return -1.0
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise click.BadParameter(f"--wait takes seconds, 0 or more, not {text!r}")
    return seconds


def _size(option: str, text: str) -> int:
    """Bytes that an option names."""
    found = re.fullmatch(r"([1-9][0-9]{0,5}) ?([MG])B", text)
    if found is None:
        raise click.BadParameter(f"{option} is a size such as 512MB or 8GB, not {text!r}")
    return int(found[1]) * (1_000_000 if found[2] == "M" else 1_000_000_000)


if __name__ == "__main__":
    sys.exit(main())
