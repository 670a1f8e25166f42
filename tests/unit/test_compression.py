"""Compression: what goes in comes out, and nothing damaged comes out unnoticed."""

import gzip
import random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tasks.clients.compression import Damaged, compress, decompress

KINDS = ("zstd", "gzip", "none")
TEXT = b"".join(b'{"id": %d, "note": "%d"}\n' % (n, n * 7919 % 1000) for n in range(4000))


def packed(kind: str, body: bytes = TEXT) -> bytes:
    return b"".join(compress(kind, (body,)))


def unpacked(kind: str, body: bytes, piece: int = 1 << 20) -> bytes:
    return b"".join(decompress(kind, (body[n : n + piece] for n in range(0, len(body), piece))))


@pytest.mark.parametrize("kind", KINDS)
@given(pieces=st.lists(st.binary(max_size=200), max_size=20), cut=st.integers(min_value=1, max_value=50))
def test_what_goes_in_comes_out(kind: str, pieces: list[bytes], cut: int) -> None:
    body = b"".join(compress(kind, pieces))
    assert unpacked(kind, body, cut) == b"".join(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_piece_comes_out_in_small_ones(kind: str) -> None:
    out = list(decompress(kind, compress(kind, (bytes(50_000_000),))))
    assert sum(map(len, out)) == 50_000_000


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_a_stream_that_was_cut_off_is_refused(kind: str) -> None:
    body = packed(kind)
    for length in (0, 1, 20, len(body) // 2, len(body) - 4, len(body) - 1):
        with pytest.raises(Damaged, match=f"expected one whole {kind} stream, found its end missing"):
            unpacked(kind, body[:length])


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_bytes_after_the_end_are_refused(kind: str) -> None:
    for piece in (1 << 20, 100):
        with pytest.raises(Damaged, match="more bytes after its end"):
            unpacked(kind, packed(kind) + b"more", piece)


@pytest.mark.parametrize("kind", ["zstd", "gzip"])
def test_a_flipped_bit_never_gives_another_content(kind: str) -> None:
    body, chance = packed(kind), random.Random(1)
    refused = 0
    for _ in range(200):
        altered = bytearray(body)
        altered[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        try:
            assert unpacked(kind, bytes(altered)) == TEXT, "only bits that mean nothing may pass"
        except Damaged:
            refused += 1
    assert refused > 180


def test_the_stored_objects_are_for_the_common_programs() -> None:
    assert gzip.decompress(packed("gzip")) == TEXT
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed("zstd")) == TEXT
    assert zstandard.get_frame_parameters(packed("zstd")).has_checksum


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(Damaged, match="expected a stream compressed with zstd, gzip or none, found 'lz4'"):
        unpacked("lz4", b"x")
