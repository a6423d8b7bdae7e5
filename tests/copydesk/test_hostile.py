"""Texts, names and settings that try to steer a terminal, hide in it, or be formulas: in what commands print."""

import csv
import json
import re
import zipfile

import pytest

from tests.conftest import ROOT
from tests.support import Desk, write

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x1b]8;;http:∕∕example.org\x1b\\x\b\r\u202egnp\u2066\u200b\u2028\x7f"
"""Escapes for the title, the screen, colours and links; steps back; marks of direction; what cannot be seen."""

FORMULA = '=HYPERLINK("http:∕∕example.org","x")'


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("hostile"))
    wire = desk.folder / f"wire{EVIL}"
    write(wire, f"1{EVIL}.txt", f" date 2018-10 LYON{EVIL}, Oct 2 (Agence{EVIL}Gras) - Body {EVIL} text.\n\n{EVIL}\n")
    write(wire, f"{FORMULA}.txt", "=1+1\n\nLYON, Oct 2 (Reuters) - x\n;@SUM(A1)\n-2\n")
    write(wire, f"3{EVIL}.txt", b"\0\1\2" * 40 + EVIL.encode())
    with zipfile.ZipFile(wire / f"5{EVIL}.zip", "w") as archive:
        archive.writestr(f"member{EVIL}.txt", "A text.")
        archive.writestr("member\u202egnp.txt", f"{EVIL} text.")
    settings = (
        f"[[source]]\nroot = {json.dumps(str(wire))}\nname = {json.dumps(f'w{EVIL}')}\n"
        'patterns = ["**/*.txt", "**/*.zip"]\n'
    )
    write(desk.home, "copydesk.toml", settings)
    done = desk("run")
    assert done.returncode == 0
    harmless(done.stdout + done.stderr)
    write(wire, f"1{EVIL}.txt", f" date 2018-10 LYON, Oct 3 (X{EVIL}) - Changed {EVIL}.", age=9)
    harmless(desk.ok("run"))
    return desk


def harmless(printed: str) -> None:
    odd = [sign for sign in printed if not sign.isprintable() and sign not in "\n\u00a0"]
    assert not odd, printed


def test_nothing_that_is_printed_steers_a_terminal(desk: Desk) -> None:
    file = desk.folder / f"wire{EVIL}" / f"1{EVIL}.txt"
    rejected = file.with_name(f"3{EVIL}.txt")
    sheet = desk.folder / f"sheet{EVIL}.csv"
    commands: list[tuple[object, ...]] = [
        ("run", desk.folder / f"none{EVIL}"),
        ("status",),
        ("status", "--json"),
        ("rejects",),
        ("rejects", "--format", "markdown"),
        ("rejects", "--source", EVIL),
        ("retry", "--reason", EVIL),
        ("history", file),
        ("history", file, "--format", "json"),
        ("explain", file),
        ("explain", rejected),
        ("sql", f"from documents select *, '{EVIL}' as \"{EVIL}\""),
        ("sql", f"select {EVIL}"),
        ("sql", "from documents", "--format", "json"),
        ("sample", "--output", sheet),
        ("score", sheet),
        ("check", "--home", desk.folder / f"home{EVIL}"),
        ("forget", "--dry-run", "--source", f"w{EVIL}"),
        ("ui", "--host", EVIL),
    ]
    for command in commands:
        done = desk(*command)
        assert done.returncode in (0, 2), (command, done)
        assert done.stdout + done.stderr, command
        harmless(done.stdout + done.stderr)


def test_everything_is_printed_by_what_makes_it_harmless() -> None:
    """Rich's output with its colours is made of texts that are harmless already; help texts are ours."""
    allowed = {"render.py": 1, "cli.py": 2, "history.py": 1, "dictionary.py": 1}
    found = {
        path.name: count
        for path in (ROOT / "copydesk").glob("*.py")
        if (count := len(re.findall(r"\bclick\.s?echo\(|(?<![.\w])print\(|stdout\.write\(", path.read_text("utf-8"))))
    }
    assert found == allowed


def test_no_cell_of_exported_csv_is_a_formula(desk: Desk) -> None:
    question = "select path, text, -2 as n, '-2.5' as t, null as u from documents where path like '=%'"
    done = desk("sql", question, "--format", "csv")
    assert done.stderr.startswith("copydesk: 2 texts with what a spreadsheet would take for a formula")
    (row,) = csv.DictReader(done.stdout.splitlines(keepends=True))
    assert row == {
        "path": f"'{FORMULA}.txt",
        "text": "'=1+1\n\nLYON, Oct 2 (Reuters) - x\n;'@SUM(A1)\n-2\n",
        "n": "-2",
        "t": "-2.5",
        "u": "",
    }
    (row,) = csv.DictReader(desk.ok("sql", question, "--format", "csv", "--verbatim").splitlines(keepends=True))
    assert row["path"] == f"{FORMULA}.txt"
    assert row["text"].startswith("=1+1\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("select repeat('x', 3000000000)", "--memory", "512MB"),
        ("select levenshtein(repeat('a', 40000), repeat('b', 40000))", "--timeout", "0.2"),
        ("from range(1000000000000)", "--timeout", "0.2", "--output", "out.csv"),
    ],
)
def test_a_query_that_takes_too_much_says_what_to_do(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert re.search(r": ask for less .*, or give it more with --\w+ S", desk.fault("sql", *arguments))
    assert not (desk.folder / "out.csv").exists()
    assert not list(desk.folder.glob(".copydesk-*"))
