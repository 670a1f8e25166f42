"""What only a directory can get wrong: modes, names, full disks, leftovers of the dead and drafts of the living."""

import errno
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.clients.directory_files import failure
from tasks.clients.directory_store import DRAFTS, DirectoryStore
from tasks.clients.stores import open_store
from tasks.gate.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def test_files_and_folders_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "deep" / "store")
    store.create("shop/log/0001.json", b"x")
    store.upload("shop/dump", [b"x"])
    found = {path.relative_to(tmp_path): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert {mode for path, mode in found.items() if (tmp_path / path).is_dir()} == {0o700}
    assert {mode for path, mode in found.items() if (tmp_path / path).is_file()} == {0o600}


def test_a_write_leaves_nothing_but_the_object(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("shop/log/0001.json", b"x")
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == ["shop/log/0001.json"]
    assert (tmp_path / "shop/log/0001.json").stat().st_nlink == 1


def test_a_failed_upload_does_not_even_leave_a_folder(tmp_path: Path) -> None:
    def dying() -> Iterator[bytes]:
        yield b"x"
        raise RuntimeError("pg_dump died")

    with pytest.raises(RuntimeError):
        DirectoryStore(tmp_path).upload("shop/backups/b1/dump", dying())
    assert [path.name for path in tmp_path.iterdir()] == [DRAFTS]
    assert list((tmp_path / DRAFTS).iterdir()) == []


def test_a_sweep_never_touches_what_somebody_still_writes(tmp_path: Path) -> None:
    store, another = DirectoryStore(tmp_path), DirectoryStore(tmp_path)

    def slow() -> Iterator[bytes]:
        yield b"first"
        assert another.sweep_uploads("shop/") == 0
        yield b" second"

    store.upload("shop/dump", slow())
    assert store.read("shop/dump") == b"first second"


def test_the_hidden_folder_is_no_part_of_the_store(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    (tmp_path / DRAFTS).mkdir()
    (tmp_path / DRAFTS / "shop%2Fdump.abcd").write_bytes(b"half")
    assert list(store.keys("")) == []
    assert list(store.folders("")) == []
    with pytest.raises(ConfigurationError, match="is not a name that the object store can hold"):
        store.read(f"{DRAFTS}/shop%2Fdump.abcd")
    assert store.sweep_uploads("shop/") == 1


def test_a_key_of_the_greatest_length_can_be_written(tmp_path: Path) -> None:
    key = "/".join(["t" * 63, "releases", "r" * 120, "n" * 200])
    DirectoryStore(tmp_path).create(key, b"x")
    assert DirectoryStore(tmp_path).read(key) == b"x"


def test_a_file_where_the_directory_should_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for url in ((tmp_path / "file").as_uri(), (tmp_path / "file" / "below").as_uri()):
        with pytest.raises(ConfigurationError) as raised:
            open_store(url)
        assert raised.value.message.endswith("is not a folder")
        assert raised.value.hint == "let GATE_STORE_URL name a folder, for example file:///var/lib/gate"


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="only Linux has a folder in which not even root may write")
def test_a_folder_that_may_not_be_written_is_said() -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_store("file:///sys/gate-store")
    assert raised.value.message.split("/sys/gate-store")[1] in (
        " may not be read or written by this user",
        " lies on a file system that is read-only",
    )
    assert raised.value.hint


def test_a_file_that_grows_too_large_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from tasks.clients.stores import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    store.upload('shop/dump', [b'x' * 60_000] * 3)\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error.message.split(' ', 1)[1])\n"
        "print([e.key for e in store.keys('')], store.sweep_uploads(''))\n"
    )
    command = [sys.executable, "-c", code, tmp_path.as_uri()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["ConfigurationError would be larger than files may be here", "[] 0"]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "no space is left for /store/x"),
        (errno.EDQUOT, "the disk quota is used up at /store/x"),
        (errno.EACCES, "/store/x may not be read or written by this user"),
        (errno.EROFS, "/store/x lies on a file system that is read-only"),
        (errno.EIO, "/store/x cannot be used as object storage: input/output error"),
    ],
)
def test_what_a_disk_refuses_is_said_with_a_remedy(number: int, sentence: str) -> None:
    error = failure(OSError(number, "Input/output error"), Path("/store/x"))
    assert (error.message, error.exit_code) == (sentence, 2)
    assert error.hint
