"""The definitions as Dagster sees them, and runs of the job on an ephemeral instance."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from assets.assembly import JOB, build_definitions
from assets.instance import dagster_home
from assets.launch import COMMAND_TAG, _end_dead_runs
from assets.tables import LOAD, LOADED, REGISTRIES
from etl.contract import TABLES
from tests.conftest import ROOT
from tests.support import dispatch, query, write
from warehouse.checks import CHECKS
from warehouse.home import Home
from warehouse.manifest import current


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def execute(
    home: Home, instance: dg.DagsterInstance, sources: list[str], **config: object
) -> dg.ExecuteInProcessResult:
    job = build_definitions(home, wait_seconds=0).resolve_job_def(JOB)
    run_config = {
        "ops": {LOAD: {"config": {"sources": sources}}, **config},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    return job.execute_in_process(run_config=run_config, instance=instance, raise_on_error=False)


def test_the_graph(home: Home) -> None:
    graph = build_definitions(home).resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    loaded = {table.name for table in LOADED}
    registries = {table.name for table in REGISTRIES}
    assert parents == {
        "inbox": set(),
        "documents_by_month": {"documents"},
        **{name: {"inbox"} for name in loaded},
        **{name: {"documents"} for name in registries},
        "warehouse_candidate": loaded | registries,
        "warehouse": {"warehouse_candidate"},
    }
    assert loaded | registries == set(TABLES)


def test_every_asset_says_what_it_is(home: Home) -> None:
    graph = build_definitions(home).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description
        assert node.description.split("\n")[0].endswith(".")
        assert node.owners == ["team:copydesk"]
        assert node.group_name == "newswire"
        assert node.kinds
        if key.to_user_string() != "inbox":
            table = TABLES.get(key.to_user_string(), TABLES["documents"])
            schema = node.metadata["dagster/column_schema"]
            assert [column.name for column in schema.columns] == [column.name for column in table.columns]


def test_the_checks_block(home: Home) -> None:
    keys = build_definitions(home).resolve_asset_graph().asset_check_keys
    assert {key.name for key in keys} == set(CHECKS)
    assert {key.asset_key.to_user_string() for key in keys} == {"warehouse_candidate"}


def test_loading_definitions_touches_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "COPYDESK_HOME": str(tmp_path / "home")}
    code = "import assets.definitions as d; print(len(d.defs.resolve_asset_graph().get_all_asset_keys()))"
    # From another folder: the code location must not depend on where it is loaded.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "14\n"
    assert list(tmp_path.iterdir()) == []


def test_the_workspace_file_loads_from_another_folder(tmp_path: Path) -> None:
    environment = {**os.environ, "COPYDESK_HOME": str(tmp_path / "home"), "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "job", "list", "-w", str(ROOT / "workspace.yaml")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "Job: load" in done.stdout


def test_a_run_fills_the_warehouse_and_reports_rows(home: Home, source: Path, instance: dg.DagsterInstance) -> None:
    write(source, "a.txt", dispatch())
    write(source, "empty.txt", b"")
    result = execute(home, instance, [str(source)])
    assert result.success
    assert query(home, "SELECT run_id FROM documents") == [(result.run_id,)]
    counts = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata[
            "dagster/row_count"
        ].value
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.to_user_string() in TABLES
    }
    assert set(counts) == set(TABLES)
    assert {name: counts[name] for name in ("documents", "rejects", "files", "paragraphs", "document_versions")} == {
        "documents": 1,
        "rejects": 1,
        "files": 2,
        "paragraphs": 2,
        "document_versions": 0,
    }
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == dict.fromkeys(
        CHECKS, True
    )


def test_a_run_with_nothing_new_succeeds_and_publishes_nothing(
    home: Home, source: Path, instance: dg.DagsterInstance
) -> None:
    write(source, "a.txt", dispatch())
    assert execute(home, instance, [str(source)]).success
    before = current(home)
    result = execute(home, instance, [str(source)])
    assert result.success
    assert not result.get_asset_materialization_events()
    assert current(home) == before


def test_a_refused_candidate_leaves_the_warehouse_as_it_was(
    home: Home, source: Path, instance: dg.DagsterInstance
) -> None:
    for number in range(30):
        write(source, f"{number}.txt", dispatch(body=f"Texte {number}."))
    assert execute(home, instance, [str(source)]).success
    before = current(home)
    for number in range(25):
        write(source, f"{number}.txt", b"", age=60)
    result = execute(home, instance, [str(source)])
    assert not result.success
    refused = [c.check_name for c in result.get_asset_check_evaluations() if c.blocking and not c.passed]
    assert refused == ["rows_not_collapsed"]
    assert current(home) == before
    assert query(home, "SELECT count(*) FROM documents") == [(30,)]
    accepted = execute(home, instance, [str(source)], warehouse_candidate={"config": {"accept_shrink": True}})
    assert accepted.success
    assert query(home, "SELECT count(*) FROM documents") == [(5,)]


def test_runs_of_a_killed_command_are_ended_by_the_next(home: Home, instance: dg.DagsterInstance) -> None:
    job = build_definitions(home).resolve_job_def(JOB)
    dead = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=COMMAND_TAG)
    waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={})
    _end_dead_runs(instance)
    status = {run.run_id: run.status for run in instance.get_runs()}
    assert status[dead.run_id] is dg.DagsterRunStatus.FAILURE
    assert status[waiting.run_id] is dg.DagsterRunStatus.STARTED


def test_a_step_without_those_before_it_says_what_to_do(home: Home, instance: dg.DagsterInstance) -> None:
    job = build_definitions(home, wait_seconds=0).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey("warehouse_candidate")], raise_on_error=False
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert "launch the whole job" in (failure.step_failure_data.user_failure_data.description or "")


def test_a_fault_fails_the_run_with_its_one_line(home: Home, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    result = execute(home, instance, [str(tmp_path / "nowhere")])
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_failure_data.user_failure_data is not None
    assert "No source at" in (failure.step_failure_data.user_failure_data.description or "")


def test_the_instance_ends_what_hangs_and_tries_again_only_what_was_killed(home: Home) -> None:
    with dagster_home(home) as folder, dg.DagsterInstance.from_config(str(folder)) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 12 * 3600
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 3
        assert not instance.run_retries_retry_on_asset_or_op_failure
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.tag_concurrency_limits == [{"key": "copydesk/writer", "limit": 1}]
        assert instance.get_settings("retention")["sensor"]["purge_after_days"]["skipped"] == 7


def test_a_retry_launched_in_the_web_ui_reads_the_files_of_rejects_again(
    home: Home, source: Path, instance: dg.DagsterInstance
) -> None:
    def launch(**what: object) -> dg.ExecuteInProcessResult:
        job = build_definitions(home, wait_seconds=0).resolve_job_def(JOB)
        config = {"ops": {LOAD: {"config": what}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(run_config=config, instance=instance, raise_on_error=False)

    def said(result: dg.ExecuteInProcessResult) -> str | None:
        (event,) = result.get_asset_observation_events()
        return event.asset_observation_data.asset_observation.description

    write(source, "a.txt", dispatch())
    write(source, "bad.txt", b"\x00")
    assert launch(sources=[str(source)]).success
    assert said(launch(retry=["empty"])) == "Nothing to retry: no such rejects"
    first = current(home)
    again = launch(retry=[])
    assert again.success
    assert said(again) == "Nothing published: 1 files of rejects were read again, and came out as before"
    assert current(home) == first
    write(source, "bad.txt", b"\x00\x01", age=60)
    assert launch(retry=[]).success
    published = current(home)
    assert first is not None
    assert published is not None
    assert (published.summary.files_read, published.summary.rejects) == (1, 1)
    assert published.name != first.name
    (source / "bad.txt").unlink()
    assert said(launch(retry=["binary"])) == (
        "Nothing to retry: 1 files with such rejects, and none of them is there any more"
    )
    assert not launch(retry=["blnk"]).success
    assert not launch(retry=[], rebuild=[]).success
    assert current(home) == published
