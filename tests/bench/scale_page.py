"""`python3 tests/bench/scale_page.py`: scale.json, as scale.md and two plots beside it (needs pygal)."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "scale.json"
PAGE = HERE / "scale.md"
#: name → (file, title)
PLOTS = {
    "start, ms": ("scale-start.svg", "From exec of PID 1 until all services run, ms"),
    "PSS, MB": ("scale-memory.svg", "Memory of the manager's processes (PSS), MB"),
}


def cell(values: list[float] | None) -> str:
    if not values:
        return ""
    value = statistics.median(values)
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def page(kept: dict) -> Iterator[str]:
    about, results = kept["about"], kept["results"]
    yield "# Many services: pyinit beside others\n"
    yield "Written by `make bench`; what each line means is in `scale.py`. Medians of the rounds; compare within a table.\n"
    yield f"{about['rounds']} rounds, {about['date']}, commit {about['commit']}, {about['machine']}, {about['kernel']}."
    yield ", ".join(f"{name} {version}" for name, version in about["versions"].items()) + ".\n"
    peers = list(about["versions"])
    for name, (file, title) in PLOTS.items():
        if name in results:
            yield f"![{title}]({file})\n"
    for name, by_count in results.items():
        yield f"## {name}\n"
        yield "| services | " + " | ".join(peers) + " |"
        yield "|---" * (len(peers) + 1) + "|"
        for count, by_peer in by_count.items():
            yield f"| {count} | " + " | ".join(cell(by_peer.get(peer)) for peer in peers) + " |"
        yield ""


def plot(kept: dict, name: str, title: str, target: Path) -> None:
    import pygal

    chart = pygal.XY(title=title, logarithmic=True, x_title="services", show_x_guides=True, js=[], xrange=(1, 10_000))
    for peer in kept["about"]["versions"]:
        points = [(int(count), statistics.median(by_peer[peer]))
                  for count, by_peer in kept["results"][name].items() if by_peer.get(peer)]
        if len(points) > 1:
            chart.add(peer, points)
    chart.render_to_file(str(target))


def main() -> None:
    kept = json.loads(RESULTS.read_text())
    PAGE.write_text("\n".join(page(kept)))
    for name, (file, title) in PLOTS.items():
        if name in kept["results"]:
            plot(kept, name, title, HERE / file)


if __name__ == "__main__":
    main()
