"""The files in deploy/ and the guide to them name what there is: commands, options, paths, ports, versions."""

import configparser
import json
import re
import shlex
from importlib.resources import files
from pathlib import Path

import click
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config

from copydesk.cli import cli
from copydesk.services import STOP_SECONDS
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
GUIDE = (ROOT / "docs" / "deploy.md").read_text("utf-8")
UNITS = ("copydesk-daemon.service", "copydesk-ui.service")
HOME = "/var/lib/copydesk"
PORT = "3000"

NAMED_SO = {"-u", "--user", "--name", "--tag"}
"""Options whose value may be the word copydesk."""


def unit(name: str) -> configparser.ConfigParser:
    """A unit file. Strict: none of the settings of these files is meant to be there twice."""
    parser = configparser.ConfigParser(strict=True, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read_string((DEPLOY / name).read_text("utf-8"))
    return parser


def instructions() -> dict[str, list[str]]:
    """The Containerfile's instructions by name, continued lines joined."""
    lines = re.sub(r"\\\n\s*", " ", (DEPLOY / "Containerfile").read_text("utf-8")).splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, _, rest = line.strip().partition(" ")
            found.setdefault(name, []).append(rest)
    return found


def guide_commands() -> list[list[str]]:
    """What follows the word copydesk where it is a program or a container's image, in the guide's blocks."""
    blocks = re.findall(r"```(?:sh|cron)\n(.*?)```", GUIDE, re.DOTALL)
    found = []
    for line in re.sub(r"\\\n\s*", " ", "".join(blocks)).splitlines():
        words = shlex.split(line)
        for at, word in enumerate(words):
            rest = words[at + 1 :]
            is_program = word == "copydesk" or word.endswith("/bin/copydesk")
            is_name = at > 0 and words[at - 1] in NAMED_SO
            # `podman exec copydesk copydesk status`: first the container, then the program.
            if is_program and not is_name and rest and rest[0] != "copydesk" and not rest[0].startswith("/"):
                found.append(rest)
    return found


def parse(arguments: list[str]) -> click.Context:
    """Parse a command line as the command would, without running it."""
    context = click.Context(cli, info_name="copydesk")
    name, command, rest = cli.resolve_command(context, list(arguments))
    assert command is not None
    return command.make_context(name, rest, parent=context)


def test_the_guide_names_every_file() -> None:
    names = [path.name for path in DEPLOY.iterdir()]
    assert len(names) >= 5
    for name in names:
        assert f"(../deploy/{name})" in GUIDE, name


def test_the_guide_has_commands() -> None:
    assert {arguments[0] for arguments in guide_commands()} >= {"daemon", "ui", "run", "status"}


@pytest.mark.parametrize("arguments", guide_commands(), ids=" ".join)
def test_the_guides_commands_exist(arguments: list[str]) -> None:
    parse(arguments)


@pytest.mark.parametrize(
    "wrong", [["serve"], ["ui", "--hots", "::1"], ["ui", "--port", "0"], ["daemon", "now"]], ids=" ".join
)
def test_a_command_that_does_not_exist_would_be_found(wrong: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parse(wrong)


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_a_command_that_exists(name: str) -> None:
    service = unit(name)["Service"]
    program, *arguments = shlex.split(service["ExecStart"])
    assert program == "/opt/copydesk/.venv/bin/copydesk"
    context = parse(arguments)
    assert context.info_name == re.match(r"copydesk-(\w+)\.service", name)[1]


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_leaves_the_home_writable_and_time_to_stop(name: str) -> None:
    service = unit(name)["Service"]
    assert service["Environment"] == f"COPYDESK_HOME={HOME}"
    assert service["ProtectSystem"] == "strict"
    assert f"/var/lib/{service['StateDirectory']}" == HOME
    assert service["User"] not in ("", "root")
    # Copydesk ends its services itself, in their order.
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS


def test_both_units_are_fenced_in_alike() -> None:
    def fence(name: str) -> dict[str, str]:
        service = unit(name)["Service"]
        return {key: value for key, value in service.items() if not key.startswith(("Exec", "TimeoutStart", "Restart"))}

    daemon, ui = map(fence, UNITS)
    assert daemon == ui


def test_the_ui_leaves_the_daemon_to_its_own_unit() -> None:
    ui = unit("copydesk-ui.service")
    assert ui["Unit"]["After"] == ui["Unit"]["Wants"] == "copydesk-daemon.service"
    assert parse(shlex.split(ui["Service"]["ExecStart"])[1:]).params["no_daemon"]


def test_the_container_starts_a_command_that_exists() -> None:
    found = instructions()
    program, *arguments = json.loads(found["ENTRYPOINT"][0]) + json.loads(found["CMD"][0])
    assert program == "copydesk"
    context = parse(arguments)
    # Nothing can be published from a container's loopback.
    assert context.params["host"] == "0.0.0.0"
    assert context.params["no_browser"]


def test_what_the_container_copies_exists_and_is_whole() -> None:
    copied = {source for line in instructions()["COPY"] for source in line.split()[:-1]}
    for source in copied:
        assert (ROOT / source).exists(), source
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"bench", "tests"}
    assert packages <= copied
    assert {"pyproject.toml", "requirements.lock", "README.md", "LICENSE"} <= copied


def test_the_container_installs_from_the_lock_and_runs_as_nobody_in_particular() -> None:
    found = instructions()
    (locked,) = [line for line in found["RUN"] if "requirements.lock" in line]
    assert {"--require-hashes", "--no-deps"} <= set(locked.split())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", found["USER"][0])
    assert found["VOLUME"] == [HOME]
    assert f"COPYDESK_HOME={HOME}" in found["ENV"][0].split()


def test_the_health_check_is_python() -> None:
    program, option, code = json.loads(instructions()["HEALTHCHECK"][0].partition(" CMD ")[2])
    assert (program, option) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")


def test_everything_speaks_of_one_port() -> None:
    found = instructions()
    ui = parse(shlex.split(unit("copydesk-ui.service")["Service"]["ExecStart"])[1:])
    ports = {
        str(ui.params["port"]),
        str(parse(json.loads(found["CMD"][0])).params["port"]),
        found["EXPOSE"][0],
        *re.findall(r"127\.0\.0\.1:(\d+)/server_info", found["HEALTHCHECK"][0]),
        *re.findall(r"proxy_pass +http://127\.0\.0\.1:(\d+);", (DEPLOY / "nginx.conf").read_text("utf-8")),
        *re.findall(r"--publish 127\.0\.0\.1:\d+:(\d+)", GUIDE),
    }
    assert ports == {PORT}


def test_the_guide_publishes_no_port_to_the_world() -> None:
    published = re.findall(r"^\s+--publish (\S+)", GUIDE, re.MULTILINE)
    assert published
    assert all(where.startswith("127.0.0.1:") for where in published)


def test_the_guide_gives_containers_time_to_stop() -> None:
    runs = re.findall(r"podman run .*", re.sub(r"\\\n\s*", " ", GUIDE))
    assert len(runs) >= 2
    for line in runs:
        seconds = re.search(r"--stop-timeout (\d+)", line)
        assert seconds is not None, line
        assert int(seconds[1]) > STOP_SECONDS


def test_nginx_asks_for_a_password_and_passes_websockets_on() -> None:
    content = (DEPLOY / "nginx.conf").read_text("utf-8")
    assert content.count("{") == content.count("}")
    names = re.findall(r"^\s*(\w+(?: +(?:Upgrade|Connection))?)\b", content, re.MULTILINE)
    settings = {re.sub(r" +", " ", name) for name in names}
    assert {"auth_basic", "auth_basic_user_file", "ssl_certificate", "ssl_certificate_key", "map"} <= settings
    assert {"proxy_set_header Upgrade", "proxy_set_header Connection", "proxy_http_version"} <= settings


def test_dagster_takes_the_postgres_block_in_a_homes_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_PG_PASSWORD", "secret")
    own = files("warehouse").joinpath("dagster.yaml").read_text("utf-8")
    block = (DEPLOY / "dagster-postgres.yaml").read_text("utf-8")
    assert not set(yaml.safe_load(own)) & set(yaml.safe_load(block)), "what is added replaces nothing"
    (tmp_path / "dagster.yaml").write_text(own + block, "utf-8")
    config, _ = dagster_instance_config(str(tmp_path))
    postgres = config["storage"]["postgres"]["postgres_db"]
    assert postgres["scheme"] == "postgresql+psycopg2"
    assert postgres["password"] == {"env": "COPYDESK_PG_PASSWORD"}
    assert "COPYDESK_PG_PASSWORD" in GUIDE


def test_the_guide_names_the_dagster_postgres_of_the_locked_dagster() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    locked = re.search(r"^dagster==1\.(\d+)\.(\d+)", lock, re.MULTILINE)
    assert locked is not None
    # Dagster numbers its integrations 0.(16 + minor).patch.
    assert f"dagster-postgres==0.{16 + int(locked[1])}.{locked[2]}" in GUIDE
    assert f"Dagster 1.{locked[1]}.{locked[2]}" in GUIDE
