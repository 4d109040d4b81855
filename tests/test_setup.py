"""Set-up says in a sentence what it lacks, and does nothing when nothing is to do."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def setup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("regulars_setup", ROOT / "scripts" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up command with a closed standard input."""
    return subprocess.run(
        [ROOT / "scripts" / "setup", *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **variables},
    )


def test_without_a_python_it_says_what_to_install() -> None:
    done = run(PYTHON="no-such-python")
    assert done.returncode == 2
    assert "Python 3.11" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_it_does_not_overwrite_somebody_elses_folder(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()
    done = run("runtime", "--venv", tmp_path, PYTHON=sys.executable)
    assert done.returncode == 2
    assert "in the way" in done.stderr
    assert (tmp_path / "letters").exists()


def test_stamp_tells_lock_kind_and_place(setup: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "bin" / "regulars").touch()
    assert not setup.is_ready(tmp_path, "runtime")
    setup.write_stamp(tmp_path, "runtime")
    assert setup.is_ready(tmp_path, "runtime")
    assert not setup.is_ready(tmp_path, "dev")
    setup.write_stamp(tmp_path, "dev")
    assert setup.is_ready(tmp_path, "dev")
    assert setup.is_ready(tmp_path, "runtime")

    stamp = tmp_path / ".setup-stamp"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "root": "/elsewhere"}))
    assert not setup.is_ready(tmp_path, "runtime")
    assert not setup.usable(tmp_path)
    stamp.write_text("{half")
    assert not setup.is_ready(tmp_path, "runtime")


def test_an_environment_without_pip_is_made_anew(setup: ModuleType) -> None:
    venv = Path(sys.prefix)
    assert setup.usable(venv)
    assert not setup.usable(venv / "nothing-here")


def test_command_runs_from_a_path_with_spaces(setup: ModuleType, tmp_path: Path) -> None:
    venv = tmp_path / "an environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    setup.link_project(venv)
    program = tmp_path / "regulars.py"
    program.write_text("import sys\n\ndef main() -> int:\n    print(sys.argv[1:])\n    return 3\n")
    done = subprocess.run(
        [venv / "bin" / "regulars", "one", "two words"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 3
    assert done.stdout.strip() == "['one', 'two words']"
