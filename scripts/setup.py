"""Make the virtual environment ready; called by scripts/setup with any Python 3.11 or newer.

Standard library only, since it runs before anything is installed. What is installed is exactly
the hashed lock, and a stamp inside the environment says which lock that was, so a second run
costs a file read.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"runtime": ROOT / "requirements.txt", "dev": ROOT / "requirements-dev.txt"}
# Raised when this file installs differently, so that older environments are brought up to date.
LAYOUT = 1
# Shell and Python at once, so that the interpreter's path may be long or hold spaces.
COMMAND = """#!/bin/sh
'''exec' "{python}" "$0" "$@"
' '''
# The command of this checkout, written by scripts/setup.py.
import sys

from regulars import main

sys.exit(main())
"""


class SetupError(Exception):
    """Set-up cannot go on; the text says what a person can do about it."""


def say(text: str) -> None:
    """Tell the person what is going on, on standard error: standard output is the program's."""
    print(text, file=sys.stderr, flush=True)


def quietly(*command: str | Path, cwd: Path | None = None) -> bool:
    """Run a command whose failure is an answer; True if it succeeded."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, cwd=cwd)
    except OSError:
        return False  # there is no such program
    return done.returncode == 0


def python_of(venv: Path) -> Path:
    """The interpreter of an environment."""
    return venv / "bin" / "python"


# --- the stamp -------------------------------------------------------------------------------


def wanted(kind: str) -> dict[str, object]:
    """What the stamp must say for an environment of this kind ("runtime" or "dev")."""
    lock = hashlib.sha256(LOCKS[kind].read_bytes()).hexdigest()
    return {"layout": LAYOUT, "root": str(ROOT), kind: lock}


def stamped(venv: Path) -> dict[str, object]:
    """What the stamp says; empty when there is none or it cannot be read."""
    try:
        stamp = json.loads((venv / ".setup-stamp").read_text())
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def is_ready(venv: Path, kind: str) -> bool:
    """Whether the environment already holds this lock, linked to this checkout, and starts."""
    stamp = stamped(venv)
    return (
        all(stamp.get(key) == value for key, value in wanted(kind).items())
        and (venv / "bin" / "regulars").exists()
        and quietly(python_of(venv), "-c", "")
    )


def write_stamp(venv: Path, kind: str) -> None:
    """Record what was installed; the development lock contains the other one."""
    stamp = wanted("runtime") | (wanted("dev") if kind == "dev" else {})
    (venv / ".setup-stamp").write_text(json.dumps(stamp, indent=2) + "\n")


# --- the environment -------------------------------------------------------------------------


def usable(venv: Path) -> bool:
    """Whether what stands there can be installed into, rather than be made anew."""
    # One that was interrupted holds halves; one that was moved, commands of another folder.
    moved = stamped(venv).get("root", str(ROOT)) != str(ROOT)
    if moved or (venv / ".setup-unfinished").exists():
        return False
    check = "import sys, pip; sys.exit(not sys.version_info >= (3, 11))"
    return quietly(python_of(venv), "-c", check)


def make_venv(venv: Path) -> None:
    """A fresh environment with pip, whether or not this system's Python brings ensurepip."""
    if venv.exists() and not (venv / "pyvenv.cfg").exists() and any(venv.iterdir()):
        raise SetupError(f"{venv} is in the way and is no virtual environment. Move it elsewhere.")
    shutil.rmtree(venv, ignore_errors=True)
    if quietly(sys.executable, "-m", "venv", venv):
        return
    shutil.rmtree(venv, ignore_errors=True)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing python3-venv…")
        version = f"python3.{sys.version_info.minor}-venv"
        apt_install("python3-venv", version)
        if quietly(sys.executable, "-m", "venv", venv):
            return
        shutil.rmtree(venv, ignore_errors=True)
    if quietly(sys.executable, "-m", "venv", "--without-pip", venv) and borrow_pip(venv):
        return
    shutil.rmtree(venv, ignore_errors=True)
    raise SetupError(
        f"{sys.executable} cannot make virtual environments. Install what it lacks and try again:\n"
        "  Debian, Ubuntu:  sudo apt-get install python3-venv\n"
        "  macOS:           brew install python@3.13"
    )


def apt_install(*packages: str) -> None:
    """Install Debian packages, those that exist; failure shows in what is missing afterwards."""
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    quietly("apt-get", "update")
    for package in packages:
        quietly("apt-get", "install", "--yes", "--no-install-recommends", package)


def borrow_pip(venv: Path) -> bool:
    """Put Debian's pip wheel into the environment, as its ensurepip would, without root."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    say("No python3-venv here: fetching pip alone…")
    with tempfile.TemporaryDirectory(prefix="regulars-pip-") as folder:
        state = Path(folder)
        (state / "lists" / "partial").mkdir(parents=True)
        (state / "archives" / "partial").mkdir(parents=True)
        own = ("-o", f"Dir::State::Lists={state}/lists", "-o", f"Dir::Cache={state}")
        fetched = quietly("apt-get", *own, "update") and quietly(
            "apt-get", *own, "download", "python3-pip-whl", cwd=state
        )
        archives = list(state.glob("python3-pip-whl*.deb"))
        if not fetched or not archives:
            return False
        quietly("dpkg-deb", "--extract", archives[0], state / "files")
        wheels = list(state.glob("files/usr/share/python-wheels/pip-*.whl"))
        return bool(wheels) and quietly(
            python_of(venv), wheels[0] / "pip", "install", "--no-index", wheels[0]
        )


def install(venv: Path, kind: str) -> bool:
    """Install the lock: wheels only, every hash checked, nothing beyond it; True if it went in."""
    unfinished = venv / ".setup-unfinished"
    unfinished.touch()
    (venv / ".setup-stamp").unlink(missing_ok=True)
    pip: list[str | Path] = [python_of(venv), "-m", "pip", "install", "-qq", "--no-input"]
    exact = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"]
    environment = {
        **os.environ,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    command = [*pip, *exact, "--requirement", LOCKS[kind]]
    if subprocess.run(command, check=False, env=environment).returncode != 0:
        return False
    # Compiled here by all cores: pip would do it file by file, and the first start would pay.
    quietly(python_of(venv), "-m", "compileall", "-q", "-j", "0", venv / "lib")
    unfinished.unlink()
    return True


def link_project(venv: Path) -> None:
    """Put this checkout on the environment's path and its command beside the interpreter."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run(
        [python_of(venv), "-c", ask], check=True, capture_output=True, text=True
    )
    (Path(answer.stdout.strip()) / "regulars.pth").write_text(f"{ROOT}\n")
    command = venv / "bin" / "regulars"
    command.write_text(COMMAND.format(python=python_of(venv)))
    command.chmod(0o755)


def set_up(venv: Path, kind: str) -> None:
    """Bring the environment to the state that the lock describes.

    Raises SetupError with what to do when that is impossible.
    """
    say(f"Setting up {venv.name} (once, about a minute)…")
    fresh = not usable(venv)
    if fresh:
        make_venv(venv)
    if not install(venv, kind):
        if not fresh:
            say("That environment is beyond repair: starting over.")
            make_venv(venv)
        if fresh or not install(venv, kind):
            raise SetupError(
                "The packages could not be installed (see above). Check the network and try again."
            )
    link_project(venv)
    write_stamp(venv, kind)


# --- the catalogues --------------------------------------------------------------------------


def compile_catalogues(venv: Path) -> None:
    """Compile the message catalogues that are newer than what was compiled from them."""
    sources = ROOT.glob("loyalty/locales/*/LC_MESSAGES/*.po")
    stale = [po for po in sources if older(po.with_suffix(".mo"), po)]
    if stale and not quietly(python_of(venv), ROOT / "scripts" / "catalogue.py", "compile"):
        raise SetupError("The message catalogues do not compile: run `make catalogue` to see why.")


def older(made: Path, source: Path) -> bool:
    """Whether a file made from another is missing or out of date."""
    return not made.exists() or made.stat().st_mtime < source.stat().st_mtime


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep a second set-up of the same checkout waiting."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> int:
    """Set up as asked; 0 when the environment is ready, 2 with a sentence when it cannot be."""
    parser = argparse.ArgumentParser(description="Make the virtual environment ready.")
    parser.add_argument("kind", nargs="?", choices=["runtime", "dev"], default="runtime")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="default: %(default)s")
    options = parser.parse_args()
    venv = options.venv.absolute()
    try:
        with alone():
            if not is_ready(venv, options.kind):
                # A run-time set-up must not leave the development tools half a lock behind.
                set_up(venv, "dev" if "dev" in stamped(venv) else options.kind)
            compile_catalogues(venv)
    except SetupError as error:
        say(str(error))
        return 2
    except PermissionError as error:
        say(f"No permission to write {error.filename}: clone the project into a folder of yours.")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
