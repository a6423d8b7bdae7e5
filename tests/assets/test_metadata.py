"""What an asset's page tells after a run, and what it must not."""

from pathlib import Path

import dagster as dg
import pytest

from assets.assembly import JOB, build_definitions
from assets.markdown import INLINE_CHARACTERS
from assets.metadata import PREVIEW, PREVIEW_CHARACTERS, PREVIEW_ROWS, SENTENCES
from assets.tables import LOAD
from etl.contract import TABLES
from tests.support import dispatch, write
from warehouse.home import Home

Metadata = dict[str, dict[str, dg.MetadataValue]]


def load(home: Home, *sources: Path) -> Metadata:
    """The metadata of a run's materializations, by asset."""
    job = build_definitions(home, wait_seconds=0).resolve_job_def(JOB)
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            run_config={
                "ops": {LOAD: {"config": {"sources": [str(source) for source in sources]}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            instance=instance,
        )
    return {
        event.asset_key.to_user_string(): dict(event.step_materialization_data.materialization.metadata)
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.partition is None
    }


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Metadata:
    folder = tmp_path_factory.mktemp("home")
    home = Home(folder / "home")
    home.create()
    source = folder / "<b>wi|re"
    for number in range(12):
        write(source, f"{number}.txt", dispatch(number + 1, f"<img src=x onerror=alert({number})> " + "Texte. " * 50))
    write(source, "empty.txt", b"")
    write(source, "bare.txt", "Rien de plus.")
    return load(home, source)


def test_every_table_has_a_sentence_and_a_preview_of_columns_that_it_has() -> None:
    assert set(PREVIEW) == set(SENTENCES) == set(TABLES)
    for name, columns in PREVIEW.items():
        assert set(columns) <= {column.name for column in TABLES[name].stored}
        assert SENTENCES[name].endswith(".")


def test_previews_have_a_few_short_rows(loaded: Metadata) -> None:
    for name in TABLES:
        preview = loaded[name]["preview"]
        assert isinstance(preview, dg.TableMetadataValue)
        assert [column.name for column in preview.schema.columns] == list(PREVIEW[name])
        assert len(preview.records) <= PREVIEW_ROWS
        for record in preview.records:
            for value in record.data.values():
                assert not isinstance(value, str) or (len(value) <= PREVIEW_CHARACTERS and "\n" not in value)
    documents = loaded["documents"]["preview"]
    assert isinstance(documents, dg.TableMetadataValue)
    assert len(documents.records) == PREVIEW_ROWS
    assert str(documents.records[0].data["text"]).endswith("…")


def test_a_preview_shows_what_the_run_has_written(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.create()
    for number in range(9):
        write(tmp_path / "wire", f"{number}.txt", dispatch(number + 1))
    load(home, tmp_path / "wire")
    write(tmp_path / "wire", "late.txt", dispatch(28))
    found = load(home, tmp_path / "wire")
    preview = found["documents"]["preview"]
    assert isinstance(preview, dg.TableMetadataValue)
    assert [record.data["path"] for record in preview.records] == ["late.txt"]
    # Nothing was rejected, so that what is there is shown: nothing.
    rejects = found["rejects"]["preview"] if "rejects" in found else None
    assert rejects is None or (isinstance(rejects, dg.TableMetadataValue) and rejects.records == [])


def test_charts_are_shown_in_place_and_escaped(loaded: Metadata) -> None:
    for asset in ("documents", "warehouse"):
        for name in ("documents_per_month", "shares"):
            chart = loaded[asset][name]
            assert isinstance(chart, dg.MarkdownMetadataValue)
            assert 0 < len(chart.value or "") < INLINE_CHARACTERS
            assert "<b>" not in (chart.value or "")
    assert "| &lt;b&gt;wi\\|re (13) |" in str(loaded["documents"]["shares"].value)


def test_shares_are_numbers(loaded: Metadata) -> None:
    for asset in ("documents", "warehouse"):
        shares = {name: value.value for name, value in loaded[asset].items() if name.startswith("share_")}
        assert shares == {
            "share_dated": round(12 / 13, 4),
            "share_placed": round(12 / 13, 4),
            "share_with_agency": round(12 / 13, 4),
            "share_language_sure": pytest.approx(shares["share_language_sure"]),
        }
        assert all(isinstance(value, float) and 0 <= value <= 1 for value in shares.values())


def test_code_references_lead_to_the_function(home: Home) -> None:
    graph = build_definitions(home).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        if key.to_user_string() in {"inbox", "documents_by_month"}:
            continue
        references = graph.get(key).metadata["dagster/code_references"].code_references
        source, dictionary = references
        line = Path(source.file_path).read_text("utf-8").splitlines()[source.line_number - 1]
        assert line.startswith("@cache") or source.label.removesuffix("()") in line
        assert Path(dictionary.file_path).name == "tables.md"
