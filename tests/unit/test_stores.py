"""Which store a URL names, and what it says to one that names none."""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.clients.directory_store import DirectoryStore
from tasks.clients.object_store import MAX_PARTS, fitting_part_bytes
from tasks.clients.s3_store import S3Store
from tasks.clients.s3_upload import LARGEST_PART, SMALLEST_PART, cut, part_size
from tasks.clients.stores import open_store
from tasks.gate.errors import ConfigurationError

TEBIBYTE = 1 << 40


def test_a_file_url_is_a_directory(tmp_path: Path) -> None:
    store = open_store((tmp_path / "with space").as_uri())
    assert isinstance(store, DirectoryStore)
    assert store.root == tmp_path / "with space"
    assert store.describe() == (tmp_path / "with space").as_uri()


def test_an_s3_url_names_bucket_prefix_endpoint_and_region() -> None:
    store = open_store("s3://bucket/some/prefix/?endpoint_url=https://s3.example.com:9000&region=eu-central-1")
    assert isinstance(store, S3Store)
    assert store.describe() == "s3://bucket/some/prefix at https://s3.example.com:9000"
    assert open_store("s3://bucket?region=eu-central-1").describe() == "s3://bucket"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "the store's URL names neither s3:// nor file://"),
        ("/var/lib/gate", "the store's URL names neither s3:// nor file://"),
        ("http://s3.example.com/bucket", "the store's URL starts with http://"),
        ("s3:///prefix", "the store's URL names no bucket"),
        ("file://var/lib/gate", "the store's URL names no absolute directory (file: takes three slashes)"),
        ("file:relative", "the store's URL names no absolute directory (file: takes three slashes)"),
        ("file:///tmp/x?region=eu", "the store's URL has 'region', and file: takes no settings"),
        ("s3://bucket?nonsense", "the store's URL cannot be read as a URL"),
        ("s3://[bucket", "the store's URL cannot be read as a URL"),
    ],
)
def test_a_url_that_names_no_store_is_refused_with_an_example(url: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_store(url)
    assert raised.value.message == sentence
    assert "for example s3://bucket/prefix?endpoint_url=" in raised.value.hint
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(("wrong", "right"), [("endpoint", "endpoint_url"), ("Region", "region"), ("zone", "region")])
def test_an_unknown_setting_names_the_nearest_known_one(wrong: str, right: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_store(f"s3://bucket?{wrong}=x")
    assert raised.value.message == f"the store's URL has an unknown setting '{wrong}'"
    assert raised.value.hint == f"did you mean '{right}'?"


@pytest.mark.parametrize(
    "url", ["s3://KEY:topsecret@bucket/x", "s3://bucket?endpoint_url=https://KEY:topsecret@s3.example.com"]
)
def test_credentials_in_the_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="holds credentials, which do not belong there") as raised:
        open_store(url)
    assert "topsecret" not in str(raised.value)


def test_a_directory_store_does_not_import_boto3(tmp_path: Path) -> None:
    code = (
        f"import sys; from tasks.clients.stores import open_store; open_store({tmp_path.as_uri()!r}); "
        "sys.exit('boto3' in sys.modules or 'botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0


@pytest.mark.parametrize("smallest", [SMALLEST_PART, 8 << 20, 64 << 20, 512 << 20])
def test_ten_thousand_parts_hold_the_largest_object_that_s3_takes(smallest: int) -> None:
    sizes = [part_size(number, smallest) for number in range(10_000)]
    assert sum(sizes) >= 5 * TEBIBYTE
    assert min(sizes) >= SMALLEST_PART
    assert max(sizes) <= LARGEST_PART
    assert sizes == sorted(sizes)


def test_a_part_below_what_s3_allows_is_made_larger() -> None:
    assert part_size(0, 1 << 20) == SMALLEST_PART


@pytest.mark.parametrize("expected", [0, 1, 8 << 30, 100 << 30, TEBIBYTE, 5 * TEBIBYTE])
def test_a_known_size_fits_with_parts_of_one_size(expected: int) -> None:
    part = fitting_part_bytes(expected)
    assert part >= 8 << 20
    assert part % (1 << 20) == 0
    assert expected <= part * MAX_PARTS


def test_a_stream_is_cut_into_parts_of_which_only_the_last_is_shorter() -> None:
    pieces = [b"a" * 3_000_000, b"", b"b" * 9_000_000, b"c"]
    parts = list(cut(iter(pieces), SMALLEST_PART))
    assert b"".join(parts) == b"".join(pieces)
    assert [len(part) for part in parts] == [SMALLEST_PART, SMALLEST_PART, 12_000_001 - 2 * SMALLEST_PART]
