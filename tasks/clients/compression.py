"""Compresses and decompresses a stream, piece by piece, so that a dump of any size passes through a few megabytes."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, cast

import zstandard

from tasks.gate.errors import Refused

Compression = Literal["zstd", "gzip", "none"]

SUFFIXES = {"zstd": ".zst", "gzip": ".gz", "none": ""}
ZSTD_LEVEL = 3
ZSTD_THREADS = 2
# Compression is what limits a dump's speed; from level 4 on gzip costs twice the time for a tenth of the size.
GZIP_LEVEL = 3
GZIP_WINDOW = 31  # zlib: 15 bits of window, and the gzip header and checksum
PIECE = 1 << 16  # so that one piece can never swell to more than memory holds


class Damaged(Refused):
    """The stored bytes cannot be decompressed."""


def compress(compression: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The compressed form of a stream; each frame carries a checksum of its content.

    pg_dump's own zstd and lz4 carry none, and two of three flipped bits then restore as wrong rows without a word
    (failure-modes 3.2): so the dump is left uncompressed and compressed here.

    Args:
        compression: "zstd", "gzip" or "none".
        pieces: the stream.
    """
    if compression == "none":
        yield from pieces
        return
    feed, finish = _compressor(compression)
    for piece in pieces:
        if out := feed(piece):
            yield out
    if out := finish():
        yield out


def decompress(compression: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The original of a compressed stream.

    Raises:
        Damaged: a checksum inside does not hold, the stream ends too early, or bytes follow its end.
    """
    if compression == "none":
        yield from pieces
        return
    if compression not in SUFFIXES:
        raise Damaged(f"expected a stream compressed with zstd, gzip or none, found {compression!r}")
    frame = zstandard.ZstdDecompressor().decompressobj() if compression == "zstd" else zlib.decompressobj(GZIP_WINDOW)
    try:
        for piece in pieces:
            for start in range(0, len(piece), PIECE):
                if frame.eof:
                    raise Damaged(f"expected the {compression} stream to end, found more bytes after its end")
                if out := frame.decompress(piece[start : start + PIECE]):
                    yield out
    except (zstandard.ZstdError, zlib.error):
        raise Damaged(f"the {compression} stream is damaged: its own checksum or structure does not hold") from None
    if not frame.eof or frame.unused_data:
        found = "more bytes after its end" if frame.eof else "its end missing"
        raise Damaged(f"expected one whole {compression} stream, found {found}")


def _compressor(compression: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if compression == "zstd":
        settings = zstandard.ZstdCompressor(level=ZSTD_LEVEL, threads=ZSTD_THREADS, write_checksum=True)
        frame = settings.compressobj()
        return frame.compress, cast("Callable[[], bytes]", frame.flush)
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress, packer.flush
