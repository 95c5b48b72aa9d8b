# SPDX-License-Identifier: Apache-2.0
"""What must always hold, and who looks whether it does."""
import collections
import contextlib
import hashlib
import json
import pathlib
import re
import threading
import time

MIB = 1 << 20
KEPT = 900        # of the 1000 ended jobs that the daemon keeps, those that it surely still has
END_BOUND = 45.0  # seconds after its runtime, or after being cancelled, in which a job has to end
STATES = ["PENDING", "RUNNING", "STOPPING", "SUCCEEDED", "FAILED", "CANCELLED", "INTERRUPTED"]
FINAL = set(STATES[3:])

CHECKS = {
    "checks": "the checks notice what they are for",
    "answers": "no answer is 5xx but a 503 that says why, and each is one that the request may get",
    "ends": "every job ends within a bound",
    "final": "what has ended stays as it is",
    "figures": "figures of a job never go down, nor does its state go back",
    "one job": "a device has one running job",
    "busy": "a refusal of a busy device names the job",
    "counters": "counters never go down",
    "sums": "counters are at least what ended jobs moved",
    "pass": "a PASS has moved something and no more errors than its criteria allow",
    "shrunk": "a device that became too small for the job has no PASS",
    "host": "nothing is told as an error of the daemon's own means",
    "reload": "a reload succeeds with a good file and fails with a broken one",
    "bus": "calls over the bus are answered",
    "alive": "the daemon lives, and /livez says so",
    "threads": "no worker is left, and no more threads than before",
    "descriptors": "no more descriptors than before",
    "claims": "every device is free again",
    "recorded": "everything is recorded",
    "memory": "memory stays level",
    "locks": "no mutex is held for more than 10 ms of CPU time",
    "restart": "after a clean stop and a start the jobs are the same",
    "kill": "after a kill the jobs that ran are INTERRUPTED, and the others the same",
}


class Findings:
    """Violations by check. Thread-safe."""

    def __init__(self, quiet=False):
        self.lock = threading.Lock()
        self.quiet = quiet
        self.broken = collections.defaultdict(list)
        self.skipped = {}
        self.actions = collections.Counter()

    def bad(self, check, text):
        assert check in CHECKS
        with self.lock:
            self.broken[check].append(text)
            if len(self.broken[check]) <= 20 and not self.quiet:
                print(f"VIOLATION [{check}]: {text[:1500]}", flush=True)

    def expect(self, condition, check, text):
        if not condition:
            self.bad(check, text if isinstance(text, str) else text())
        return condition

    def did(self, what):
        with self.lock:
            self.actions[what] += 1


def operations(device):
    return {op: device["io"][op] for op in ("read", "write", "trim", "sync")}


def figures(job):
    """Each number that can only grow."""
    out = {}
    for device in job["devices"]:
        for op, io in operations(device).items():
            for key in ("bytes", "operations", "errors"):
                out[device["device"], op, key] = io[key]
        for event in device["engine"]["events"]:
            labels = tuple(sorted((key, value) for key, value in event.items() if key != "count"))
            out[(device["device"], *labels)] = event["count"]
    return out


def workload_of(job):
    """Its jobs have one."""
    return job["stages"][0]["workload"]


def digest(job):
    return hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()


class Tracked:
    def __init__(self, job):
        self.id, self.targets, self.workload = job["id"], job["targets"], workload_of(job)
        self.accepted = time.monotonic()
        self.runtime = seconds(self.workload["runtime"])
        self.cancelled = None
        self.deleted = False
        self.figures, self.state = {}, "PENDING"
        self.final = self.digest = None
        self.number = 0   # of the ended ones
        self.cuts = {}    # device: (when, size, progress then)
        self.overdue = False


def seconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)([a-z]*)", text).groups()
    return float(number) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400}[unit]


class Jobs:
    """Every job that was accepted. Thread-safe; what is in a Tracked belongs to the watcher, but for the flags."""

    def __init__(self):
        self.lock = threading.Lock()
        self.all = {}
        self.live = {}
        self.ended = []

    def accept(self, job):
        with self.lock:
            if job["id"] not in self.all:
                self.all[job["id"]] = self.live[job["id"]] = Tracked(job)
            return self.all[job["id"]]

    def pick_live(self, rng):
        with self.lock:
            return self.live[rng.choice(sorted(self.live))] if self.live else None

    def pick_ended(self, rng):
        with self.lock:
            recent = [job for job in self.ended[-KEPT:] if not job.deleted]
            return rng.choice(recent) if recent else None

    def on(self, path):
        with self.lock:
            return [job for job in self.live.values() if path in job.targets]

    def end(self, tracked):
        with self.lock:
            self.live.pop(tracked.id, None)
            self.ended.append(tracked)
            tracked.number = len(self.ended)

    def forget(self, tracked):
        with self.lock:
            self.live.pop(tracked.id, None)

    def kept(self, tracked):
        """Whether the daemon still has to know it."""
        with self.lock:
            return not tracked.deleted and len(self.ended) - tracked.number < KEPT


class Watcher:
    """Reads jobs and metrics over and over, and compares."""

    def __init__(self, world, jobs, findings, rng):
        self.world, self.jobs, self.findings, self.rng = world, jobs, findings, rng
        self.counters = {}
        self.moved = collections.Counter()  # (device, op): bytes of ended jobs
        self.verdicts = collections.Counter()
        self.looked = self.passes = self.cuts = 0

    def call(self, path):
        return self.world.daemon.call("GET", path)

    def round(self):
        for job in self.running():
            self.observe(job)
        with self.jobs.lock:
            live = list(self.jobs.live.values())
        for tracked in live:
            if time.monotonic() - tracked.accepted > 0.3:
                self.look_at(tracked)
        for _ in range(4):
            tracked = self.jobs.pick_ended(self.rng)
            if tracked:
                self.look_again(tracked)
        self.scrape()

    def running(self):
        jobs, token = [], ""
        while token is not None:
            answer = self.call(f"/v1/jobs?state=RUNNING&view=full&page_size=20{token and '&page_token=' + token}")
            if not self.findings.expect(answer.status == 200, "answers", lambda: f"list: {answer.status} {answer.raw}"):
                break
            jobs += answer.json["jobs"]
            token = answer.json["next_page_token"]
        self.look_for_two(jobs)
        return jobs

    def look_for_two(self, jobs):
        """A job may have ended while another was read; the end of a device is for ever, so a second look is proof."""
        seen = {}
        for job in jobs:
            for device in job["devices"]:
                if device["state"] in FINAL:
                    continue
                other = seen.setdefault(device["device"], job["id"])
                if other != job["id"] and self.both_run(device["device"], other, job["id"]):
                    self.findings.bad("one job", f"{device['device']} is run by {other} and by {job['id']}")

    def both_run(self, name, newer, older):
        def runs(job_id):
            answer = self.call(f"/v1/jobs/{job_id}")
            return answer.status == 200 and any(d["device"] == name and d["state"] not in FINAL
                                                for d in answer.json["devices"])
        return runs(newer) and runs(older)

    def look_at(self, tracked):
        answer = self.call(f"/v1/jobs/{tracked.id}")
        if answer.status == 200:
            self.observe(answer.json)
        elif tracked.deleted:
            self.jobs.forget(tracked)
        else:
            self.findings.bad("answers", f"{tracked.id}, which nobody deleted: {answer.status} {answer.raw}")
        if tracked.final is None and not tracked.deleted:
            self.look_at_the_clock(tracked)

    def look_at_the_clock(self, tracked):
        begun = tracked.cancelled or tracked.accepted + tracked.runtime
        if time.monotonic() - begun > END_BOUND and not tracked.overdue:
            tracked.overdue = True
            self.findings.bad("ends", f"{tracked.id} {tracked.workload} on {tracked.targets}: {tracked.state}, "
                                      f"cancelled: {tracked.cancelled is not None}")

    def observe(self, job):
        self.looked += 1
        tracked = self.jobs.accept(job)
        if tracked.final is not None:
            return
        now = figures(job)
        for key, value in tracked.figures.items():
            self.findings.expect(now.get(key, 0) >= value, "figures", f"{job['id']} {key}: {value}, then {now.get(key)}")
        tracked.figures = now
        back = STATES.index(job["state"]) < STATES.index(tracked.state)
        self.findings.expect(not back, "figures", f"{job['id']}: {tracked.state}, then {job['state']}")
        tracked.state = job["state"]
        if job["state"] in FINAL and job["ended_at"]:
            self.ended(tracked, job)

    def ended(self, tracked, job):
        tracked.final, tracked.digest = (job["state"], job["verdict"], job["reason"]), digest(job)
        self.verdicts[job["state"], job["verdict"]] += 1
        for device in job["devices"]:
            self.passes += device["verdict"] == "PASS"
            if device["device"] in tracked.cuts:
                self.judge_cut(job, device, *tracked.cuts[device["device"]])
            for op in ("read", "write", "trim"):
                self.moved[device["device"], op] += device["io"][op]["bytes"]
            if "not the device's doing" in (device["reason"] or ""):
                self.findings.bad("host", f"{job['id']} {json.dumps(workload_of(job))} {json.dumps(device)}")
            if device["verdict"] == "PASS":
                self.judge_pass(job, device)
        self.findings.expect(job["verdict"] != "PASS" or all(d["verdict"] == "PASS" for d in job["devices"]), "pass",
                             f"{job['id']} has PASS, and a device has not")
        self.jobs.end(tracked)

    def judge_pass(self, job, device):
        io = operations(device).values()
        allowed = (job.get("criteria") or {}).get("max_io_errors", 0)
        self.findings.expect(sum(op["errors"] for op in io) <= allowed and sum(op["bytes"] for op in io) > 0, "pass",
                             lambda: f"{job['id']}: {json.dumps(device)}")

    def judge_cut(self, job, device, when, size, progress):
        """Of a device that was cut while much was to be done, and stayed so: a job that covers its range had to see it."""
        load = workload_of(job)
        loop = next(loop for loop in self.world.loops if loop.name == device["device"])
        missing = device["offset_bytes"] + device["size_bytes"] - size
        covers = not seconds(load["runtime"]) and load["loops"] == 1 and load["workers"] == 1
        in_order = not load["rw"].startswith("rand")
        if covers and in_order and progress < 0.5 and missing >= 2 * MIB and loop.stayed_below(size, when):
            self.cuts += 1
            self.findings.expect(device["verdict"] != "PASS", "shrunk",
                                 f"{job['id']} cut to {size} at {progress:.2f}: {json.dumps(device)}")

    def look_again(self, tracked):
        answer = self.call(f"/v1/jobs/{tracked.id}")
        if answer.status == 404:
            self.findings.expect(not self.jobs.kept(tracked), "final", f"{tracked.id} is gone")
        elif answer.status == 200:
            same = digest(answer.json) == tracked.digest
            self.findings.expect(same, "final", lambda: f"{tracked.id} was {tracked.final}: {answer.raw.decode()[:1000]}")
        else:
            self.findings.bad("answers", f"GET {tracked.id}: {answer.status}")

    def scrape(self):
        moved = dict(self.moved)
        samples = parse(self.world.daemon.metrics())
        for key, value in samples.items():
            name = key.partition("{")[0]
            if not name.endswith(("_total", "_bucket", "_count", "_sum")):
                continue
            before = self.counters.get(key, 0)
            self.findings.expect(value >= before - 1e-9 * before, "counters", f"{key}: {before}, then {value}")
            if name == "spliced_io_errors_total" and 'error="host"' in key:
                self.findings.expect(value <= before, "host", f"{key} {value}")
        gone = [key for key in self.counters if key.startswith("spliced_io_bytes_total") and key not in samples]
        self.findings.expect(not gone, "counters", f"gone: {gone[:3]}")
        self.counters = samples
        for (device, op), value in moved.items():
            counted = samples.get(f'spliced_io_bytes_total{{device="{device}",op="{op}"}}', 0)
            self.findings.expect(counted >= value, "sums", f"{device} {op}: jobs moved {value}, the counter is {counted}")


def parse(text):
    out = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            out[key] = float(value)
    return out


def threads(pid):
    """How many of each name."""
    out = collections.Counter()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            out[(task / "comm").read_text().strip()] += 1
    return out


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
