"""Every parser of bytes that come from outside, with bytes that nobody would write; and what was found so before."""

import json
import tomllib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.targets import TARGETS, seeds

PIECES = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x1b[2J", b"\r", b"\n", b"\t", b'"', b"'", b",", b";", b"[", b"{",
    b"#", b"=", b"\\", b"--", b"/*", b"date ", b"9999-99-99", b"-0", b"1e999", "٣".encode(), "\u202e".encode(),
    "İ".encode(), "ŉ".encode(), "\u0301".encode(), "🇦🇿".encode(), b"\xed\xa0\x80", b"&#x0;", b"(AP) - ",
)  # fmt: skip

FEW = settings(max_examples=25, suppress_health_check=list(HealthCheck))


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """Sound bytes of a target with a few changes, or any bytes."""
    content = bytearray(draw(st.sampled_from(seeds(name)) | st.binary(max_size=200)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(start + draw(st.integers(0, 30)), len(content))
        piece = st.sampled_from(PIECES) | st.binary(max_size=8) | st.just(bytes(content[start:end]) * 2)
        content[start:end] = draw(piece)
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
@FEW
@given(data=st.data())
def test_whatever_the_bytes_are_what_holds_holds(name: str, data: st.DataObject) -> None:
    TARGETS[name](data.draw(mutated(name)))


SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9) | st.just("\0")
VALUES = st.recursive(
    SCALARS,
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=4), values, max_size=2),
    max_leaves=4,
)


@st.composite
def altered(draw: st.DrawFn, content: Any) -> Any:
    """A nested value with one part of it replaced or left out."""
    if draw(st.integers(0, 3)) == 0 or not isinstance(content, dict | list) or not content:
        return draw(VALUES)
    key = draw(st.sampled_from(sorted(content)) if isinstance(content, dict) else st.integers(0, len(content) - 1))
    copied = content.copy()
    if isinstance(copied, dict) and draw(st.integers(0, 5)) == 0:
        del copied[key]
    else:
        copied[key] = draw(altered(content[key]))
    return copied


@FEW
@given(data=st.data())
def test_whatever_a_manifest_holds_it_is_one_or_damage(data: st.DataObject) -> None:
    (sound,) = seeds("manifest")
    TARGETS["manifest"](json.dumps(data.draw(altered(json.loads(sound)))).encode())


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value).replace("\\ud", "\\u0").replace("\x7f", "")
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {toml(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return '""' if value is None else repr(value)


SETTINGS = {
    "source": [{"root": "/a", "name": "b", "patterns": ["*.txt"], "on_missing": "keep", "fail_window": "36h"}],
    "publish": {"keep_versions": 5},
    "load": {"workers": 1, "document_timeout": 60, "worker_memory": "1GB"},
    "schedule": {"time": "05:30", "timezone": "UTC"},
    "alerts": {"command": ["true"]},
}


@settings(FEW, max_examples=60)
@given(data=st.data())
def test_whatever_settings_hold_they_are_settings_or_a_fault(data: st.DataObject) -> None:
    content = data.draw(altered(SETTINGS))
    if isinstance(content, dict):
        TARGETS["settings"]("\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in content.items()).encode())


def test_sound_settings_are_sound() -> None:
    """Else nothing would be tried above but that they are none."""
    text = "\n".join(f"{name} = {toml(value)}" for name, value in SETTINGS.items())
    assert tomllib.loads(text) == SETTINGS


FOUND: dict[str, tuple[bytes, ...]] = {
    "container": (b"\nid\ttext\n1\tA\x98",),
    "sidecar": (b"path,date\n,2021\n",),
    "manifest": (b"[" * 100_000, b'{"contract_version": 1, "tables": []}'),
    "settings": (b"a = " + b"[" * 20_000, b"a = " + b"9" * 5_000, b'[[source]]\nroot = "~\\u0000"\n'),
}
"""What has broken a target once."""


@pytest.mark.parametrize(("name", "raw"), [(name, raw) for name, cases in FOUND.items() for raw in cases])
def test_what_was_found_stays_mended(name: str, raw: bytes) -> None:
    TARGETS[name](raw)
