"""Runs and installs programs for scripts: a failure names the command and shows its output."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Seconds after which a program counts as hanging. The longest, Dawn on SwiftShader, takes 80 s on one core.
LIMIT = 1200
# Mesa without its error where there is no desktop session, and without the shaders of earlier runs
MESA = {"NODEVICE_SELECT": "1", "MESA_SHADER_CACHE_DISABLE": "true"}


class Failed(Exception):
    """An implementation does not run, or prints something else than is expected."""


def require(holds, message):
    if not holds:
        raise Failed(message)


def run(*command, status=(0,), cwd=ROOT, **environment):
    """What a command prints, stderr included. Another exit status is a failure that shows the end of it."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, env={**os.environ, **MESA, **environment}, timeout=LIMIT, text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"`{' '.join(words)}`: {error}") from error
    end = "\n".join(done.stdout.splitlines()[-20:])
    require(done.returncode in status, f"`{' '.join(words)}` ends with status {done.returncode}:\n{end}")
    return done.stdout


def install(*packages):
    """Installs packages, or reads apt's lists anew where there are none. It may ask on the terminal; see install.sh."""
    script = pathlib.Path(sys.argv[0]).name
    done = subprocess.run(["bash", ROOT / "scripts/install.sh", script, *packages], check=False)
    require(done.returncode == 0, f"{' '.join(packages) or 'lists of packages'}: not installed")


def installed(paths, *packages):
    if not all(pathlib.Path(path).exists() for path in paths):
        install(*packages)
    missing = [path for path in paths if not pathlib.Path(path).exists()]
    require(not missing, f"{', '.join(packages)} are installed, but there is no {', '.join(missing)}")
