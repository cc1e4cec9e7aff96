"""The work: what is asked of a proxy, and the load generators that ask it."""
import dataclasses
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import time
import urllib.request

from build import LOAD
from processes import Failure
from proxies import LAKOU_ADMIN_PORT

HERE = pathlib.Path(__file__).resolve().parent
STREAMS = 32

# openssl s_time has one connection at a time; this many together keep a proxy busy that is quicker than one of them.
HANDSHAKERS = 8

# The program behind each tool; "idle" is idle.py.
PROGRAMS = {"wrk": "wrk", "h2load": "h2load", "s_time": "openssl", "rate": "dotnet", "websocket": "dotnet"}

# With inline completions .NET has one thread: the answer to a message is sent where the message was received.
DOTNET = {"DOTNET_PROCESSOR_COUNT": "1", "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS": "1"}


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    port: str           # which of the proxy's ports
    path: str
    tool: str           # wrk | h2load | s_time | rate | websocket | idle
    script: str = "report.lua"
    body: int = 0       # bytes a request moves; above zero, bytes per CPU-second are shown too
    judge: str = "cpu"  # what the ratios compare: "cpu" (µs a request), "rate" (MiB a CPU-second), "p99" or "memory"
    setting: str = "http"   # which configurations the proxies have; rows of one setting share the proxies' processes


ALL = (
    Work("small", "HTTP/1.1 keep-alive, GET, 122 bytes of JSON", "plain", "/small", "wrk"),
    Work("large", "HTTP/1.1 keep-alive, GET, 1 MiB", "plain", "/large", "wrk", body=1 << 20, judge="rate"),
    Work("upload", "HTTP/1.1 keep-alive, POST of 64 KiB", "plain", "/upload", "wrk", script="upload.lua", body=64 << 10),
    Work("tls", "HTTP/1.1 keep-alive over TLS 1.3, GET, 122 bytes", "tls", "/small", "wrk"),
    Work("h2", f"HTTP/2 in (cleartext, {STREAMS} streams a connection), GET, 122 bytes", "h2c", "/small", "h2load"),
    Work("handshake", "A full TLS 1.3 handshake and one GET of 122 bytes on every connection", "tls", "/small", "s_time"),
    Work("half", "HTTP/1.1 keep-alive, GET, 122 bytes, at half of nginx's full rate", "plain", "/small", "rate", judge="p99"),
    Work("websocket", "WebSocket echo of 64 bytes, one in flight on each connection; a request is a message there and back", "plain", "/echo", "websocket"),
    Work("policies", "HTTP/1.1 keep-alive, GET, 122 bytes; Lakou with its policies on, the others bare", "plain", "/small", "wrk", setting="policies"),
    Work("tcp", "TCP relay, carrying HTTP/1.1 keep-alive, GET, 122 bytes", "plain", "/small", "wrk", setting="tcp"),
    Work("tcp-large", "TCP relay, carrying HTTP/1.1 keep-alive, GET, 1 MiB", "plain", "/large", "wrk", body=1 << 20, judge="rate", setting="tcp"),
    Work("idle", "Memory of an idle HTTP/1.1 connection that has had one answer", "plain", "/small", "idle", judge="memory", setting="idle"),
)
SMALL = ALL[0]


@dataclasses.dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    errors: dict        # kind → count, only what is not zero
    p50: float | None = None    # microseconds; None where the tool does not say
    p99: float | None = None
    unanswered: int = 0         # requests that were due and had no answer; only a constant rate has such
    lag: float | None = None    # p99 of the delay that the load generator added itself, in microseconds


def url(work, proxy):
    return f"{'https' if work.port == 'tls' else 'http'}://127.0.0.1:{getattr(proxy, work.port)}{work.path}"


def verify(work, proxy):
    """One request, looked at closely: wrk counts a redirect or a wrong body as a success."""
    if work.tool in ("h2load", "websocket"):
        return      # neither is spoken here; h2load counts what is not 2xx, Lakou.Load compares every echo
    trust = _trust()
    data = b"x" * work.body if work.path == "/upload" else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    expected = {"/small": 122, "/large": 1 << 20, "/upload": len("taken")}[work.path]
    try:
        with opener.open(urllib.request.Request(url(work, proxy), data=data), timeout=10) as answer:
            size, status, fields = len(answer.read()), answer.status, answer.headers
    except OSError as error:
        raise Failure(f"{proxy.name} {url(work, proxy)}: {error}") from error
    if (status, size) != (200, expected):
        raise Failure(f"{proxy.name} {url(work, proxy)}: answered {status} with {size} bytes, not 200 with {expected}")
    if has_policies(work, proxy) and not ("X-Request-Id" in fields and "X-Content-Type-Options" in fields and "Server" not in fields):
        raise Failure(f"{proxy.name} {url(work, proxy)}: its policies left no trace in the answer")


def has_policies(work, proxy):
    return work.setting == "policies" and proxy.name == "lakou"


def dropped_lines():
    """Lines of the access log that Lakou gave up on since its start."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{LAKOU_ADMIN_PORT}/metrics", timeout=10) as answer:
            found = re.search(r"^lakou_access_log_dropped_total (\d+)", answer.read().decode(), re.M)
    except OSError as error:
        raise Failure(f"lakou's metrics: {error}") from error
    if not found:
        raise Failure("lakou's metrics have no lakou_access_log_dropped_total")
    return int(found[1])


def run(work, proxy, core, connections, seconds, rate=None):
    """rate: requests a second, for the tool of that name only."""
    tool = {"wrk": _wrk, "h2load": _h2load, "s_time": _s_time, "rate": _rate, "websocket": _websocket}[work.tool]
    return tool(work, proxy, core, connections, seconds, *([rate] if rate else []))


def _wrk(work, proxy, core, connections, seconds):
    [out] = _run(core, seconds, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s",
                                 "-s", str(HERE / work.script), url(work, proxy)])
    return _summary("wrk", proxy, out)


def _rate(work, proxy, core, connections, seconds, rate):
    [out] = _run(core, seconds, ["dotnet", str(LOAD), "rate", f"127.0.0.1:{getattr(proxy, work.port)}", work.path,
                                 str(connections), str(rate), str(seconds)])
    return _summary("Lakou.Load", proxy, out)


def _websocket(work, proxy, core, connections, seconds):
    [out] = _run(core, seconds, ["dotnet", str(LOAD), "websocket", f"127.0.0.1:{getattr(proxy, work.port)}", work.path,
                                 str(connections), str(seconds)])
    return _summary("Lakou.Load", proxy, out)


def _summary(tool, proxy, out):
    found = re.search(r"^SUMMARY (.*)$", out, re.M)
    if not found:
        raise Failure(f"{tool} against {proxy.name} gave no summary: {out.strip()[-200:]}")
    s = json.loads(found[1])
    errors = {kind: s[kind] for kind in ("connect", "read", "write", "status", "timeout") if s[kind]}
    return Result(s["requests"], s["seconds"], errors, s["p50"], s["p99"], s.get("unanswered", 0), s.get("lag99"))


def _h2load(work, proxy, core, connections, seconds):
    # As many requests in flight as the other rows have, spread over connections of 32 streams each.
    clients = max(1, connections // STREAMS)
    [out] = _run(core, seconds, ["h2load", "-t1", f"-c{clients}", f"-m{STREAMS}", "-D", str(seconds), url(work, proxy)])
    done = re.search(r"requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", out)
    codes = re.search(r"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out)
    if not done or not codes:
        raise Failure(f"h2load against {proxy.name} gave no summary: {out.strip()[-200:]}")
    # What is in flight when the time is up is neither done nor an error.
    errors = {"failed": int(done[4]), "timeout": int(done[6]), "status": sum(int(n) for n in codes.groups())}
    return Result(int(done[2]), seconds, {k: n for k, n in errors.items() if n})


def _s_time(work, proxy, core, connections, seconds):
    # s_time itself asks by HTTP/1.0, without a Host. What is put after the path here makes its own version the end of a field.
    path = f"{work.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nX-Version:"
    expected = _size_of_answer(f"GET {path} HTTP/1.0\r\n\r\n", work, proxy)
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{getattr(proxy, work.port)}", "-new", "-tls1_3", "-www", path, "-time", str(seconds)]
    start = time.monotonic()
    outs = _run(core, seconds, *[command] * HANDSHAKERS)
    elapsed = time.monotonic() - start
    found = [re.search(r"^(\d+) connections in \d+ real seconds, (\d+) bytes read per connection", out, re.M) for out in outs]
    # One that fails ends without a count. It does not look at what it reads, but an answer that is another has another size.
    errors = {"failed": found.count(None), "size": sum(int(f[2]) != expected for f in found if f)}
    return Result(sum(int(f[1]) for f in found if f), elapsed, {k: n for k, n in errors.items() if n})


def _size_of_answer(request, work, proxy):
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", getattr(proxy, work.port)), 10) as plain, _trust().wrap_socket(plain) as secure:
            secure.sendall(request.encode())
            while more := secure.recv(65536):
                answer += more
    except OSError as error:
        raise Failure(f"{proxy.name} {url(work, proxy)}: {error}") from error
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise Failure(f"{proxy.name} {url(work, proxy)}: answered {answer[:40]!r}")
    return len(answer)


def _trust():
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return trust


def _run(core, seconds, *commands):
    """Runs them side by side on the core; returns what each printed."""
    children = [
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         preexec_fn=lambda: os.sched_setaffinity(0, {core}), env={**os.environ, **DOTNET, "BENCH_FOLDER": str(HERE)})
        for command in commands]
    try:
        return [child.communicate(timeout=seconds + 20)[0] for child in children]
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{commands[0][0]} did not end 20 s after its time was up") from late
    finally:
        for child in children:
            child.kill()
            child.wait()
