"""Build the sdist and the wheel from it, install that, and check it: ``python tests/check_distribution.py FOLDER``.

Needs the package ``build``. Run by the tox environment of the same name.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_upaint"
DATA = (".safetensors", ".md", ".tif", ".png", ".yaml", ".typed", ".py")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command away from the source tree and return its output; a failure ends the check."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}")
    return result.stdout


def expected_files() -> set[str]:
    """Return the files of the package under version control, or of the sdist."""
    return {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix in DATA and not path.name.startswith(".")
    }


def check_contents(sdist: Path, wheel: Path) -> None:
    """Compare what the archives hold with the source tree."""
    wanted = expected_files()
    for kind in ("weights/", "samples/", "napari.yaml", "py.typed"):
        assert any(f"napari_upaint/{kind}" in name for name in wanted), f"the source tree has no {kind}"
    with zipfile.ZipFile(wheel) as opened:
        in_wheel = set(opened.namelist())
    with tarfile.open(sdist) as opened_sdist:
        in_sdist = {name.partition("/")[2] for name in opened_sdist.getnames()}
    assert not (lost := wanted - in_wheel), f"not in the wheel: {sorted(lost)}"
    assert not (lost := {f"src/{name}" for name in wanted} - in_sdist), f"not in the sdist: {sorted(lost)}"
    assert not (extra := {name for name in in_wheel if not name.startswith("napari_upaint")}), f"strange: {extra}"
    print(f"{wheel.name}: {len(in_wheel)} files, {wheel.stat().st_size / 1e6:.1f} MB")
    print(f"{sdist.name}: {len(in_sdist)} files, {sdist.stat().st_size / 1e6:.1f} MB")


def check_installed(wheel: Path, folder: Path) -> None:
    """Install the wheel without the window's dependencies, as a cluster would, and use the command."""
    venv.create(folder, with_pip=False, clear=True)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    # This environment's pip: the one that comes with older Pythons does not know dependency groups.
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--quiet"]
    run(*pip, "--group", f"{ROOT / 'pyproject.toml'}:headless")
    run(*pip, "--no-deps", wheel)
    print(run(scripts / "upaint", "--help", cwd=folder))
    models = run(scripts / "upaint", "models", cwd=folder)
    print(models)
    for weights in sorted((PACKAGE / "weights").glob("*.safetensors")):
        assert weights.stem in models, f"upaint models does not list {weights.stem}"


def main(folder: Path) -> None:
    """Do all checks in a folder for temporary files."""
    archives = folder / "dist"
    for old in archives.glob("*"):
        old.unlink()
    print(run(sys.executable, "-m", "build", "--outdir", archives, ROOT))
    (sdist,) = archives.glob("*.tar.gz")
    (wheel,) = archives.glob("*.whl")
    check_contents(sdist, wheel)
    check_installed(wheel, folder / "venv")
    print("The distribution is complete and works.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
