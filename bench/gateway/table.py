"""Medians, ratios and the printed table."""
import statistics

BASES = ("nginx", "haproxy")
JUDGES = {      # Work.judge, a key of the samples → what the line below the table says
    "cpu": "ratios of µs/req: less is better",
    "rate": "ratios of MiB/CPU-s: more is better",
    "p99": "ratios of p99: less is better",
    "memory": "ratios of KiB/conn: less is better",
}


def print_row(work, rounds):
    """rounds: proxy name → list of samples (dicts of run), index i taken in the same turn for every proxy."""
    print(f"\n{work.title}")
    columns = _memory if work.judge == "memory" else _cost
    bases = [b for b in BASES if b in rounds]
    lines = []
    for name, samples in rounds.items():
        cells = columns(work, samples)
        errors = {}
        for sample in samples:
            for kind, count in sample["errors"].items():
                errors[kind] = errors.get(kind, 0) + count
        cells["errors"] = " ".join(f"{k}:{n}" for k, n in errors.items()) or "0"
        for base in bases:
            cells[f"/{base}"] = "FAILED" if errors else f"{ratio(work, samples, rounds[base]):.2f}"
        lines.append([name, *cells.values()])
    lines.insert(0, ["", *cells])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))))
    for note in _notes(work, rounds):
        print(f"  NOTE {note}")
    print(f"  ({JUDGES[work.judge]}; median of {len(next(iter(rounds.values())))} rounds)")


def ratio(work, samples, base):
    """Median of the ratios within each turn: what disturbs the machine disturbs both sides of a turn."""
    return statistics.median(s[work.judge] / max(b[work.judge], 1e-9) for s, b in zip(samples, base))


def _cost(work, samples):
    costs = [s["cpu"] for s in samples]
    cells = {"µs/req": f"{_middle(samples, 'cpu'):.2f}", "spread": f"{min(costs):.1f}–{max(costs):.1f}",
             "user": f"{_middle(samples, 'user'):.2f}", "sys": f"{_middle(samples, 'sys'):.2f}"}
    if work.body:
        cells["MiB/CPU-s"] = f"{_middle(samples, 'rate'):.0f}"
    return cells | {
        "req/s": f"{_middle(samples, 'throughput'):.0f}", "busy": f"{_middle(samples, 'busy'):.0%}", "p50 µs": _number(_middle(samples, "p50")),
        "p99 µs": _number(_middle(samples, "p99")), "RSS MiB": _mebibytes(_middle(samples, "resident"))}


def _memory(work, samples):
    sizes = [s["memory"] for s in samples]
    return {"KiB/conn": f"{_middle(samples, 'memory'):.2f}", "spread": f"{min(sizes):.1f}–{max(sizes):.1f}",
            "connections": str(samples[0]["connections"]), "RSS before": _mebibytes(_middle(samples, "before")),
            "RSS after": _mebibytes(_middle(samples, "after"))}


def _notes(work, rounds):
    samples = [s for of_one in rounds.values() for s in of_one]
    if work.judge in ("cpu", "rate") and any(s["busy"] < 0.25 for s in samples):
        yield "the load core was starved in some round: too few clock ticks for a figure worth keeping; measure again on a quieter machine"
    for name, of_one in rounds.items():
        if late := sum(s.get("unanswered", 0) for s in of_one):
            yield f"{name} did not keep up: {late} requests had no answer at the end; they count in p99 with the time they had waited"
    if work.judge == "p99" and any(s["lag"] > s["p99"] / 4 for s in samples):
        yield "the load generator itself was late by a quarter of p99 in some round; measure again on a quieter machine"


def _middle(samples, key):
    known = [s[key] for s in samples if s[key] is not None]
    return statistics.median(known) if known else None


def _mebibytes(value):
    return f"{value / (1 << 20):.1f}"


def _number(value):
    return "–" if value is None else f"{value:.0f}"
