"""The four proxies: how each is started, with which configuration, and on which ports it listens."""
import dataclasses
import pathlib
import shutil
import subprocess

from build import LAKOU, LOAD, build
from processes import Failure, Process

HERE = pathlib.Path(__file__).resolve().parent
STREAM_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")     # as in nginx-tcp.conf


@dataclasses.dataclass(frozen=True, eq=False)     # each is itself only, and can be a key
class Proxy:
    name: str
    program: str        # looked up in PATH
    command: tuple      # run in the scratch folder, which holds the configurations and certificates; FILE is one of them
    files: dict         # setting → configuration; a setting that is not named has that of "http"
    plain: int          # HTTP/1.1, or the relay of TCP
    tls: int            # HTTP/1.1 over TLS 1.3
    h2c: int            # HTTP/2 by prior knowledge
    environment: dict
    start_within: int   # seconds

    def file(self, setting):
        return self.files.get(setting, self.files["http"])

    def start(self, setting, ports, core, scratch):
        """Returns when all these ports accept connections."""
        command = [self.file(setting) if part == "FILE" else part for part in self.command]
        # Caddy keeps state in the user's folders unless told otherwise.
        own = {"XDG_CONFIG_HOME": str(scratch), "XDG_DATA_HOME": str(scratch), **self.environment}
        # An access log goes to standard output and is thrown away by the kernel; what is said to standard error is kept.
        process = Process(self.name, command, core, scratch, own, keep_output=False)
        try:
            for port in ports:
                process.wait_for(port, self.start_within)
        except BaseException:
            process.end()
            raise
        return process


ALL = (
    Proxy("nginx", "nginx", ("nginx", "-p", ".", "-c", "FILE", "-e", "stderr"),
          {"http": "nginx.conf", "tcp": "nginx-tcp.conf"}, 19110, 19111, 19112, {}, 10),
    Proxy("haproxy", "haproxy", ("haproxy", "-db", "-f", "FILE"),
          {"http": "haproxy.cfg", "tcp": "haproxy-tcp.cfg"}, 19120, 19121, 19122, {}, 10),
    Proxy("caddy", "caddy", ("caddy", "run", "--config", "FILE", "--adapter", "caddyfile"),
          {"http": "Caddyfile", "tcp": None}, 19130, 19131, 19132, {"GOMAXPROCS": "1"}, 20),
    Proxy("lakou", "dotnet", ("dotnet", str(LAKOU), "run", "FILE"),
          {"http": "lakou.yaml", "policies": "lakou-policies.yaml", "tcp": "lakou-tcp.yaml"},
          19140, 19141, 19140, {"DOTNET_PROCESSOR_COUNT": "1"}, 30),
)

LAKOU_ADMIN_PORT = 19149
UPSTREAM = ("nginx", "-p", ".", "-c", "upstream.conf", "-e", "stderr")
UPSTREAM_PORT = 19100
ECHO_PORT = 19101
ECHO = ("dotnet", str(LOAD), "echo", f"127.0.0.1:{ECHO_PORT}")


def missing(proxy):
    """Why the proxy cannot take part, or None."""
    if not shutil.which(proxy.program):
        return f"{proxy.program} is not installed"
    return build(LAKOU) if proxy.name == "lakou" else None


def unfit(proxy, setting):
    """Why the proxy cannot take part in this setting, or None."""
    if not proxy.file(setting):
        return f"it does not do {setting}"
    if proxy.file(setting) == "nginx-tcp.conf" and not STREAM_MODULE.exists():
        return "libnginx-mod-stream is not installed"
    return None


def prepare(scratch, idle_connections):
    """Fills the scratch folder: configurations, a key pair, the 1 MiB body."""
    for name in {"upstream.conf"} | {name for proxy in ALL for name in proxy.files.values() if name}:
        shutil.copy(HERE / name, scratch)
    # nginx closes idle connections when less than a sixteenth of its places is free.
    conf = scratch / "nginx.conf"
    conf.write_text(conf.read_text().replace("worker_connections 4096;", f"worker_connections {max(4096, idle_connections * 9 // 8)};"))
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
