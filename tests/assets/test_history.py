"""What Dagster keeps of former runs, cleared of texts."""

import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from assets import history
from assets.history import REMOVED, cleared_text

OWN = "the run that forgets"
SECRET = "QZSECRET"


def event(kind: str = "ASSET_CHECK_EVALUATION", **data: object) -> str:
    return json.dumps(
        {
            "__class__": "EventLogEntry",
            "dagster_event": {
                "event_type_value": kind,
                "message": f"says {SECRET}",
                "event_specific_data": {"description": f"found {SECRET}", **data},
            },
            "error_info": {"message": SECRET},
            "run_id": "another run",
            "user_message": f"says {SECRET}",
        }
    )


def metadata(kind: str, **values: object) -> dict[str, object]:
    return {"__class__": f"{kind}MetadataEntryData", **values}


def test_numbers_stay_and_texts_go() -> None:
    kept = {"found": metadata("Int", value=3), "value": metadata("Float", value=0.5)}
    texts = {
        "message": metadata("Text", text=SECRET),
        "preview": metadata("Table", records=[{"data": {"text": SECRET}}]),
        "chart": metadata("Markdown", md_str=SECRET),
        "path": metadata("Path", path=SECRET),
        "from a later Dagster": metadata("Hologram", light=SECRET),
    }
    entries = [{"label": name, "description": SECRET, "entry_data": value} for name, value in texts.items()]
    cleared = cleared_text(event(metadata={**kept, **texts}, metadata_entries=entries), OWN, set())
    assert SECRET not in cleared
    data = json.loads(cleared)["dagster_event"]["event_specific_data"]
    placeholder = metadata("Text", text=REMOVED)
    assert data["metadata"] == {**kept, **dict.fromkeys(texts, placeholder)}
    assert [entry["entry_data"] for entry in data["metadata_entries"]] == [placeholder] * len(texts)


@pytest.mark.parametrize("kind", ["STEP_FAILURE", "PIPELINE_FAILURE", "ENGINE_EVENT", "ASSET_OBSERVATION"])
def test_what_went_wrong_is_not_told_any_more(kind: str) -> None:
    failure = {"user_failure_data": {"description": SECRET}, "error": {"message": SECRET, "stack": [SECRET]}}
    assert SECRET not in cleared_text(event(kind, **failure), OWN, set())


def test_a_log_line_has_no_event_and_goes() -> None:
    line = json.dumps({"dagster_event": None, "user_message": SECRET, "run_id": "another run"})
    assert json.loads(cleared_text(line, OWN, set()))["user_message"] == REMOVED


def test_dagsters_own_messages_stay() -> None:
    text = json.dumps({"dagster_event": {"event_type_value": "STEP_START", "message": "Started"}, "run_id": "another"})
    assert cleared_text(text, OWN, set()) == text


def test_the_forgetting_run_keeps_its_own() -> None:
    text = json.dumps({"dagster_event": None, "user_message": "Something is to be forgotten", "run_id": OWN})
    assert cleared_text(text, OWN, set()) == text


def test_arguments_of_a_run_stay_if_they_are_known_sources() -> None:
    def config(*sources: str, name: str | None) -> dict[str, object]:
        return {"run_id": "another", "run_config": {"ops": {"read": {"config": {"sources": [*sources], "name": name}}}}}

    before = json.dumps(config("/wire", f"/wire/{SECRET}.txt", name=SECRET))
    assert json.loads(cleared_text(before, OWN, {"/wire"})) == config("/wire", REMOVED, name=None)
    known = json.dumps(config("/wire", name="wire"))
    assert cleared_text(known, OWN, {"/wire", "wire"}) == known


def test_what_is_no_json_goes_as_a_whole() -> None:
    assert cleared_text(f"{SECRET} {{", OWN, set()) == "{}"


def test_what_is_clear_stays_to_the_byte() -> None:
    cleared = cleared_text(event(), OWN, set())
    assert cleared_text(cleared, OWN, set()) == cleared


def test_a_sqlite_file_is_shrunk_to_what_it_holds_or_said_to_be_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LOCK_SECONDS", 0.1)
    file = tmp_path / "a.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE texts (text)")
        writer.executemany("INSERT INTO texts VALUES (?)", [(f"{SECRET} {'x' * 9_000}",)] * 20)
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM texts").fetchone()
            writer.execute("DELETE FROM texts")
            with pytest.raises(sqlite3.OperationalError, match=r"a\.db is in use"):
                history._shrink(file)
        assert any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())
        history._shrink(file)
        assert not any(SECRET.encode() in path.read_bytes() for path in tmp_path.iterdir())
