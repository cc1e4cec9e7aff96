"""The work: what is asked of a proxy, and the load generators that ask it."""
import dataclasses
import json
import os
import pathlib
import re
import ssl
import subprocess
import urllib.request

from processes import Failure

HERE = pathlib.Path(__file__).resolve().parent
STREAMS = 32


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    port: str           # which of the proxy's ports
    path: str
    tool: str           # wrk | h2load
    script: str = "report.lua"
    body: int = 0       # bytes a request moves; above zero, bytes per CPU-second are shown too
    judge: str = "cpu"  # what the ratios compare: "cpu" (µs a request) or "bytes" (MiB a CPU-second)


ALL = (
    Work("small", "HTTP/1.1 keep-alive, GET, 122 bytes of JSON", "plain", "/small", "wrk"),
    Work("large", "HTTP/1.1 keep-alive, GET, 1 MiB", "plain", "/large", "wrk", body=1 << 20, judge="bytes"),
    Work("upload", "HTTP/1.1 keep-alive, POST of 64 KiB", "plain", "/upload", "wrk", script="upload.lua", body=64 << 10),
    Work("tls", "HTTP/1.1 keep-alive over TLS 1.3, GET, 122 bytes", "tls", "/small", "wrk"),
    Work("h2", f"HTTP/2 in (cleartext, {STREAMS} streams a connection), GET, 122 bytes", "h2c", "/small", "h2load"),
)


@dataclasses.dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    errors: dict        # kind → count, only what is not zero
    p50: float | None   # microseconds; None where the tool does not say
    p99: float | None


def url(work, proxy):
    return f"{'https' if work.port == 'tls' else 'http'}://127.0.0.1:{getattr(proxy, work.port)}{work.path}"


def verify(work, proxy):
    """One request, looked at closely: wrk counts a redirect or a wrong body as a success."""
    if work.tool != "wrk":
        return      # HTTP/2 is not spoken here; h2load counts what is not 2xx
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    data = b"x" * work.body if work.path == "/upload" else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    expected = {"/small": 122, "/large": 1 << 20, "/upload": len("taken")}[work.path]
    try:
        with opener.open(urllib.request.Request(url(work, proxy), data=data), timeout=10) as answer:
            size, status = len(answer.read()), answer.status
    except OSError as error:
        raise Failure(f"{proxy.name} {url(work, proxy)}: {error}") from error
    if (status, size) != (200, expected):
        raise Failure(f"{proxy.name} {url(work, proxy)}: answered {status} with {size} bytes, not 200 with {expected}")


def run(work, proxy, core, connections, seconds):
    return (_wrk if work.tool == "wrk" else _h2load)(work, proxy, core, connections, seconds)


def _wrk(work, proxy, core, connections, seconds):
    out = _run(core, seconds, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s",
               "-s", str(HERE / work.script), url(work, proxy))
    found = re.search(r"^SUMMARY (.*)$", out, re.M)
    if not found:
        raise Failure(f"wrk against {proxy.name} gave no summary: {out.strip()[-200:]}")
    s = json.loads(found[1])
    errors = {kind: s[kind] for kind in ("connect", "read", "write", "status", "timeout") if s[kind]}
    return Result(s["requests"], s["seconds"], errors, s["p50"], s["p99"])


def _h2load(work, proxy, core, connections, seconds):
    # As many requests in flight as the other rows have, spread over connections of 32 streams each.
    clients = max(1, connections // STREAMS)
    out = _run(core, seconds, "h2load", "-t1", f"-c{clients}", f"-m{STREAMS}", "-D", str(seconds), url(work, proxy))
    done = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
    codes = re.search(r"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if not done or not codes:
        raise Failure(f"h2load against {proxy.name} gave no summary: {out.strip()[-200:]}")
    # What is in flight when the time is up is neither done nor an error.
    errors = {"failed": int(done[4]), "timeout": int(done[6]), "status": sum(int(n) for n in codes.groups())}
    return Result(int(done[2]), seconds, {k: n for k, n in errors.items() if n}, None, None)


def _run(core, seconds, *command):
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds + 20, preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            env={**os.environ, "BENCH_FOLDER": str(HERE)})
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{command[0]} did not end 20 s after its time was up") from late
    return done.stdout + done.stderr
