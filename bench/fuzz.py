"""Bytes that find new branches, for every parser of what comes from outside: `python -m bench.fuzz TARGET ...`.

Coverage is watched by atheris, which is installed with the extra `fuzz` (`pip install -e '.[fuzz]'`; Linux). Each
target is a process of its own. What breaks it is written to build/fuzz/TARGET/crash-...; the bytes become a case of
tests/test_fuzzed.py, where the targets' properties are tried with hypothesis in every `make test`.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "fuzz"

SLOW_SECONDS = 10
"""What one input may take; more is found, too."""

MOST_BYTES = 4_096
MOST_MEGABYTES = 4_096


def main() -> int:
    """Fuzz the targets that the command line names, or all, one after the other; 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="by default all")
    parser.add_argument("--seconds", type=int, default=300, help="for each target")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        return _fuzz(arguments.targets[0], arguments.seconds)
    from tests.targets import TARGETS

    for name in arguments.targets:
        if name not in TARGETS:
            parser.error(f"{name} is no target; targets are {', '.join(TARGETS)}")
    found = 0
    for name in arguments.targets or TARGETS:
        command = [sys.executable, "-m", "bench.fuzz", name, "--seconds", str(arguments.seconds), "--inside"]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        print(f"{name}: {'nothing found' if status == 0 else f'something was found, see {BUILD / name}'}", flush=True)
        found += status != 0
    return int(found > 0)


def _fuzz(name: str, seconds: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["etl", "warehouse", "copydesk", "assets.markdown", "tomllib"]):
        from tests.targets import TARGETS, seeds
    corpus, words = BUILD / name / "corpus", BUILD / name / "words"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed-{number}").write_bytes(seed)
    words.write_text("\n".join(sorted({_word(word) for seed in seeds(name) for word in _WORD.findall(seed)})), "ascii")
    options = [
        f"-dict={words}",
        f"-max_total_time={seconds}",
        f"-timeout={SLOW_SECONDS}",
        f"-max_len={MOST_BYTES}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-artifact_prefix={BUILD / name}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([name, *options, str(corpus)], TARGETS[name])
    atheris.Fuzz()
    return 0


_WORD = re.compile(rb"\w{2,20}|[^\w\s]+")


def _word(word: bytes) -> str:
    """An entry of libFuzzer's dictionary."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"'


if __name__ == "__main__":
    sys.exit(main())
