# SPDX-License-Identifier: Apache-2.0
"""Job definitions, at random: good ones of every kind, and bodies that must be refused."""
import json

MODES = ["read", "write", "randread", "randwrite", "rw", "readwrite", "randrw", "trim", "randtrim"]
BLOCKS = ["512", "1k", "4k", "16k", "64k", "256k", "1M"]


def reads_only(mode):
    return mode in ("read", "randread")


def limits(rng, workload):
    """A job that takes its time has a runtime: the soak wants every job to end soon."""
    if rng.random() < 0.25:
        workload["rate"] = rng.choice(["256k", "1M", "8M"])
    if rng.random() < 0.15:
        workload["rate_iops"] = rng.choice([10, 100, 2000])
    if rng.random() < 0.15:
        workload["thinktime"] = rng.choice(["1ms", "5ms", "50ms"])
    slow = {"rate", "rate_iops", "thinktime"} & workload.keys() or workload["bs"] in ("512", "1k")
    if slow or rng.random() < 0.4:
        workload["runtime"] = round(rng.uniform(0.1, 3.0), 2)
        workload["time_based"] = rng.random() < 0.6


def syncs(rng, workload):
    for key in ("fsync", "fdatasync", "sync_file_range"):
        if rng.random() < 0.08:
            workload[key] = rng.choice([1, 8, 64])
    workload["end_fsync"] = rng.random() < 0.3
    workload["payload"] = rng.choice(["random", "zero", "pattern:aa55"])


def workload(rng):
    out = {"rw": rng.choice(MODES), "bs": rng.choice(BLOCKS), "workers": rng.randint(1, 4),
           "direct": rng.random() < 0.6, "seed": rng.randrange(1 << 32)}
    if rng.random() < 0.5:
        out["size"] = rng.choice(["1M", "2M", "4M", "8M", "25%", "50%", "100%"])
    if rng.random() < 0.3:
        out["offset"] = rng.choice(["0", "1M", "25%"])
    if rng.random() < 0.15:
        out["loops"] = rng.randint(2, 3)
    if out["rw"].startswith("rand") and rng.random() < 0.3:
        out["random_distribution"] = rng.choice(["zipf:1.1", "pareto:0.2", "normal:10"])
    if out["rw"] in ("rw", "readwrite", "randrw"):
        out["rwmixread"] = rng.randint(0, 100)
    limits(rng, out)
    if not reads_only(out["rw"]):
        syncs(rng, out)
    return out


def engine(rng):
    out = {}
    if rng.random() < 0.2:
        out["read_path"] = rng.choice(["copy", "read", "discard"])  # the host may refuse "map"
    if rng.random() < 0.1:
        out["pipe_size"] = rng.choice(["64k", "256k", "1M"])
    if rng.random() < 0.1:
        out["gift"] = True
    return out


def definition(rng, targets, name=""):
    load = workload(rng)
    out = {"name": name, "targets": targets, "workload": load, "engine": engine(rng),
           "destructive": not reads_only(load["rw"]), "overwrite_signatures": ["all"], "on_restart": "interrupt"}
    if rng.random() < 0.3:
        out["error_policy"] = {"max_errors": rng.choice([0, 1, 10, 100000])}
    if rng.random() < 0.1:
        out["criteria"] = {"max_io_errors": rng.choice([1, 100])}
    return out


def wrong_body(rng, target):
    """A body that must be refused with 4xx."""
    return rng.choice([
        "", "{", "[]", "null", '{"targets": []}', json.dumps({"targets": ["relative"]}),
        json.dumps({"targets": [target], "unknown": 1}), json.dumps({"targets": [target, target]}),
        json.dumps({"targets": [target], "workload": {"rw": "write"}}),
        json.dumps({"targets": [target], "workload": {"rw": "wriet"}, "destructive": True}),
        json.dumps({"targets": [target], "workload": {"bs": 511}}),
        json.dumps({"targets": [target], "workload": {"workers": rng.choice([0, -1, 65, 1e30])}}),
        json.dumps({"targets": ["/dev/null"]}), json.dumps({"targets": ["/dev/no-such-disk"]}),
        json.dumps({"targets": [target], "workload": {"offset": "100T"}}), "[" * 100, '{"targets":' + '["/' + "x" * 5000 + '"]}',
        "x" * (2 << 20)])
