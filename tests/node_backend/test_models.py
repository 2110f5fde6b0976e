"""Where models are found, and that a name opens nothing that was not found."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.config import Settings
from node_backend.errors import IncompleteModelError, UnknownModelError
from node_backend.model_folders import MAX_DEPTH
from node_backend.models import Catalog, Listing, Model, bundled_path, catalog, look_everywhere
from node_backend.ollama_store import store_folders
from tests.node_backend.stores import blob_of, pull, write_manifest

LIBRARY = "registry.ollama.ai/library"


def settings(tmp_path: Path, **given: object) -> Settings:
    """Return settings under which only what is below `tmp_path` is looked at."""
    return Settings(ollama_models=tmp_path / "store", **given)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    (root / "manifests").mkdir(parents=True)
    (root / "blobs").mkdir()
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    return root


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"GGUF")
    return path


def names(listing: Listing) -> list[str]:
    return [model.name for model in listing.models]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        (f"{LIBRARY}/qwen2.5-coder/7b", "qwen2.5-coder:7b"),
        (f"{LIBRARY}/llama3/latest", "llama3"),
        (f"{LIBRARY}/llama3/latest", "registry.ollama.ai/library/LLaMa3:latest"),
        ("registry.ollama.ai/mike/mistral/latest", "mike/mistral"),
        ("hf.co/Some-One/Coder-GGUF/Q4_K_M", "hf.co/Some-One/Coder-GGUF:Q4_K_M"),
        ("localhost:5000/team/m/1", "localhost:5000/team/m:1"),
    ],
)
def test_a_model_of_ollamas_store_is_found_by_any_of_its_names(
    tmp_path: Path, store: Path, written: str, asked: str
) -> None:
    blob = pull(store, written, b"GGUF weights")
    model = catalog(settings(tmp_path)).resolve(asked)
    assert (model.path, model.source, model.size_bytes) == (blob, "ollama", 12)


def test_the_name_in_the_list_is_ollamas_own(tmp_path: Path, store: Path) -> None:
    for written in (f"{LIBRARY}/llama3/latest", "hf.co/a/b/Q8_0", "registry.ollama.ai/me/m/7b"):
        pull(store, written)
    assert names(look_everywhere(settings(tmp_path))) == [
        "cerebrum-tiny",
        "hf.co/a/b:Q8_0",
        "llama3:latest",
        "me/m:7b",
    ]


def check_unusable(tmp_path: Path, asked: str, reason: str) -> None:
    """The model is known, not offered, and asking for it says what is wrong."""
    catalogue = catalog(settings(tmp_path))
    assert [model.name for model in catalogue.models] == ["cerebrum-tiny"]
    with pytest.raises(IncompleteModelError, match=reason):
        catalogue.resolve(asked)


def test_a_blob_that_is_gone_is_named_with_the_next_step(tmp_path: Path, store: Path) -> None:
    pull(store, f"{LIBRARY}/llama3/8b").unlink()
    check_unusable(tmp_path, "llama3:8b", r"is gone: run `ollama pull llama3:8b`")


def test_a_blob_that_is_being_downloaded_is_not_there_yet(tmp_path: Path, store: Path) -> None:
    blob = pull(store, f"{LIBRARY}/llama3/8b")
    blob.rename(f"{blob}-partial")
    check_unusable(tmp_path, "llama3:8b", r"not downloaded yet: run `ollama pull llama3:8b`")


def test_a_blob_that_is_half_there_is_named_with_the_figures(tmp_path: Path, store: Path) -> None:
    pull(store, f"{LIBRARY}/llama3/8b", b"GGUF and more").write_bytes(b"GGUF")
    check_unusable(tmp_path, "llama3:8b", r"has 4 of 13 bytes: run `ollama pull")


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ({"layers": []}, "in a cloud"),
        ({"layers": [{"mediaType": "m", "digest": "sha256:../../x", "size": 1}]}, "digest"),
        ("nonsense", "no list of layers"),
        ({"layers": [], "padding": " " * (1 << 20)}, "longer than"),
    ],
)
def test_a_manifest_that_can_not_be_right_is_a_model_that_can_not_be_run(
    tmp_path: Path, store: Path, manifest: object, reason: str
) -> None:
    write_manifest(store, f"{LIBRARY}/odd/latest", manifest)
    check_unusable(tmp_path, "odd", reason)


def test_a_manifest_without_end_is_not_read_to_its_end(tmp_path: Path, store: Path) -> None:
    path = write_manifest(store, f"{LIBRARY}/endless/latest", {})
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # sparse: as long as it says, and no longer on the disk
    check_unusable(tmp_path, "endless", "longer than")


def test_what_is_no_manifest_by_its_place_is_passed_over(tmp_path: Path, store: Path) -> None:
    for path in (f"{LIBRARY}/too-short", "a/b/c/d/e", f"{LIBRARY}/m/.hidden", f"{LIBRARY}/m/a b"):
        write_manifest(store, path, {})
    assert names(look_everywhere(settings(tmp_path))) == ["cerebrum-tiny"]


def test_blobs_and_manifests_outside_the_store_are_not_found(tmp_path: Path, store: Path) -> None:
    outside = touch(tmp_path / "secret.gguf")
    blob = pull(store, f"{LIBRARY}/leaky/latest")
    blob.unlink()
    blob.symlink_to(outside)
    elsewhere = write_manifest(tmp_path / "other", "m", {"layers": []})
    (store / "manifests" / LIBRARY / "leaky" / "linked").symlink_to(elsewhere)
    catalogue = catalog(settings(tmp_path))
    assert [each.name for each in catalogue.listing.unusable] == ["leaky:latest"]
    with pytest.raises(IncompleteModelError, match="gone"):
        catalogue.resolve("leaky")


def test_without_a_choice_the_usual_places_that_exist_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    place = tmp_path / ".ollama" / "models"
    assert place not in store_folders(None)
    (place / "manifests").mkdir(parents=True)
    assert place in store_folders(None)
    assert store_folders(tmp_path / "mine") == (tmp_path / "mine",)


def test_models_of_a_folder_are_called_by_their_paths_in_it(tmp_path: Path, folder: Path) -> None:
    for path in ("b.gguf", "team/coder v2.gguf", "a.GGUF", "notes.txt", ".hidden/c.gguf"):
        touch(folder / path)
    listing = look_everywhere(settings(tmp_path, model_folders=(folder,)))
    assert names(listing) == ["cerebrum-tiny", "a", "b", "team/coder v2"]
    assert listing.resolve("Team/Coder V2").path == folder / "team" / "coder v2.gguf"


def test_the_parts_of_a_split_model_are_one_model(tmp_path: Path, folder: Path) -> None:
    parts = tuple(touch(folder / f"big-0000{number}-of-00003.gguf") for number in (1, 2, 3))
    model = catalog(settings(tmp_path, model_folders=(folder,))).resolve("big")
    assert (model.path, model.parts, model.size_bytes) == (parts[0], parts[1:], 12)


def test_a_missing_part_is_named(tmp_path: Path, folder: Path) -> None:
    touch(folder / "big-00001-of-00003.gguf")
    touch(folder / "big-00003-of-00003.gguf")
    with pytest.raises(IncompleteModelError, match=r"big-00002-of-00003\.gguf missing: get it"):
        catalog(settings(tmp_path, model_folders=(folder,))).resolve("big")


def test_parts_that_link_into_the_folder_keep_the_names_that_the_engine_reads(
    tmp_path: Path, folder: Path
) -> None:
    for number in (1, 2):
        data = touch(folder / ".cache" / f"{number:064x}")
        (folder / f"big-0000{number}-of-00002.gguf").symlink_to(data)
    model = catalog(settings(tmp_path, model_folders=(folder,))).resolve("big")
    assert model.path == folder / "big-00001-of-00002.gguf"


def test_links_out_of_a_folder_and_round_in_it_lead_nowhere(tmp_path: Path, folder: Path) -> None:
    outside = touch(tmp_path / "outside" / "secret.gguf")
    (folder / "file.gguf").symlink_to(outside)
    (folder / "relative.gguf").symlink_to(Path("..") / "outside" / "secret.gguf")
    (folder / "whole").symlink_to(outside.parent)
    (folder / "loop").symlink_to(folder)
    (folder / "itself.gguf").symlink_to("itself.gguf")
    (folder / "nowhere.gguf").symlink_to("gone.gguf")
    os.mkfifo(folder / "pipe.gguf")
    touch(folder / "deep" / Path(*["x"] * MAX_DEPTH) / "m.gguf")
    (folder / "inside.gguf").symlink_to(touch(folder / "real.gguf"))
    found = look_everywhere(settings(tmp_path, model_folders=(folder,)))
    assert names(found) == ["cerebrum-tiny", "inside", "real"]
    assert found.resolve("inside").path == folder / "real.gguf"


def test_names_that_can_not_be_shown_are_counted_but_not_listed(
    tmp_path: Path, folder: Path
) -> None:
    for name in (b"\xff.gguf", "a\u202e.gguf".encode(), b"a\x1b[2J.gguf", b"good.gguf"):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(b"GGUF")
    listing = look_everywhere(settings(tmp_path, model_folders=(folder,)))
    assert names(listing) == ["cerebrum-tiny", "good"]
    assert any("3 more" in note for note in listing.notes)


def test_places_that_can_not_be_read_are_said(tmp_path: Path, store: Path) -> None:
    (store / "blobs").rmdir()
    listing = look_everywhere(settings(tmp_path, model_folders=(tmp_path / "nowhere",)))
    assert names(listing) == ["cerebrum-tiny"]
    assert [note.split(" can't be read")[0] for note in listing.notes] == [
        str(tmp_path / "nowhere"),
        str(store),
    ]


def test_of_two_models_with_one_name_the_first_counts_and_the_other_is_named(
    tmp_path: Path, store: Path, folder: Path
) -> None:
    file = touch(folder / "mike" / "m.gguf")
    blob = pull(store, "registry.ollama.ai/mike/m/latest")
    listing = look_everywhere(settings(tmp_path, model_folders=(folder,)))
    assert names(listing) == ["cerebrum-tiny", "mike/m"]
    assert listing.resolve("mike/m:latest").path == file
    assert any(str(blob) in note for note in listing.notes)


def test_a_file_that_is_found_in_two_ways_is_nothing_to_speak_of(
    tmp_path: Path, folder: Path
) -> None:
    given = settings(tmp_path, model_folders=(folder,), model=touch(folder / "m.gguf"))
    listing = catalog(given).listing
    assert names(listing) == ["m", "cerebrum-tiny"]
    assert not [note for note in listing.notes if "another model" in note]


@pytest.mark.parametrize(
    ("chosen", "name", "source"),
    [
        (None, "cerebrum-tiny", "bundled"),
        ("bundled", "cerebrum-tiny", "bundled"),
        ("cerebrum-tiny", "cerebrum-tiny", "bundled"),
        ("/anywhere/at/all.gguf", "all", "file"),
        ("llama3", "llama3:latest", "ollama"),
        ("sub/coder", "sub/coder", "folder"),
    ],
)
def test_the_owner_chooses_the_default_by_path_or_name(
    tmp_path: Path, store: Path, folder: Path, chosen: str | None, name: str, source: str
) -> None:
    pull(store, f"{LIBRARY}/llama3/latest")
    touch(folder / "sub" / "coder.gguf")
    model = Path(chosen) if chosen else None
    default = catalog(settings(tmp_path, model_folders=(folder,), model=model)).default
    assert (default.name, default.source) == (name, source)


def test_a_chosen_model_that_is_not_there_is_said_at_the_start(tmp_path: Path, store: Path) -> None:
    pull(store, f"{LIBRARY}/half/latest").unlink()
    with pytest.raises(UnknownModelError, match="neither a file nor a model"):
        catalog(settings(tmp_path, model=Path("nobody")))
    with pytest.raises(IncompleteModelError, match="ollama pull half:latest"):
        catalog(settings(tmp_path, model=Path("half")))
    with pytest.raises(IncompleteModelError, match="m-00001-of-00002"):
        catalog(settings(tmp_path, model=tmp_path / "m-00002-of-00002.gguf"))


def test_folders_are_given_as_a_variable_like_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRUM_NODE_MODEL_FOLDERS", "/a:/b b:")
    assert Settings().model_folders == (Path("/a"), Path("/b b"))


async def test_a_model_that_was_added_is_found_at_the_next_look(
    tmp_path: Path, store: Path
) -> None:
    now = 0.0
    given = settings(tmp_path)
    catalogue = Catalog((), lambda: look_everywhere(given), clock=lambda: now)
    with pytest.raises(UnknownModelError):
        await catalogue.find("llama3")
    pull(store, f"{LIBRARY}/llama3/latest")
    with pytest.raises(UnknownModelError):
        await catalogue.find("llama3")  # somebody just looked
    now = 5.0
    assert (await catalogue.find("llama3")).name == "llama3:latest"


class Opened:
    """Counts what this thread asks the system to open or list, while it is switched on."""

    def __init__(self) -> None:
        self.paths: list[object] = []
        self.is_on = False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.is_on and event in ("open", "os.listdir", "os.scandir"):
            self.paths.append(arguments[0])


OPENED = Opened()  # a hook can't be taken away again, so there is one


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Listing]:
    """A place with models in a folder and a store, and secrets beside them."""
    root = tmp_path_factory.mktemp("full")
    touch(root / "secret.gguf")
    touch(root / "models" / "sub" / "m.gguf")
    touch(root / "models" / "big-00001-of-00002.gguf")
    (root / "models" / "out.gguf").symlink_to(root / "secret.gguf")
    pull(root / "store", f"{LIBRARY}/llama3/latest")
    return root, look_everywhere(settings(root, model_folders=(root / "models",)))


PIECES = st.sampled_from(
    ["..", ".", "/", "\\", "~", "\0", "%2e%2e", "%00", "m", "sub", "big", "out", "secret",
     ".gguf", "llama3", ":", "latest", "library", "registry.ollama.ai", "sha256-", "blobs",
     "manifests", "\u2025", "\u202e", "\uff0e", "\u2215", "é", "e\u0301", " ", "\n", "file://",
     "-00001-of-00002", "CON", "a" * 300]
)  # fmt: skip
HOSTILE = [
    "..", "../secret", "../secret.gguf", "sub/../../secret", "models/../secret.gguf", "./sub/m",
    "//etc/passwd", "/etc/passwd", "~/secret", "file:///etc/passwd", "sub\\..\\..\\secret",
    "..%2fsecret", "\uff0e\uff0e/secret", "\u2025/secret", "m\0", "sub/m\0.txt", "out", "out.gguf",
    "sub/m.gguf", "big-00001-of-00002", "sha256-" + "0" * 64, "a" * 100_000, "../" * 50_000, "",
    " ", "\n", "\u202em/bus", "\ud800", "library/../llama3", "llama3:../latest", "llama3/latest",
]  # fmt: skip


def check_opens_nothing(full: tuple[Path, Listing], name: str) -> None:
    """A name means one of the models that were found, or none; the disk is not asked."""
    root, listing = full
    OPENED.paths.clear()
    OPENED.is_on = True
    try:
        found: Model | None = listing.resolve(name)
    except UnknownModelError:
        found = None
    finally:
        OPENED.is_on = False
    assert OPENED.paths == []
    weights = blob_of(root / "store", b"GGUF")
    allowed = {bundled_path(), root / "models" / "sub" / "m.gguf", weights}
    assert found is None or found.path in allowed


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: ascii(name[:24]))
def test_no_golden_name_opens_anything(full: tuple[Path, Listing], name: str) -> None:
    check_opens_nothing(full, name)
    with pytest.raises(UnknownModelError):
        full[1].resolve(name)


def test_a_secret_is_not_named_by_its_own_path(full: tuple[Path, Listing]) -> None:
    root, listing = full
    for name in (str(root / "secret.gguf"), str(root / "models" / "sub" / "m.gguf")):
        check_opens_nothing(full, name)
        with pytest.raises(UnknownModelError):
            listing.resolve(name)


@given(st.lists(PIECES | st.characters(), max_size=12).map("".join))
def test_no_name_opens_anything(full: tuple[Path, Listing], name: str) -> None:
    check_opens_nothing(full, name)


def test_what_is_counted_as_opening_is_counted(tmp_path: Path) -> None:
    OPENED.paths.clear()
    OPENED.is_on = True
    try:
        look_everywhere(settings(tmp_path, model_folders=(tmp_path,)))
    finally:
        OPENED.is_on = False
    assert str(tmp_path) in OPENED.paths
