# SPDX-License-Identifier: Apache-2.0
"""Each check of the watcher must notice what it is for."""
import copy
import random
import types

from watch import Findings, Jobs, Watcher

NOTHING = {"bytes": 0, "operations": 0, "errors": 0}


def job(**changes):
    device = {"device": "d", "state": "RUNNING", "verdict": None, "reason": None, "progress": 0.5, "offset_bytes": 0,
              "size_bytes": 16 << 20, "engine": {"kind": "splice", "events": []},
              "io": {"read": {"bytes": 8, "operations": 2, "errors": 0}, "write": NOTHING, "trim": NOTHING, "sync": NOTHING}}
    out = {"id": "j", "state": "RUNNING", "verdict": None, "reason": None, "ended_at": None, "targets": ["/d"],
           "stages": [{"workload": {"runtime": "0", "rw": "read", "loops": 1, "workers": 1}}], "devices": [device]}
    out = copy.deepcopy(out | {key: value for key, value in changes.items() if key in out})
    out["devices"][0]["io"]["read"] |= changes.get("read", {})
    out["devices"][0] |= {"state": out["state"], "verdict": out["verdict"]}
    return out


class FakeDaemon:
    """Answers with what it is told."""

    def __init__(self, documents, scrapes=("",)):
        self.documents, self.scrapes = list(documents), list(scrapes)

    def call(self, _method, _path):
        document = self.documents.pop(0)
        status = document if isinstance(document, int) else 200
        return types.SimpleNamespace(status=status, json=document, raw=b"")

    def metrics(self):
        return self.scrapes.pop(0)


def watcher(documents=(), scrapes=("",)):
    loop = types.SimpleNamespace(name="d", stayed_below=lambda size, since: True)
    world = types.SimpleNamespace(daemon=FakeDaemon(documents, scrapes), loops=[loop])
    return Watcher(world, Jobs(), Findings(quiet=True), random.Random(1))


def ended(verdict="PASS", **changes):
    return job(state="SUCCEEDED", verdict=verdict, ended_at="now", **changes)


def broken(watching):
    return {check for check, violations in watching.findings.broken.items() if violations}


def observed(*documents):
    watching = watcher()
    for document in documents:
        watching.observe(document)
    return watching


def cut():
    watching = observed(job())
    watching.jobs.all["j"].cuts["d"] = (0, 2 << 20, 0.1)
    watching.observe(ended())
    return watching


def seen_again(document):
    watching = watcher([document])
    watching.observe(ended())
    watching.look_again(watching.jobs.ended[0])
    return watching


def late():
    watching = watcher([job()])
    watching.observe(job())
    watching.jobs.live["j"].accepted -= 1000
    watching.look_at(watching.jobs.live["j"])
    return watching


def two_at_once():
    watching = watcher([job(), job()])
    watching.look_for_two([job(id="a"), job(id="b")])
    return watching


def scraped(*texts, moved=0):
    watching = watcher(scrapes=texts)
    watching.moved["d", "read"] += moved
    for _ in texts:
        watching.scrape()
    return watching


def run():
    """What is wrong with the checks, or nothing."""
    counted = 'spliced_io_bytes_total{{device="d",op="read"}} {}\n'.format
    host = 'spliced_io_errors_total{{device="d",error="host"}} {}\n'.format
    cases = [(observed(job(), job(read={"operations": 3}), ended(read={"operations": 3})), set()), (seen_again(ended()), set()),
             (scraped(counted(8), counted(9), moved=8), set()), (observed(job(), job(read={"operations": 1})), {"figures"}),
             (observed(job(state="STOPPING"), job()), {"figures"}), (observed(ended(read={"errors": 1})), {"pass"}),
             (observed(ended(read={"bytes": 0})), {"pass"}), (cut(), {"shrunk"}), (seen_again(ended("FAIL")), {"final"}),
             (seen_again(404), {"final"}), (late(), {"ends"}), (two_at_once(), {"one job"}),
             (scraped(counted(8), counted(7)), {"counters"}), (scraped(counted(8), ""), {"counters"}),
             (scraped(counted(7), moved=8), {"sums"}), (scraped(host(0), host(1)), {"host"})]
    return [f"case {number}: {broken(watching)} instead of {wanted}" for number, (watching, wanted) in enumerate(cases)
            if broken(watching) != wanted]
