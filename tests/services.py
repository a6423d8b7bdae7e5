"""`copydesk ui` and `copydesk daemon` as tests start, ask and end them."""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from tests.processes import Process, free_port, groups_of, processes
from tests.support import COMMAND, Desk

PATIENCE = 120


def wait_for(look: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """What a look gives as soon as it gives anything."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    raise AssertionError(f"waited {seconds} seconds for {what}")


class Service:
    """A service of a desk, started as a shell starts what it puts into the background."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self.desk = desk
        self.log = desk.folder / "service.log"
        self.process = subprocess.Popen(
            [COMMAND, *arguments],
            env=desk.environment, cwd=desk.folder, stdout=subprocess.PIPE, stderr=self.log.open("a"), text=True,
            start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )  # fmt: skip
        self.groups: set[int] = set()
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()

    def end(self, how: signal.Signals) -> int:
        """The exit status after a signal."""
        self.groups = groups_of(self.process.pid)
        self.process.send_signal(how)
        status = self.process.wait(60)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def left(self) -> list[Process]:
        """The processes that are still there after the end."""
        return [process for process in processes() if process.group in self.groups]


class Ui(Service):
    """The web UI, which answers GraphQL."""

    def __init__(self, desk: Desk, *options: str) -> None:
        self.port = free_port()
        super().__init__(desk, "ui", "--port", str(self.port), "--no-browser", *options)

    def ask(self, query: str, **variables: Any) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": query, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["data"]

    def launch(self, job: str, config: dict[str, Any] | None = None) -> str:
        """Launch a job as the launchpad does; the run's id."""
        answer = self.ask(
            """mutation ($job: String!, $config: RunConfigData) {
                launchRun(executionParams: {
                    selector: {repositoryLocationName: "copydesk", repositoryName: "__repository__", jobName: $job}
                    runConfigData: $config
                }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
            }""",
            job=job, config=config or {},
        )["launchRun"]  # fmt: skip
        assert answer["__typename"] == "LaunchRunSuccess", answer
        run_id: str = answer["run"]["runId"]
        return run_id

    def runs(self) -> dict[str, dict[str, Any]]:
        """All runs by id, with status, job, tags and the times of their steps."""
        answer = self.ask(
            """{ runsOrError { ... on Runs { results {
                runId jobName status creationTime tags { key value } stepStats { startTime endTime }
            } } } }"""
        )
        return {
            run["runId"]: {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}}
            for run in answer["runsOrError"]["results"]
        }

    def wait_for_end(self, run_id: str) -> str:
        """How a run ended."""
        ended = {"SUCCESS", "FAILURE", "CANCELED"}
        status: str = wait_for(
            lambda: (found := self.runs()[run_id]["status"]) in ended and found, f"the end of {run_id}"
        )
        return status


def count(desk: Desk, where: str = "true") -> int:
    ((found,),) = [
        row.values() for row in json.loads(desk.ok("sql", f"SELECT count(*) FROM documents WHERE {where}", "--format", "json"))
    ]  # fmt: skip
    return int(found)
