# SPDX-License-Identifier: Apache-2.0
"""What is looked at when the soak has ended: what is left of the load, what is recorded, what a restart keeps."""
import json
import os
import signal
import time

import locks
from harness import await_true
from watch import FINAL, descriptors, threads

MIB = 1 << 20
LONG = 8                    # minutes: from there on the level after minute 4 is the measure
MORE, MORE_SHORT = 1.08, 1.5
AT_LEAST, AT_LEAST_SHORT = 8, 48  # MiB
KEPT = 1000  # ended jobs
POOLS = ("http", "api", "control", "metrics", "device", "bus-errand")  # that keep as many threads as were once needed


def look(soak, samples):
    for step in (let_jobs_end, look_at_leftovers, look_at_claims, look_at_records, look_at_bus):
        step(soak)
    look_at_memory(soak, samples)
    before = stop(soak)
    look_at_locks(soak)
    compare(soak, before, "restart")
    kill(soak)


def let_jobs_end(soak):
    deadline = time.monotonic() + 90
    while soak.jobs.live and time.monotonic() < deadline:
        soak.watch()
        time.sleep(0.2)
    soak.findings.expect(not soak.jobs.live, "ends", lambda: f"after 90 s: {[job.id for job in soak.jobs.live.values()]}")
    soak.watch()


def look_at_leftovers(soak):
    pid = soak.daemon.pid()
    names = {loop.name for loop in soak.world.loops}
    pooled = lambda counted: sum(n for name, n in counted.items() if not name.startswith(POOLS))  # noqa: E731

    def settled():
        now = threads(pid)
        return not names & now.keys() and pooled(now) <= pooled(soak.threads)

    try:
        await_true(settled, "threads to leave", 15)
    except AssertionError:
        soak.findings.bad("threads", f"at first {dict(soak.threads)}, now {dict(threads(pid))}")
    try:
        # A thread of a pool may have a pipe or a reader of its own.
        await_true(lambda: descriptors(pid) <= soak.descriptors + 4, "descriptors to be closed", 15)
    except AssertionError:
        soak.findings.bad("descriptors", f"at first {soak.descriptors}, now {descriptors(pid)}: " + " ".join(
            os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")))
    print(f"threads: at first {dict(soak.threads)}, at the end {dict(threads(pid))}\n"
          f"descriptors: at first {soak.descriptors}, at the end {descriptors(pid)}")


def look_at_claims(soak):
    soak.world.make_whole()
    for loop in soak.world.loops:
        body = {"targets": [loop.path], "workload": {"rw": "write"}, "destructive": True, "overwrite_signatures": ["all"]}
        answer = soak.daemon.call("POST", "/v1/jobs:validate", body)
        accepted = answer.status == 200 and answer.json["accepted"]
        soak.findings.expect(accepted, "claims", lambda: f"{loop.path}: {answer.status} {answer.raw}")
    for device in soak.daemon.call("GET", "/v1/devices").json["devices"]:
        soak.findings.expect(device["job"] is None, "claims", f"{device['device']} is held by {device['job']}")


def look_at_records(soak):
    try:
        await_true(lambda: soak.daemon.call("GET", "/readyz").status == 200, "/readyz", 15)
    except AssertionError:
        soak.findings.bad("recorded", soak.daemon.call("GET", "/readyz").raw.decode())


def look_at_bus(soak):
    if not soak.world.bus:
        soak.findings.skipped["bus"] = "no dbus-daemon or busctl"
        return
    done = soak.world.call_bus("ListJobs")
    soak.findings.expect(done.returncode == 0 and json.loads(done.stdout)["data"][0], "bus", f"at the end: {done.stderr}")


def look_at_memory(soak, samples):
    minutes = soak.arguments.minutes
    early = samples.between(4 / minutes, 5 / minutes) if minutes >= LONG else samples.between(0.2, 0.4)
    late = samples.between(0.8, 1)
    more, at_least = (MORE, AT_LEAST) if minutes >= LONG else (MORE_SHORT, AT_LEAST_SHORT)
    print(f"rss: median of {'minute 4 to 5' if minutes >= LONG else 'the second fifth'} {early:.1f} MiB, of the last fifth "
          f"{late:.1f} MiB, at most {max(samples.rss) / MIB:.1f} MiB; with no job {soak.daemon.rss() / MIB:.1f} MiB")
    limit = max(early * more, early + at_least)
    soak.findings.expect(late <= limit, "memory", f"{early:.1f} MiB became {late:.1f} MiB; at most {limit:.1f} MiB")


def all_jobs(daemon):
    jobs, token = {}, ""
    while token is not None:
        page = daemon.call("GET", f"/v1/jobs?page_size=500{token and '&page_token=' + token}").json
        jobs |= {job["id"]: (job["state"], job["verdict"], job["reason"], job["ended_at"]) for job in page["jobs"]}
        token = page["next_page_token"]
    return jobs


def stop(soak):
    jobs = all_jobs(soak.daemon)
    code = soak.daemon.stop(60)
    soak.findings.expect(code == 0, "restart", f"the stop ended with {code}: {soak.daemon.text()[-800:]}")
    return jobs


def compare(soak, before, check, running=()):
    soak.daemon = soak.world.start_daemon()
    after = all_jobs(soak.daemon)
    # The newest, where those that ran make it more than are kept.
    kept = set(list(before)[:KEPT])
    soak.findings.expect(kept == after.keys(), check, f"only before {len(kept - after.keys())}, "
                         f"only after {len(after.keys() - kept)}")
    changed = [(job, before[job], after[job]) for job in before.keys() & after.keys() - set(running)
               if before[job] != after[job]]
    soak.findings.expect(not changed, check, f"{len(changed)} changed: {changed[:2]}")
    for job in running:
        state = after.get(job, ["gone"])[0]
        soak.findings.expect(state == "INTERRUPTED", check, f"{job} ran and is {state}")


def look_at_locks(soak):
    if soak.world.report.exists():
        locks.judge(soak.world.report, soak.findings)
    elif soak.world.probe:
        soak.findings.bad("locks", "the probe wrote nothing")
    else:
        soak.findings.skipped["locks"] = "no lock_probe.so beside the daemon"


def kill(soak):
    running = [soak.daemon.submit(targets=[loop.path], workload={"rw": "randread", "runtime": "1h", "time_based": True,
                                                                 "rate_iops": 100})["id"] for loop in soak.world.loops[:4]]
    await_true(lambda: all(all_jobs(soak.daemon)[job][0] == "RUNNING" for job in running), "the jobs to run")
    time.sleep(1)  # that much may be unrecorded of the rest of them
    before = all_jobs(soak.daemon)
    assert not any(before[job][0] in FINAL for job in running)
    os.kill(soak.daemon.pid(), signal.SIGKILL)
    soak.daemon.process.wait(30)
    compare(soak, before, "kill", running)
    soak.findings.expect(soak.daemon.stop(60) == 0, "kill", "the last stop failed")
