"""Which package may import which, and what the workers may load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

OWN = {"etl", "warehouse", "assets", "copydesk"}
MAY_IMPORT = {
    "etl": {"etl"},
    "warehouse": {"warehouse", "etl"},
    "assets": {"assets", "warehouse", "etl"},
    "copydesk": OWN,
}
NOT_IN = {"etl": {"dagster", "duckdb", "deltalake", "pandas", "click"}, "warehouse": {"dagster", "click", "rich"}}
MODULES = [path for package in sorted(OWN) for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    names = imported(path)
    assert names & OWN <= MAY_IMPORT[package]
    assert not names & NOT_IN.get(package, set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_belongs_there(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("etl.stage", {"dagster", "duckdb", "deltalake", "pandas", "rich", "click"}),
        ("warehouse.plan", {"dagster", "deltalake", "pandas", "duckdb"}),
        ("copydesk.cli", {"dagster", "deltalake", "pandas", "duckdb", "pyarrow", "rich"}),
    ],
)
def test_heavy_things_are_not_loaded_where_they_are_not_needed(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not unwanted & {name.partition(".")[0] for name in names}
