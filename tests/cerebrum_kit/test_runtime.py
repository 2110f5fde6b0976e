import fcntl
import os
import stat
import tempfile
from pathlib import Path

import pytest

from cerebrum_kit.logs import event
from cerebrum_kit.runtime import UnsafeRuntimeDirError, locked, runtime_dir, write_private
from cerebrum_kit.serving import UnguardedBindError, require_guard


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_runtime_folder_is_made_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRUM_RUNTIME_DIR", str(tmp_path / "new" / "folder"))
    assert mode_of(runtime_dir()) == 0o700


def test_a_runtime_folder_that_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("CEREBRUM_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(UnsafeRuntimeDirError, match="others can write"):
        runtime_dir()


def test_the_sessions_own_folder_is_taken_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CEREBRUM_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_dir() == tmp_path / "cerebrum"


def test_without_one_it_is_a_folder_of_this_users_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CEREBRUM_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = runtime_dir()
    assert found == tmp_path / f"cerebrum-{os.getuid()}"
    assert mode_of(found) == 0o700
    found.chmod(0o777)
    with pytest.raises(UnsafeRuntimeDirError, match="private folder"):
        runtime_dir()


def test_a_private_file_is_private_from_the_start_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "pool.json"
    for text in ("a long first text", "short"):
        write_private(path, text)
        assert path.read_text() == text
        assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_lock_keeps_others_out_and_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as other:
        with locked(path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_alone_needs_no_key(host: str) -> None:
    require_guard(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "pi.local"])  # noqa: S104
def test_a_service_for_others_needs_a_key(host: str) -> None:
    require_guard(host, "key")
    with pytest.raises(UnguardedBindError, match="without a key"):
        require_guard(host, None)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "a.b"),
        ({"node": "pi", "ms": 1.25}, "a.b node=pi ms=1.2"),
        ({"message": "two words", "none": None}, 'a.b message="two words"'),
        ({"text": "a\nb"}, "a.b text=a\\nb"),
    ],
)
def test_a_log_event_is_one_line(fields: dict[str, object], line: str) -> None:
    assert event("a.b", **fields) == line
