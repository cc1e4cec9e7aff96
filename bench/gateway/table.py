"""Medians, ratios and the printed table."""
import statistics

BASES = ("nginx", "haproxy")


def print_row(work, rounds):
    """rounds: proxy name → list of samples (dicts of run), index i taken in the same turn for every proxy."""
    print(f"\n{work.title}")
    unit = "ratios of MiB/CPU-s: more is better" if work.judge == "bytes" else "ratios of µs/req: less is better"
    head = ["", "µs/req", "spread", "user", "sys"] + (["MiB/CPU-s"] if work.body else []) + ["req/s", "busy", "p50 µs", "p99 µs", "RSS MiB", "errors"]
    bases = [b for b in BASES if b in rounds]
    lines = [head + [f"/{b}" for b in bases]]
    for name, samples in rounds.items():
        def middle(key):
            known = [s[key] for s in samples if s[key] is not None]
            return statistics.median(known) if known else None

        costs = [s["cpu"] for s in samples]
        errors = {}
        for sample in samples:
            for kind, count in sample["errors"].items():
                errors[kind] = errors.get(kind, 0) + count
        line = [name, f"{middle('cpu'):.2f}", f"{min(costs):.1f}–{max(costs):.1f}", f"{middle('user'):.2f}", f"{middle('sys'):.2f}"]
        if work.body:
            line.append(f"{middle('rate'):.0f}")
        line += [f"{middle('throughput'):.0f}", f"{middle('busy'):.0%}", _number(middle("p50")), _number(middle("p99")),
                 f"{middle('resident') / (1 << 20):.1f}", " ".join(f"{k}:{n}" for k, n in errors.items()) or "0"]
        line += ["FAILED" if errors else f"{ratio(work, samples, rounds[base]):.2f}" for base in bases]
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))))
    if any(s["busy"] < 0.25 for samples in rounds.values() for s in samples):
        print("  NOTE the load core was starved in some round: too few clock ticks for a figure worth keeping; measure again on a quieter machine")
    print(f"  ({unit}; median of {len(next(iter(rounds.values())))} rounds)")


def ratio(work, samples, base):
    """Median of the ratios within each turn: what disturbs the machine disturbs both sides of a turn."""
    key = "rate" if work.judge == "bytes" else "cpu"
    return statistics.median(s[key] / b[key] for s, b in zip(samples, base))


def _number(value):
    return "–" if value is None else f"{value:.0f}"
