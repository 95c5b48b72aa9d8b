# SPDX-License-Identifier: Apache-2.0
"""Tables for people, numbers for programs, a chart."""
import html
import statistics

import bars

UNITS = {1 << 12: "4k", 1 << 16: "64k", 1 << 20: "1M"}


def cell_name(cell):
    return f"{cell.device} {UNITS[cell.bs]} {cell.rw} {cell.threads}t"


class Measured:
    """One cell: for each contender its results, round by round."""

    def __init__(self, cell, tuning, results):
        self.cell, self.tuning, self.results = cell, tuning, results
        self.name = cell_name(cell)

    def iops(self, who):
        return statistics.median(r.iops for r in self.results[who])

    def megabytes(self, who):
        return self.iops(who) * self.cell.bs / 1e6

    def cpu_per_gb(self, who):
        return statistics.median(_cpu_per_gb(r) for r in self.results[who])

    def ratios(self, of, to):
        return [a.iops / b.iops for a, b in zip(self.results[of], self.results[to])]

    def cpu_ratios(self, of, to):
        return [_cpu_per_gb(a) / _cpu_per_gb(b) for a, b in zip(self.results[of], self.results[to])]

    def document(self):
        out = {"name": self.name, **self.cell._asdict(), "tuning": self.tuning, "contenders": {}}
        for who, results in self.results.items():
            out["contenders"][who] = {
                "iops": self.iops(who), "megabytes_per_second": self.megabytes(who),
                "cpu_seconds_per_gb": self.cpu_per_gb(who), "rounds": [r._asdict() for r in results]}
            if who != "spliced":
                ratios = self.ratios("spliced", who)
                out["contenders"][who]["spliced_ratio"] = {"median": statistics.median(ratios),
                                                           "spread": bars.spread(ratios)}
        return out


def _cpu_per_gb(result):
    return result.cpu_seconds / (result.bytes / 1e9)


def table(all_measured):
    lines = ["", "Medians; a ratio is spliced's to that contender's in the same round, with half the distance of its quartiles",
             f"{'cell':<24}{'contender':<17}{'IOPS':>11}{'MB/s':>9}{'CPU s/GB':>10}   {'spliced is':<14}settings"]
    for m in all_measured:
        settings = (f"pipe {m.tuning['pipe_size_bytes'] // 1024}k, batch {m.tuning['batch']}; "
                    f"{len(m.results['spliced'])} rounds")
        for who in m.results:
            ratio = ""
            if who != "spliced":
                ratios = m.ratios("spliced", who)
                ratio = f"{statistics.median(ratios):.2f} ± {bars.spread(ratios):.2f}"
            lines.append(f"{m.name:<24}{who:<17}{m.iops(who):>11.0f}{m.megabytes(who):>9.0f}{m.cpu_per_gb(who):>10.3f}"
                         f"   {ratio:<14}{settings if who == 'spliced' else ''}".rstrip())
    return "\n".join(lines)


def bars_table(verdicts):
    lines = ["", f"{'cell':<24}{'ratio':<42}{'bar':>6}{'median':>8}{'spread':>8}"]
    for v in verdicts:
        at_most = v.what.endswith("at most")
        met = v.median <= v.bar if at_most else v.median >= v.bar
        word = "met" if met else "MISSED" if v.failed else "within the interval"
        lines.append(f"{v.cell:<24}{v.what:<42}{v.bar:>6.2f}{v.median:>8.2f}{v.spread:>8.2f}  {word}")
    return "\n".join(lines)


COLOURS = {"spliced psync": "#2ca02c", "bare psync": "#c7c7c7", "spliced again": "#aec7e8", "before": "#9467bd", "bare": "#999999", "spliced": "#1f77b4", "spliced discard": "#17becf", "bare discard": "#bbbbbb",
           "fio splice": "#d62728", "fio psync": "#ff9896"}


def chart(all_measured):
    """Throughput of each contender as a bar, each cell on a scale of its own; the figures stand behind the bars."""
    row, left, width = 16, 190, 520
    height = 50 + sum(row * len(m.results) + 14 for m in all_measured)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" font-family="sans-serif" font-size="11">',
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="10" y="20" font-size="14">spliced, fio and the bare system calls: median throughput</text>']
    y = 40
    for m in all_measured:
        out.append(f'<text x="10" y="{y + 12}" font-weight="bold">{html.escape(m.name)}</text>')
        most = max(m.megabytes(who) for who in m.results)
        for who in m.results:
            value = m.megabytes(who)
            length = width * value / most
            out.append(f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="{row - 4}" fill="{COLOURS[who]}"/>')
            out.append(f'<text x="{left + length + 5:.1f}" y="{y + 12}">{html.escape(who)}: {value:.0f} MB/s, '
                       f'{m.iops(who):.0f} IOPS</text>')
            y += row
        y += 14
    return "\n".join(out + ["</svg>", ""])
