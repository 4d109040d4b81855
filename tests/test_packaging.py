"""Locks, image and compose file: what can be held true of them without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from scripts.house_check import HOSTS

ROOT = Path(__file__).resolve().parent.parent
ROLES = ("bot", "scheduler", "admin")


# --- locks -----------------------------------------------------------------------------------


def locked(name: str) -> dict[str, list[tuple[Requirement, str]]]:
    """Package name to its entries: the requirement and its text, hashes included.

    There may be several, each for other machines.
    """
    packages: dict[str, list[tuple[Requirement, str]]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for entry in filter(str.strip, text.splitlines()):
        requirement = Requirement(entry.partition("--hash")[0].strip())
        packages.setdefault(canonicalize_name(requirement.name), []).append((requirement, entry))
    return packages


def declared(extra: str | None = None) -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    words = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return [Requirement(word) for word in words]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_lock_has_hashes_and_names_no_address(name: str) -> None:
    packages = locked(name)
    assert len(packages) > 30
    for requirement, entry in chain.from_iterable(packages.values()):
        versions = list(requirement.specifier)
        assert [version.operator for version in versions] == ["=="], entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--?[a-z]*(index|find-links)", text, re.MULTILINE)
    assert not any(host in text for host in HOSTS)


def test_locks_hold_what_is_declared_and_agree() -> None:
    runtime, development = locked("requirements.txt"), locked("requirements-dev.txt")
    for wanted, lock in ((declared(), runtime), (declared("dev"), development)):
        for requirement in wanted:
            name = canonicalize_name(requirement.name)
            assert name in lock, f"{name} is not locked: run `make lock`"
            for entry, _ in lock[name]:
                version = Version(next(iter(entry.specifier)).version)
                assert requirement.specifier.contains(version, prereleases=True)
    for name, entries in runtime.items():
        assert [str(entry) for entry, _ in development[name]] == [str(e) for e, _ in entries]


def test_no_lock_of_a_kind_that_records_addresses() -> None:
    assert not [
        name for name in ("uv.lock", "pylock.toml", "poetry.lock") if (ROOT / name).exists()
    ]


# --- the image -------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, continued lines joined."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", text)
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(name, words.strip()) for name, _, words in found]


def last(name: str) -> str:
    return [words for found, words in instructions() if found == name][-1]


def test_dockerfile_has_only_known_instructions_and_stages() -> None:
    known = "FROM WORKDIR COPY RUN ENV USER VOLUME EXPOSE HEALTHCHECK STOPSIGNAL ENTRYPOINT CMD"
    assert {name for name, _ in instructions()} <= set(known.split())
    stages = [words for name, words in instructions() if name == "FROM"]
    assert stages == ["python:3.12-slim AS build", "python:3.12-slim"]
    for name, words in instructions():
        if name == "RUN":
            assert shlex.split(words)


def test_image_runs_as_nobody_special_and_can_be_asked_for_its_health() -> None:
    assert last("USER") == "regulars"
    assert json.loads(last("ENTRYPOINT")) == ["regulars"]
    assert json.loads(last("CMD")) == ["run"]
    assert last("VOLUME") == "/app/data"
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]
    compile(check[2], "HEALTHCHECK", "exec")
    assert "/health" in check[2]


def test_image_copies_what_exists_and_leaves_out_what_is_private() -> None:
    for name, words in instructions():
        if name == "COPY" and not words.startswith("--from"):
            for source in words.split()[:-1]:
                assert (ROOT / source).exists(), source
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", ".venv", "data"} <= set(ignored)
    needed = {"requirements.txt", "scripts", "loyalty", "bot", "admin", "scheduler", "migrations"}
    assert not needed & set(ignored)


# --- compose ---------------------------------------------------------------------------------


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_compose_has_every_role_behind_the_migration() -> None:
    services = compose()["services"]
    assert set(services) == {"postgres", "redis", "migrate", *ROLES}
    for role in ROLES:
        service = services[role]
        assert service["command"] == [role]
        assert service["build"] == "."
        assert service["env_file"] == ".env"
        assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert service["depends_on"]["redis"]["condition"] == "service_healthy"
    assert services["migrate"]["command"] == ["migrate"]
    assert services["migrate"]["restart"] == "no"
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for server in ("postgres", "redis"):
        assert services[server]["healthcheck"]["test"]


def test_compose_has_no_default_secret() -> None:
    text = (ROOT / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "BOT_TOKEN"):
        uses = re.findall(r"\$\{" + name + r"([^}]*)\}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), f"{name} must be required"
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text().splitlines()
        if line and not line.startswith("#")
    )
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    assert asked <= set(example)
    assert not any(example[name] for name in asked)


def test_volumes_and_dependencies_are_defined() -> None:
    whole = compose()
    for service in whole["services"].values():
        assert set(service.get("depends_on", {})) <= set(whole["services"])
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in whole["volumes"]


def test_the_compose_file_is_sound(tmp_path: Path) -> None:
    services = compose()["services"]
    assert {"postgres", "redis", "bot", "scheduler", "admin"} <= set(services)
    assert all("image" in service or "build" in service for service in services.values())
    # Compose itself is asked too where a machine has it; no engine is needed for that.
    candidates = (["docker", "compose"], ["docker-compose"])
    command = next((words for words in candidates if _runs(*words, "version")), None)
    if command is None:
        return
    for name in ("compose.yaml", ".env.example"):
        shutil.copy(ROOT / name, tmp_path / name.replace(".example", ""))
    secrets = dict.fromkeys(("POSTGRES_PASSWORD", "SECRET_KEY", "BOT_TOKEN"), "x")
    done = subprocess.run(
        [*command, "config", "--quiet"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, **secrets},
    )
    assert done.returncode == 0, done.stderr


def _runs(*command: str) -> bool:
    found = shutil.which(command[0])
    return bool(found) and subprocess.run(command, check=False, capture_output=True).returncode == 0
