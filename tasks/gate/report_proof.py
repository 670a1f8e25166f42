"""The report's part on the backup: what was stored, the proof that it restores, and how to restore it by hand."""

from tasks.gate import wording
from tasks.gate.manifest import Manifest, Proof
from tasks.gate.report_blocks import Block, Cell, Code, Lines, Section, Tone, pairs
from tasks.gate.report_reading import Body, Reading


def proof_section(proof: Proof, manifest: Manifest | None = None, stored: Body | None = None) -> Section:
    """The backup and its proof.

    Args:
        proof: what the restore showed.
        manifest: the backup's manifest, when it was read from the store as well.
        stored: the `backed_up` event's body.
    """
    blocks: list[Block] = [_figures(proof, manifest, stored or {})]
    if manifest and manifest.warnings:
        blocks.append(Lines(manifest.warnings, noun="warning", tone=Tone.WARN))
    return Section("backup", "The backup and its proof", proof_sentence(proof), Tone.GOOD, tuple(blocks))


def proof_sentence(proof: Proof) -> str:
    """The proof in one sentence."""
    return (
        f"{proof.backup} was read back from the store, its checksum compared, and restored in "
        f"{wording.duration(proof.restore_seconds)}: {wording.count(proof.tables, 'table')} and "
        f"{wording.count(proof.rows, 'row')} came back equal, by count and by content."
    )


def backup_section(reading: Reading, manifest: Manifest | None = None) -> Section | None:
    """The backup as far as the record knows it: proved, only stored, or none at all."""
    stored, proof = reading.body("backed_up"), reading.proof
    if proof is not None:
        return proof_section(proof, manifest, stored)
    if not stored:
        return None
    sentence = f"{stored.get('backup', 'a backup')} was stored, and is not proved: nothing may rely on it yet."
    return Section("backup", "The backup", sentence, Tone.WARN, (_figures(None, manifest, stored),))


def _figures(proof: Proof | None, manifest: Manifest | None, stored: Body) -> Block:
    size = manifest.dump.bytes if manifest else int(stored.get("bytes") or 0)
    sha256 = manifest.dump.sha256 if manifest else str(stored.get("sha256") or "")
    seconds = float(stored.get("seconds") or 0.0)
    return pairs(
        ("backup", Cell(proof.backup if proof else str(stored.get("backup", "")), code=True)),
        ("snapshot of", wording.moment(manifest.taken_at if manifest else str(stored.get("taken_at") or ""))),
        ("stored", f"{wording.size(size)}{_before(manifest)}{_took(size, seconds)}" if size else None),
        ("sha256", Cell(sha256, code=True)),
        ("read back", wording.duration(proof.read_back_seconds) if proof else None),
        ("restored in", wording.duration(proof.restore_seconds) if proof else None),
        ("compared in", wording.duration(proof.compare_seconds) if proof else None),
        ("tables", wording.number(proof.tables) if proof else None),
        ("rows", wording.number(proof.rows) if proof else None),
        ("scratch server", f"PostgreSQL {proof.server_version}" if proof else None),
        ("made by", _program(manifest) if manifest else None),
        ("key", Cell(manifest.dump.key, code=True) if manifest else None),
    )


def _program(manifest: Manifest) -> str:
    return f"pg_dump {manifest.client}" if manifest.client[:1].isdigit() else manifest.client


def _before(manifest: Manifest | None) -> str:
    if manifest is None or manifest.compression == "none":
        return ""
    return f" ({manifest.compression}; {wording.size(manifest.raw_bytes)} before)"


def _took(size: int, seconds: float) -> str:
    return f" in {wording.duration(seconds)}, {wording.rate(size, seconds)}" if seconds > 0 else ""


def by_hand_section(reading: Reading, manifest: Manifest | None = None) -> Section | None:
    """How to bring the backup back, with Gate and without it."""
    backup = manifest.id if manifest else str(reading.body("backed_up").get("backup") or "")
    if not backup:
        return None
    with_gate = "\n".join(
        (
            f"gate verify {backup}          # prove it once more",
            f"gate restore {backup}         # beside, proved, then swapped in",
            f"gate backups export {backup}  # a plain .sql file",
        )
    )
    blocks: list[Block] = [Code(with_gate, "sh", title="With Gate")]
    if manifest and manifest.how_to:
        blocks.append(
            Code("\n".join(manifest.how_to), "sh", title="Without Gate, with nothing but PostgreSQL's own tools")
        )
    else:
        blocks.append(Lines(("Without Gate: the backup's manifest.json holds the exact commands under how_to.",)))
    return Section("by-hand", "Restore it by hand", "The backup does not need Gate to be useful.", blocks=tuple(blocks))
