"""What decides whether an image is built, with which client, and what is said when it cannot be."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
from pathlib import Path

import pytest
from rich.console import Console

from cli.images import RECIPES, SHIPPED, Docker, ImageError, build, inputs, load, missing, tag
from cli.images.base import debian_archives, pull_base
from cli.images.docker import Running
from cli.images.recipes import BY_NAME

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything images are made of."""
    ignored = shutil.ignore_patterns("node_modules", "dist")
    shutil.copytree(ROOT / "images", tmp_path / "images", ignore=ignored)
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=ignored)
    shutil.copytree(ROOT / "monitor", tmp_path / "monitor", ignore=ignored)
    return tmp_path


def digests(tree: Path) -> dict[str, str]:
    return {name: its.digest for name, its in inputs(tree).items()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


def test_the_same_tree_has_the_same_hashes_whoever_checked_it_out_and_when(tree: Path) -> None:
    before = digests(tree)
    for path in tree.rglob("*"):
        os.utime(path, (1, 1))
    (tree / "images/edge/bootstrap.conf").chmod(0o600)
    assert digests(tree) == before


def test_a_change_reaches_the_images_made_of_it_and_those_that_stand_on_them(tree: Path) -> None:
    before = digests(tree)
    (tree / "images/postgres/entrypoint").write_text("#!/bin/sh\n")
    assert changed(before, digests(tree)) == {"postgres", "migrations", "backups"}


def test_a_new_migration_changes_the_image_of_the_migrations(tree: Path) -> None:
    before = digests(tree)
    (tree / "app/schema/migrations/9999_new.sql").write_text("SELECT 1;\n")
    assert "migrations" in changed(before, digests(tree))
    assert not {"postgres", "edge", "zero-cache"} & changed(before, digests(tree))


def test_what_tools_leave_behind_and_what_people_read_changes_nothing(tree: Path) -> None:
    before = digests(tree)
    for path in (
        "app/web/dist/index.html",
        "app/web/node_modules/x/index.js",
        "app/README.md",
        "app/web/a.tsbuildinfo",
    ):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("generated\n")
    assert digests(tree) == before


def test_a_script_that_loses_its_executable_bit_is_another_image(tree: Path) -> None:
    before = digests(tree)
    (tree / "images/edge/watch").chmod(0o644)
    assert changed(before, digests(tree)) == {"edge"}


def test_a_build_sees_exactly_what_is_hashed(tree: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(inputs(tree)["edge"].archive)) as archive:
        names = archive.getnames()
    assert "images/edge/Dockerfile" in names
    assert "images/shared/publishing" in names
    assert not [name for name in names if not name.startswith(("images/edge/", "images/shared/"))]


def test_a_missing_source_is_named(tree: Path) -> None:
    (tree / "images/shared/publishing").unlink()
    with pytest.raises(ImageError, match="images/shared/publishing is missing"):
        inputs(tree)


def test_every_dockerfile_gets_the_arguments_it_declares_and_copies_only_what_it_sees() -> None:
    made = inputs(ROOT)
    for recipe in RECIPES[1:]:
        text = (ROOT / "images" / recipe.name / "Dockerfile").read_text()
        declared = {line.split()[1] for line in text.splitlines() if line.startswith("ARG ")}
        assert declared == set(recipe.parents), f"{recipe.name}: ARG lines and Recipe.parents differ"
        with tarfile.open(fileobj=io.BytesIO(made[recipe.name].archive)) as archive:
            seen = archive.getnames()
        copies = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
        for source in (source for sources in copies for source in sources):
            assert any(name.startswith(source) for name in seen), f"{recipe.name}: COPY {source} is not in its context"


def test_what_runs_in_a_stack_never_stands_on_what_builds() -> None:
    builders = {"base", "toolchain", "app", "go-programs", "monitor"}
    for name in SHIPPED:
        link: str | None = name
        while link is not None:
            assert link not in builders, f"{name} would carry compilers and package managers"
            link = BY_NAME[link].stands_on


# --- the docker command ---


def fake_docker(folder: Path, script: str) -> Path:
    """A docker client that does what `script` says."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


OLD = 'case "$1" in version) echo 20.10.24 amd64 ;; *) exit 1 ;; esac'
BARE = 'case "$1" in version) echo 28.2.2 amd64 ;; *) exit 1 ;; esac'
WITH_BUILDX = 'case "$1" in version) echo 28.2.2 amd64 ;; buildx) echo v0.29 ;; esac'


def test_a_client_without_buildkit_is_passed_over_for_one_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_docker(tmp_path / "a", BARE)
    old = fake_docker(tmp_path / "b", OLD)
    fake_docker(tmp_path / "c", WITH_BUILDX)
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b:{tmp_path}/c:/usr/bin:/bin")
    assert Docker.find().path == str(old)


def test_a_newer_client_does_with_its_buildx_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = fake_docker(tmp_path / "a", WITH_BUILDX)
    monkeypatch.setenv("PATH", f"{tmp_path}/a:/usr/bin:/bin")
    assert Docker.find().path == str(newer)


def test_when_no_client_can_build_each_is_named_with_its_reason_and_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = fake_docker(tmp_path / "a", BARE)
    lonely = fake_docker(tmp_path / "b", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}/a:{tmp_path}/b")
    with pytest.raises(ImageError) as caught:
        Docker.find()
    assert f"{bare}: version 28.2.2 has no BuildKit" in str(caught.value)
    assert f"{lonely}: Cannot connect to the Docker daemon" in str(caught.value)
    assert "apt-get install docker-buildx" in str(caught.value)


def test_an_engine_of_another_architecture_is_named_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_docker(tmp_path, "echo 28.2.2 arm64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ImageError, match="machine is arm64; the images are made for amd64 only"):
        Docker.find()


def test_without_any_client_doctor_is_recommended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match=r"no docker client on PATH; run \./grocery doctor"):
        Docker.find()


def engine_with(tmp_path: Path, present: dict[str, str]) -> Docker:
    """A client of an engine that holds images `present` (tag -> ID), each of 1000 bytes."""
    answers = [
        {"Id": identity, "Created": "2026-01-01T00:00:00Z", "Size": 1000, "RepoTags": [name]}
        for name, identity in present.items()
    ]
    (tmp_path / "answers.json").write_text(json.dumps(answers))
    script = (
        f'case "$1 $2" in "image inspect") cat {tmp_path}/answers.json; echo "Error: No such image: x" >&2; exit 1 ;; '
        'build*) echo "#7 [build 2/3] RUN make"; echo "#7 1.234 make: no rule for bread"; exit 3 ;; esac'
    )
    return Docker(path=str(fake_docker(tmp_path / "bin", script)), environment=dict(os.environ))


def test_only_what_the_engine_lacks_is_built_with_what_it_stands_on(tree: Path, tmp_path: Path) -> None:
    made = inputs(tree)
    everything = {tag(name, its.digest): f"sha256:{name}" for name, its in made.items()}
    assert missing(engine_with(tmp_path, everything), made) == []
    without = {
        name: identity for name, identity in everything.items() if identity not in {"sha256:acme", "sha256:base"}
    }
    assert missing(engine_with(tmp_path, without), made) == ["base", "acme"]
    # An intermediate image that nobody needs any more is not made again.
    without = {name: identity for name, identity in everything.items() if identity != "sha256:toolchain"}
    assert missing(engine_with(tmp_path, without), made) == []
    assert missing(engine_with(tmp_path, everything), made, fresh=True) == [recipe.name for recipe in RECIPES]


def test_images_are_referred_to_by_id_and_shared_layers_counted_once(tree: Path, tmp_path: Path) -> None:
    made = inputs(tree)
    there = {tag(name, its.digest): f"sha256:{name}" for name, its in made.items()}
    report = build(tree, console=Console(file=io.StringIO()), docker=engine_with(tmp_path, there))
    assert report.images["edge"].ref == "sha256:edge"
    assert report.total_bytes == 1000, "all are as large as the layer they share"
    assert load(tree) == dict(report.images), "the file says what the report says"
    assert json.loads((tree / ".local/images.json").read_text())["images"]["edge"]["inputs"] == made["edge"].digest
    assert report.steps == {}


def test_a_failing_build_names_the_image_shows_its_last_lines_and_writes_nothing(tree: Path, tmp_path: Path) -> None:
    made = inputs(tree)
    there = {tag(name, its.digest): f"sha256:{name}" for name, its in made.items() if name != "edge"}
    with pytest.raises(ImageError) as caught:
        build(tree, console=Console(file=io.StringIO()), docker=engine_with(tmp_path, there))
    assert "image edge could not be built (exit code 3)" in str(caught.value)
    assert "make: no rule for bread" in str(caught.value)
    assert not (tree / ".local/images.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"images": {"edge": {"ref": 1}}}', '{"images": []}'])
def test_a_damaged_record_of_images_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local/images.json").write_text(content)
    assert load(tmp_path) == {}


# --- the base ---


@pytest.mark.parametrize(
    ("sources", "archives"),
    [
        (
            "deb [signed-by=/k] http://a.example/debian bookworm main\ndeb http://b.example/debian-security x main",
            ("http://a.example/debian", "http://b.example/debian-security"),
        ),
        (
            "Types: deb\nURIs: https://a.example/debian/\nSuites: trixie\n",
            ("https://a.example/debian", "https://a.example/debian-security"),
        ),
        ("# deb http://a.example/debian trixie main\ndeb http://b.example/ubuntu noble main", None),
        ("deb http://a.example/debian-ports sid main", None),
    ],
)
def test_the_debian_archive_is_read_from_apts_own_sources(sources: str, archives: tuple[str, str] | None) -> None:
    assert debian_archives(sources) == archives


def pull(tmp_path: Path, script: str) -> str | None:
    docker = Docker(path=str(fake_docker(tmp_path, script)), environment=dict(os.environ))
    return pull_base(docker, "grocery/base:x", Running(), lambda _: None)


def test_a_registry_that_answers_gives_the_base(tmp_path: Path) -> None:
    assert pull(tmp_path, f'echo "$@" >> {tmp_path}/asked; echo "trixie-slim: Pulling from library/debian"') is None
    assert (tmp_path / "asked").read_text().splitlines() == [
        "pull debian:trixie-slim",
        "tag debian:trixie-slim grocery/base:x",
    ]


def test_a_registry_that_refuses_is_reported_in_its_words(tmp_path: Path) -> None:
    assert pull(tmp_path, 'echo "Error: no such host" >&2; exit 1') == "Error: no such host"


def test_a_silent_registry_is_given_up_after_seconds_not_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.images.base.REGISTRY_PATIENCE", 0.3)
    begun = time.monotonic()
    why = pull(tmp_path, "exec sleep 60")
    assert why is not None
    assert "no registry answered" in why
    assert time.monotonic() - begun < 10
