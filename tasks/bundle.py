"""Carries the migrations' files from where CI read them to where they run: read, keep in the store, lay out again."""

from contextlib import ExitStack
from pathlib import Path

from config.settings import Settings
from tasks.clients.object_store import AlreadyThere, NotThere, ObjectStore
from tasks.clients.owned_folder import temporary_folder
from tasks.gate.bundle import MIGRATIONS, ROLLBACKS, Bundle, describe, differences, pack, refuse_unfit, unpack
from tasks.gate.errors import Refused
from tasks.migration_files import read_bytes
from tasks.tool import tool_of


def read_files(settings: Settings) -> dict[str, bytes]:
    """Every SQL file of the migrations and rollbacks, and the journal, read once; snapshots do not run and stay out.

    Raises:
        Refused: a file leads out of its folder, cannot be read, or all are too large.
    """
    journal = tool_of(settings).journal
    own = _sql(settings.migrations) | ({journal} if journal and (settings.migrations / journal).is_file() else set())
    back = settings.rollback_folder
    if back.is_relative_to(settings.migrations) and back != settings.migrations:
        inside = f"{back.relative_to(settings.migrations).as_posix()}/"
        own = {path for path in own if not path.startswith(inside)}
    files = {f"{MIGRATIONS}/{path}": read_bytes(settings.migrations, path) for path in sorted(own)}
    files |= {f"{ROLLBACKS}/{path}": read_bytes(back, path) for path in sorted(_sql(back))}
    refuse_unfit(files)
    return files


def keep(store: ObjectStore, target: str, files: dict[str, bytes], bundle: Bundle) -> None:
    """Put the files into the store under their digest; what is there already stays, because it can only be the same."""
    try:
        store.create(_key(target, bundle), pack(files))
    except AlreadyThere:
        return


def as_sent(settings: Settings, store: ObjectStore, bundle: Bundle | None, closing: ExitStack) -> Settings:
    """Settings whose folders hold exactly the files that CI saw.

    They come from the store where the trigger put them there; else this machine's own folder must be equal.

    Args:
        settings: as this process was given them.
        store: where the bundle may be.
        bundle: what the trigger said; None when the release was started here, from this folder.
        closing: removes the folders at the end.

    Raises:
        Refused: the bundle was exchanged, or this machine's folder differs; names the file.
    """
    if bundle is None:
        return settings
    try:
        files = unpack(store.read(_key(settings.target, bundle)), bundle.digest)
    except NotThere:
        _refuse_other(settings, bundle)
        return settings
    folder = closing.enter_context(temporary_folder("files"))
    for name in (MIGRATIONS, ROLLBACKS):
        (folder / name).mkdir()
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return settings.model_copy(update={"migrations": folder / MIGRATIONS, "rollbacks": folder / ROLLBACKS})


def _key(target: str, bundle: Bundle) -> str:
    return f"{target}/artifacts/{bundle.digest}.json"


def _sql(folder: Path) -> set[str]:
    if not folder.is_dir():
        return set()
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.sql") if not path.is_dir()}


def _refuse_other(settings: Settings, bundle: Bundle) -> None:
    here = read_files(settings)
    digest = describe(here, "").digest
    if digest == bundle.digest:
        return
    found = differences(bundle.files, here) if bundle.files else ()
    what = found[0] if found else f"its digest is {digest[:12]}, and CI saw {bundle.digest[:12]}"
    more = f" (and {len(found) - 1} more files)" if len(found) > 1 else ""
    raise Refused(
        f"the folder of this worker is not the one that CI saw: {what}{more}",
        hint="deploy this commit to the worker, or give the trigger GATE_STORE_URL so that the files travel",
    )
