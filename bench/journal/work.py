"""The work: what is asked of a broker, and the load generators that ask it."""
import csv
import dataclasses
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time

from processes import Failure

BATCH = 100
SUBSCRIPTIONS = 10      # of the row fan-out
CYCLES = 64             # workers end to end
FILLERS = 16            # workers that publish what is there before a restart

# Publish, singly and in batches: the others know their own client, for these one thread is enough and completions run on it.
INLINE = {"DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS": "1"}
DOTNET = {"DOTNET_PROCESSOR_COUNT": "1"}


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    title: str
    verb: str           # publish | cycle | restart
    workers: int = 0
    batch: int = 1
    subscriptions: int = 0


def rows(producers):
    """producers: how many publish at a time, a row for each number."""
    workers = min(CYCLES, max(producers))
    return (
        *(Work(f"publish-{n}", f"Durable publish, 1 KiB events one at a time, producers: {n}", "publish", n) for n in producers),
        *(Work(f"batch-{n}", f"Durable publish, 1 KiB events in batches of {BATCH}, producers: {n}", "publish", n, BATCH) for n in producers),
        Work("cycle", f"End to end, an event at a time: publish, receive, acknowledge, workers: {workers}", "cycle", workers, 1, 1),
        Work("cycle-batch", f"End to end in batches of {BATCH}: publish, receive, acknowledge, workers: {workers}", "cycle", workers, BATCH, 1),
        Work("fan-out", f"End to end with {SUBSCRIPTIONS} subscriptions, each of which receives and acknowledges every event, workers: {workers}", "cycle", workers, 1, SUBSCRIPTIONS),
        Work("restart", "From the start of the process to the first event that is received and acknowledged", "restart"),
    )


@dataclasses.dataclass(frozen=True)
class Result:
    events: int
    seconds: float
    p50: float          # microseconds, of a batch or a cycle
    p99: float
    load_cpu: float     # seconds of processor time that the load generator used
    broker_cpu: float   # and the broker meanwhile
    errors: dict        # kind → count, only what is not zero


def reset(broker, core, subscriptions):
    _ask(broker, core, 60, "reset", broker.address(), str(subscriptions))


def run(work, broker, core, seconds, guess, cpu):
    """guess: events a second that the broker may reach, for the tool that counts requests and not time. cpu: tells the broker's seconds."""
    if broker.kind == "redis" and work.verb == "publish" and work.batch == 1:
        return _redis_benchmark(work, broker, core, max(work.workers, round(seconds * guess)), cpu)
    begun = [cpu()]
    out = _ask(broker, core, seconds + 30, work.verb, broker.address(), str(work.workers), str(work.batch), str(work.subscriptions), f"{seconds}s",
               on_begin=lambda: begun.append(cpu()))
    return _summary(broker, out, cpu() - begun[-1])


def fill(broker, core, events):
    result = _summary(broker, _ask(broker, core, 60 + events // 1000, "publish", broker.address(), str(FILLERS), str(BATCH), "1", str(events)), 0)
    if result.errors:
        raise Failure(f"{broker.name} did not take {events} events: {result.errors}")


def restart(broker, core, process, start, end):
    """Ends the process with the given signal; returns the new one and the seconds until it gave an event."""
    _end(process, end)
    waiting = subprocess.Popen(_command(broker, "first", broker.address()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, {core}), env={**os.environ, **DOTNET})
    started = None
    try:
        waiting.stdout.readline()
        begun = time.monotonic()
        started = start()
        line = waiting.communicate(timeout=600)[0]
        seconds = time.monotonic() - begun
        if "FIRST" not in line:
            raise Failure(f"{broker.name} gave no event after a restart: {started.last_words()}")
        return started, seconds
    except BaseException as error:
        if started:
            started.end()
        if isinstance(error, subprocess.TimeoutExpired):
            raise Failure(f"{broker.name} gave no event 600 s after a restart") from error
        raise
    finally:
        waiting.kill()
        waiting.wait()


def _end(process, how):
    family = process.family()
    for pid in family if how == signal.SIGKILL else [process.child.pid]:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass
    try:
        process.child.wait(120)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"{process.name} did not end within 120 s") from late
    finally:
        process.end()


def _redis_benchmark(work, broker, core, events, cpu):
    begun, before = cpu(), resource.getrusage(resource.RUSAGE_CHILDREN)
    out = _run(core, ("redis-benchmark", "-p", str(broker.port), "-c", str(work.workers), "-n", str(events), "--csv", "XADD", "bench", "*", "d", "e" * 1024), 120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rows_ = list(csv.DictReader(line for line in out.splitlines() if line.startswith('"')))
    if len(rows_) != 1 or "rps" not in rows_[0]:
        raise Failure(f"redis-benchmark gave no summary: {out.strip()[-200:]}")
    rate = float(rows_[0]["rps"])
    return Result(events, events / rate, 1000 * float(rows_[0]["p50_latency_ms"]), 1000 * float(rows_[0]["p99_latency_ms"]),
                  after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, cpu() - begun, {})


def _summary(broker, out, broker_cpu):
    found = re.search(r"^SUMMARY (.*)$", out, re.M)
    if not found:
        raise Failure(f"the load for {broker.name} gave no summary: {out.strip()[-300:]}")
    s = json.loads(found[1])
    errors = {kind: s[kind] for kind in ("status", "timeout") if s[kind]}
    if not s["requests"]:
        raise Failure(f"{broker.name} answered nothing; {errors}; {out.strip()[:300]}")
    return Result(s["requests"], s["seconds"], s["p50"], s["p99"], s["cpu"], broker_cpu, errors)


def _command(broker, *arguments):
    return ("dotnet", str(broker.load), broker.kind, *arguments)


def _ask(broker, core, seconds, *arguments, on_begin=lambda: None):
    # The clients of others may wait for an answer on the thread that would bring it.
    own = INLINE if broker.load.name == "Lakou.Load.dll" else {}
    return _run(core, _command(broker, *arguments), seconds, own, on_begin)


def _run(core, command, seconds, environment=None, on_begin=lambda: None):
    """on_begin: called when the program says that its load begins. Returns what it printed."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             preexec_fn=lambda: os.sched_setaffinity(0, {core}), env={**os.environ, **DOTNET, **(environment or {})})
    late = threading.Timer(seconds, child.kill)
    late.start()
    out = ""
    try:
        for line in child.stdout:
            out += line
            if line == "BEGIN\n":
                on_begin()
        child.wait()
    finally:
        is_late = late.finished.is_set()
        late.cancel()
        child.kill()
        child.wait()
    if child.returncode:
        ended = f"did not end within {seconds} s" if is_late else f"ended with {child.returncode}"
        raise Failure(f"{' '.join(command)[:200]} {ended}: {out.strip()[:300]}")
    return out
