# SPDX-License-Identifier: Apache-2.0
"""Many devices at once, and a rate that is to be kept."""
import os
import re
import statistics
import time

from bars import Verdict

MIB = 1 << 20
DEVICES, WORKERS = 64, 2


def _totals(daemon):
    """Operations of each device so far, and when they were read."""
    before = time.monotonic()
    text = daemon.call("GET", "/metrics")
    at = (before + time.monotonic()) / 2
    pattern = re.compile(r'^spliced_io_operations_total\{[^}]*device="([^"]*)"[^}]*\} (\S+)$', re.M)
    out = {}
    for device, value in pattern.findall(text):
        out[device] = out.get(device, 0) + float(value)
    return at, out


def _say(verdicts):
    for v in verdicts:
        print(f"  {v.cell:<18}{v.what:<52}{v.median:>10.4g}  bar {v.bar:g}  {'MISSED' if v.failed else 'met'}")
    return [v for v in verdicts if v.failed]


def rate(daemon, devices, seconds, document):
    """4 KiB random at 10,000 IOPS on 4 devices: how far each device is off in each second but the first."""
    asked = 10_000
    targets = [devices.zram(256 * MIB) for _ in range(4)]
    job = daemon.submit(targets, rw="randread", bs="4k", rate_iops=asked, time_based=True, runtime=f"{seconds}s")
    samples = []
    begun = time.monotonic()
    for second in range(1, seconds):
        time.sleep(max(0, begun + second - time.monotonic()))
        samples.append(_totals(daemon))
    done = daemon.wait(job)
    worst, pairs = 0.0, 0
    for (at, before), (then, after) in zip(samples, samples[1:]):
        for device, operations in after.items():
            if device in before and any(target.endswith(device) for target in targets):
                pairs += 1
                worst = max(worst, abs((operations - before[device]) / (then - at) / asked - 1))
    if pairs < 4 * (seconds - 3):
        raise RuntimeError(f"only {pairs} samples of 4 devices in {seconds} s")
    whole = max(abs(d["io"]["read"]["operations_per_second"] / asked - 1) for d in done["devices"])
    document["rate"] = {"asked": asked, "seconds": seconds, "worst_second": worst, "worst_device": whole}
    print(f"\nA rate of {asked} IOPS on 4 devices for {seconds} s")
    return _say([Verdict("rate", "worst second of any device is off by", 0.01, worst, 0, worst > 0.01),
                 Verdict("rate", "worst device over all is off by", 0.01, whole, 0, whole > 0.01)])


def many(daemon, devices, seconds, document):
    """64 loop devices with 2 workers each, for some seconds: start, stop, shares, pipes, scrapes."""
    targets = [devices.loop(16 * MIB) for _ in range(DEVICES)]
    daemon.wait(daemon.submit(targets, rw="randread", bs=MIB, workers=WORKERS, size=WORKERS * MIB))  # all are known now
    before = _scrapes(daemon, 20)
    begun = time.monotonic()
    job = daemon.submit(targets, rw="randread", bs=MIB, workers=WORKERS, time_based=True, runtime="1h")
    started = time.monotonic() - begun
    time.sleep(1)
    first = _scrapes(daemon, 10)
    time.sleep(seconds)
    last = _scrapes(daemon, 10)
    begun = time.monotonic()
    daemon.call("POST", f"/v1/jobs/{job['id']}:cancel")
    while not (job := daemon.call("GET", f"/v1/jobs/{job['id']}?wait=30s"))["ended_at"]:
        pass
    stopped = time.monotonic() - begun
    after = _scrapes(daemon, 20)
    moved = [d["io"]["read"]["bytes"] for d in job["devices"]]
    shares = max(moved) / max(1, min(moved))
    pipes = sum(d["engine"]["pipe_size_bytes"] for d in job["devices"]) * WORKERS
    with open("/proc/sys/fs/pipe-user-pages-soft") as file:
        budget = int(file.read()) * 4096
    document["fleet"] = {"devices": DEVICES, "workers": WORKERS, "start_seconds": started, "stop_seconds": stopped,
                         "share_max_to_min": shares, "pipe_bytes": pipes, "pipe_budget_bytes": budget,
                         "scrape_seconds": {"before": before, "early": first, "late": last, "after": after}}
    print(f"\n{DEVICES} loop devices × {WORKERS} workers, 1 MiB random reads; a scrape took {before * 1e3:.1f} ms before, "
          f"{first * 1e3:.1f} ms early, {last * 1e3:.1f} ms late, {after * 1e3:.1f} ms after")
    return _say([Verdict("fleet", "start of all, seconds", 1, started, 0, started > 1),
                 Verdict("fleet", "stop of all, seconds", 1, stopped, 0, stopped > 1),
                 Verdict("fleet", "largest share of throughput to the smallest", 1.5, shares, 0, shares > 1.5),
                 Verdict("fleet", "pipes, part of fs.pipe-user-pages-soft", 1, pipes / budget if budget else 0, 0,
                         budget and pipes > budget),
                 # Meanwhile it waits for one of two CPUs, which says nothing about what it costs.
                 Verdict("fleet", "a scrape after it to one before it", 2, after / before, 0, after > 2 * before)])


def _scrapes(daemon, count):
    """Median time of a scrape. Who scrapes has a CPU of its own as a rule: here, at least a right of way."""
    times = []
    ordinary = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, -15)
    for _ in range(count):
        begun = time.monotonic()
        daemon.call("GET", "/metrics")
        times.append(time.monotonic() - begun)
    os.setpriority(os.PRIO_PROCESS, 0, ordinary)
    return statistics.median(times)
