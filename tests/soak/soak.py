#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The soak; `run` beside it says how it is called."""
import argparse
import collections
import os
import pathlib
import random
import statistics
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
MIB = 1 << 20
WARM_UP = 8  # requests at once, so that what is made once is there before it is counted


def read_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--bin", default="build/release/bin")
    return parser.parse_args()


class Samples(threading.Thread):
    """The daemon's memory, once a second."""

    def __init__(self, daemon):
        super().__init__(name="memory", daemon=True)
        self.daemon, self.rss, self.over = daemon, [], threading.Event()

    def run(self):
        while not self.over.wait(1):
            try:
                self.rss.append(self.daemon.rss())
            except (OSError, AttributeError):
                return

    def between(self, first, last):
        """The median of a part of the run, in MiB."""
        part = self.rss[int(len(self.rss) * first):int(len(self.rss) * last)] or [0]
        return statistics.median(part) / MIB


class Soak:
    def __init__(self, arguments, world, findings):
        from watch import Jobs, Watcher
        self.arguments, self.world, self.findings = arguments, world, findings
        self.jobs = Jobs()
        self.daemon = world.start_daemon(probed=True)
        self.watcher = Watcher(world, self.jobs, findings, self.choices("watcher"))
        self.warm_up()

    def choices(self, name):
        return random.Random(f"{self.arguments.seed}-{name}")

    def warm_up(self):
        from watch import descriptors, threads
        for loop in self.world.loops[:2]:
            job = self.daemon.run(targets=[loop.path], workload={"rw": "read", "size": "1M"})
            self.watcher.observe(job)
        asking = [threading.Thread(target=self.daemon.call, args=("GET", path))
                  for path in ["/v1/devices", "/metrics", "/v1/jobs", "/v1/capabilities"] * WARM_UP]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        self.threads, self.descriptors = threads(self.daemon.pid()), descriptors(self.daemon.pid())

    def actors(self):
        from actions import BusClient, Client, Disturber, Meddler, Reader
        kinds = [Client] * 4 + [Reader] * 2 + [Meddler, Disturber] + ([BusClient] if self.world.bus else [])
        return [kind(f"{kind.__name__} {number}", self.world, self.jobs, self.findings, self.choices(number))
                for number, kind in enumerate(kinds)]

    def go_on(self):
        """The soak itself."""
        actors, samples = self.actors(), Samples(self.daemon)
        samples.start()
        for actor in actors:
            actor.start()
        begun = told = time.monotonic()
        while time.monotonic() - begun < 60 * self.arguments.minutes and self.lives():
            self.watch()
            time.sleep(0.3)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                self.tell(told - begun, samples)
        for actor in actors:
            actor.over.set()
        for actor in actors:
            actor.join(120)
            self.findings.expect(not actor.is_alive(), "answers", f"{actor.name} did not come back")
        samples.over.set()
        samples.join()
        return samples

    def watch(self):
        try:
            self.watcher.round()
        except Exception as failure:  # pylint: disable=broad-except
            if self.lives():
                self.findings.bad("answers", f"watcher: {failure!r}")

    def lives(self):
        if self.daemon.process.poll() is None:
            return True
        if not self.findings.broken["alive"]:
            self.findings.bad("alive", f"it ended with {self.daemon.process.returncode}: {self.daemon.text()[-3000:]}")
        return False

    def tell(self, elapsed, samples):
        print(f"{elapsed:5.0f} s: {len(self.jobs.ended)} jobs ended, {len(self.jobs.live)} run, "
              f"{sum(self.findings.actions.values())} actions, rss {samples.rss[-1] / MIB:.1f} MiB, "
              f"{sum(map(len, self.findings.broken.values()))} violations", flush=True)


def print_figures(soak, samples):
    from actions import Reader
    print("actions: " + ", ".join(f"{name} {count}" for name, count in sorted(soak.findings.actions.items())))
    print("jobs: " + ", ".join(f"{state} {verdict} {count}" for (state, verdict), count
                               in sorted(soak.watcher.verdicts.items(), key=str)) + f"; documents compared: {soak.watcher.looked}")
    moved = sum(soak.watcher.moved.values())
    print(f"moved: {moved / (1 << 30):.2f} GiB")
    failures = collections.Counter()
    for key, value in soak.watcher.counters.items():
        if key.startswith("spliced_io_errors_total"):
            failures[key.partition('error="')[2].rstrip('"}')] += int(value)
    print("failed operations: " + ", ".join(f"{name} {count}" for name, count in failures.items()))
    print(f"passes of devices: {soak.watcher.passes}; devices that had to notice a cut: {soak.watcher.cuts}")
    light = sorted(Reader.light) or [0]
    print(f"GET /v1/version: median {light[len(light) // 2] * 1e3:.1f} ms, "
          f"p99 {light[len(light) * 99 // 100] * 1e3:.1f} ms, longest {light[-1] * 1e3:.1f} ms")
    step = max(1, len(samples.rss) // 15)
    print("rss in MiB: " + " ".join(f"{value / MIB:.1f}" for value in samples.rss[::step]))


def main():
    arguments = read_arguments()
    os.environ["SPLICED_BIN"] = str(pathlib.Path(arguments.bin).resolve())
    import ending
    import selfcheck
    from watch import CHECKS, Findings
    from world import World
    print(f"seed {arguments.seed}, {arguments.minutes:g} minutes", flush=True)
    if os.geteuid() != 0 or not pathlib.Path("/dev/loop-control").exists():
        print("skipped: soak: needs root and loop devices\n" f"soak: 0 passed, 0 failed, {len(CHECKS)} skipped")
        return 0
    findings = Findings()
    for trouble in selfcheck.run():
        findings.bad("checks", trouble)
    probe = pathlib.Path(arguments.bin).resolve() / "lock_probe.so"
    world = World(probe if probe.exists() else None)
    try:
        soak = Soak(arguments, world, findings)
        samples = soak.go_on()
        print_figures(soak, samples)
        if soak.lives():
            ending.look(soak, samples)
    finally:
        world.take_down()
    for check, reason in findings.skipped.items():
        print(f"skipped: {check}: {reason}")
    for check, violations in findings.broken.items():
        if violations:
            print(f"FAILED with seed {arguments.seed}: {CHECKS[check]}: {len(violations)} times, first {violations[0][:600]}")
    failed = sum(bool(violations) for violations in findings.broken.values())
    skipped = len(findings.skipped.keys() - findings.broken.keys())
    print(f"soak: {len(CHECKS) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
