"""Medians, ratios and the printed tables."""
import statistics


def print_row(work, rounds):
    """rounds: broker → list of samples (dicts of run)."""
    print(f"\n{work.title}")
    lines = [["", *_columns(work, [])]] + [[broker.name, *_columns(work, samples).values()] for broker, samples in rounds.items()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths))))
    for broker, samples in rounds.items():
        if any(s.get("load", 0) > 0.9 for s in samples):
            print(f"  NOTE for {broker.name} the load generator used its whole core: the broker may be quicker than this")


def print_summary(everything):
    """One line a row: rates, and Lakou against the best of those that promise the same."""
    brokers = list(dict.fromkeys(broker for rounds in everything.values() for broker in rounds))
    print("\n| events/s (`restart`: s) | " + " | ".join(b.name for b in brokers)
          + " | each / best synced | group / best synced | os / best os | p99 group / best synced |")
    print("|---" * (len(brokers) + 5) + "|")
    for work, rounds in everything.items():
        judge = "killed" if work.verb == "restart" else "rate"
        cells = [_number(_middle(rounds[b], judge)) if b in rounds else "–" for b in brokers]
        ratios = [_ratio(rounds, sync, judge) for sync in ("each", "group", "os")]
        print(f"| `{work.name}` | " + " | ".join(cells + ratios + ["–" if work.verb == "restart" else _ratio(rounds, "group", "p99")]) + " |")


def _ratio(rounds, sync, key):
    """Of Lakou to the best peer that is as safe."""
    own = next((b for b in rounds if b.sync == sync), None)
    peers = [b for b in rounds if b.kind != "lakou" and own and b.is_synced == own.is_synced]
    if not peers or any(s["errors"] for s in rounds[own]):
        return "–"
    best = (max if key == "rate" else min)(_middle(rounds[b], key) for b in peers)
    return f"{_middle(rounds[own], key) / max(best, 1e-9):.2f}"


def _columns(work, samples):
    errors = {}
    for sample in samples:
        for kind, count in sample["errors"].items():
            errors[kind] = errors.get(kind, 0) + count
    said = " ".join(f"{k}:{n}" for k, n in errors.items()) or "0"
    if work.verb == "restart":
        return {"after a stop s": f"{_middle(samples, 'stopped'):.2f}", "after a kill s": f"{_middle(samples, 'killed'):.2f}",
                "RSS MiB": _number(_middle(samples, "resident") / (1 << 20)), "errors": said}
    rates = [s["rate"] for s in samples] or [0]
    return {
        "events/s": _number(_middle(samples, "rate")), "spread": f"{_number(min(rates))}–{_number(max(rates))}",
        "p50 µs": _number(_middle(samples, "p50")), "p99 µs": _number(_middle(samples, "p99")),
        "CPU µs/event": f"{_middle(samples, 'cpu'):.1f}", "busy": f"{_middle(samples, 'busy'):.0%}", "load": f"{_middle(samples, 'load'):.0%}", "errors": said}


def _middle(samples, key):
    return statistics.median(s[key] for s in samples) if samples else 0


def _number(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"
