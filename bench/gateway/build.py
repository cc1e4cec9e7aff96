"""The binaries of this repository that take part: Lakou, and the load generators bench/Lakou.Load and bench/Lakou.Peers."""
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAKOU = ROOT / "artifacts/bin/Lakou/release/lakou.dll"
LOAD = ROOT / "artifacts/bin/Lakou.Load/release/Lakou.Load.dll"
PEERS = ROOT / "artifacts/bin/Lakou.Peers/release/Lakou.Peers.dll"
_PROJECTS = {LAKOU: "src/Lakou", LOAD: "bench/Lakou.Load", PEERS: "bench/Lakou.Peers"}
_SOURCES = {LAKOU: ("src",), LOAD: ("bench/Lakou.Load",), PEERS: ("bench/Lakou.Peers", "bench/Lakou.Load")}


def build(binary):
    """Builds when there is no binary or a source is newer than it. Returns why it is not to be had, or None."""
    sources = [f for folder in _SOURCES[binary] for f in (ROOT / folder).rglob("*") if f.suffix in (".cs", ".csproj") and not {"bin", "obj"} & set(f.parts)]
    if binary.exists() and all(f.stat().st_mtime <= binary.stat().st_mtime for f in sources):
        return None
    print(f"building {_PROJECTS[binary]} …", flush=True)
    try:
        done = subprocess.run(("dotnet", "build", "-c", "Release", _PROJECTS[binary]), cwd=ROOT, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "its build did not end within 600 s"
    if done.returncode:
        return "it does not build: " + " | ".join([line for line in done.stdout.splitlines() if "error" in line][:3])
    return None if binary.exists() else f"the build left no {binary.relative_to(ROOT)}"
