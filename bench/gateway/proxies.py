"""The four proxies: how each is started, and on which ports it listens."""
import dataclasses
import pathlib
import shutil
import subprocess

from processes import Failure, Process

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LAKOU = ROOT / "artifacts/bin/Lakou/release/lakou.dll"


@dataclasses.dataclass(frozen=True)
class Proxy:
    name: str
    program: str        # looked up in PATH
    command: tuple      # run in the scratch folder, which holds the configurations and certificates
    plain: int          # HTTP/1.1
    tls: int            # HTTP/1.1 over TLS 1.3
    h2c: int            # HTTP/2 by prior knowledge
    environment: dict
    start_within: int   # seconds

    def start(self, core, scratch):
        # Caddy keeps state in the user's folders unless told otherwise.
        own = {"XDG_CONFIG_HOME": str(scratch), "XDG_DATA_HOME": str(scratch), **self.environment}
        process = Process(self.name, self.command, core, scratch, own)
        try:
            for port in (self.plain, self.tls, self.h2c):
                process.wait_for(port, self.start_within)
        except BaseException:
            process.end()
            raise
        return process


ALL = (
    Proxy("nginx", "nginx", ("nginx", "-p", ".", "-c", "nginx.conf", "-e", "stderr"), 19110, 19111, 19112, {}, 10),
    Proxy("haproxy", "haproxy", ("haproxy", "-db", "-f", "haproxy.cfg"), 19120, 19121, 19122, {}, 10),
    Proxy("caddy", "caddy", ("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"),
          19130, 19131, 19132, {"GOMAXPROCS": "1"}, 20),
    Proxy("lakou", "dotnet", ("dotnet", str(LAKOU), "run", "lakou.yaml"),
          19140, 19141, 19140, {"DOTNET_PROCESSOR_COUNT": "1"}, 30),
)

UPSTREAM = ("nginx", "-p", ".", "-c", "upstream.conf", "-e", "stderr")
UPSTREAM_PORT = 19100


def missing(proxy):
    """Why the proxy cannot take part, or None."""
    if not shutil.which(proxy.program):
        return f"{proxy.program} is not installed"
    return _build_lakou() if proxy.name == "lakou" else None


def _build_lakou():
    """Builds when there is no binary or a source is newer than it."""
    sources = [f for f in (ROOT / "src").rglob("*") if f.suffix in (".cs", ".csproj") and not {"bin", "obj"} & set(f.parts)]
    if LAKOU.exists() and all(f.stat().st_mtime <= LAKOU.stat().st_mtime for f in sources):
        return None
    print("building src/Lakou …", flush=True)
    try:
        done = subprocess.run(("dotnet", "build", "-c", "Release", "src/Lakou"), cwd=ROOT, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "its build did not end within 600 s"
    if done.returncode:
        return "it does not build: " + " | ".join([line for line in done.stdout.splitlines() if "error" in line][:3])
    return None if LAKOU.exists() else f"the build left no {LAKOU.relative_to(ROOT)}"


def prepare(scratch):
    """Fills the scratch folder: configurations, a key pair, the 1 MiB body."""
    for name in ("upstream.conf", "nginx.conf", "haproxy.cfg", "Caddyfile", "lakou.yaml"):
        shutil.copy(HERE / name, scratch)
    (scratch / "www").mkdir()
    (scratch / "www/large").write_bytes(bytes(range(256)) * 4096)
    (scratch / "www/upload").write_bytes(b"")
    made = subprocess.run(
        ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"),
        cwd=scratch, capture_output=True, text=True)
    if made.returncode:
        raise Failure(f"openssl made no certificate: {made.stderr.strip()}")
    # HAProxy wants key and certificate in one file.
    (scratch / "both.pem").write_text((scratch / "cert.pem").read_text() + (scratch / "key.pem").read_text())
    # nginx as root works as another user, which must reach its own temporary folders and www.
    for entry in (scratch, *scratch.rglob("*")):
        entry.chmod(0o755 if entry.is_dir() else 0o644)
