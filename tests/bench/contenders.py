# SPDX-License-Identifier: Apache-2.0
"""What is compared. Each contender runs one cell for some time and returns (operations per second, CPU seconds, bytes)."""
import collections
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

Cell = collections.namedtuple("Cell", "device target bs rw threads direct")
Result = collections.namedtuple("Result", "iops cpu_seconds bytes")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Spliced:
    """The whole daemon: jobs over HTTP, counters on, metrics listener open."""

    def __init__(self, binaries):
        self._dir = pathlib.Path(tempfile.mkdtemp(prefix="spliced-bench-"))
        self._socket = str(self._dir / "sock")
        with open(self._dir / "log", "w") as log:
            self._process = subprocess.Popen(
                [f"{binaries}/spliced", "--listen", f"unix:{self._socket}", "--metrics-listen", "127.0.0.1:0", "--bus", "none",
                 "--state-dir", str(self._dir / "state"), "--allow", "/dev/zram*", "--allow", "/dev/loop*",
                 "--allow", "/var/tmp/spliced-bench-*", "--allow", "/tmp/spliced-bench-*"], stderr=log)
        try:
            self._await_socket()
            self._knows_headers = "compress:" in self.call("GET", "/openapi.yaml")
        except BaseException:
            self.close()
            raise

    def _await_socket(self):
        deadline = time.monotonic() + 10
        while not os.path.exists(self._socket):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError(f"the daemon does not start: {(self._dir / 'log').read_text()}")
            time.sleep(0.01)

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            shutil.rmtree(self._dir, ignore_errors=True)

    def bind(self, cpus):
        """All of the daemon to these CPUs, the threads that it will have, too."""
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            try:
                os.sched_setaffinity(int(thread), cpus)
            except ProcessLookupError:
                pass  # it has ended

    def call(self, method, path, body=None):
        connection = UnixConnection(self._socket)
        connection.request(method, path, json.dumps(body) if body is not None else None,
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return json.loads(text) if text.startswith("{") else text

    def cpu_seconds(self):
        """Of the whole process: clock_getcpuclockid(3) of its id."""
        return time.clock_gettime((~self._process.pid << 3) | 2)

    def submit(self, targets, engine=None, **workload):
        workload.setdefault("payload", "zero")
        if self._knows_headers and workload["payload"] == "zero":
            workload.setdefault("header", False)  # zeros alone, for zram and for earlier versions
        return self.call("POST", "/v1/jobs", {"targets": targets, "destructive": "write" in workload["rw"],
                                              "engine": engine or {}, "workload": workload})

    def wait(self, job):
        while not job["ended_at"]:
            job = self.call("GET", f"/v1/jobs/{job['id']}?wait=30s")
        if job["verdict"] != "PASS":
            raise RuntimeError(f"the job did not pass: {json.dumps(job)}")
        return job

    def job(self, cell, seconds, engine):
        return self.wait(self.submit([cell.target], engine, rw=cell.rw, bs=cell.bs, direct=cell.direct,
                                     workers=cell.threads, time_based=True, runtime=f"{round(seconds * 1000)}ms"))

    def run(self, cell, seconds, engine, setup=0.0):
        before = self.cpu_seconds()
        device = self.job(cell, seconds, engine)["devices"][0]
        io = device["io"][direction(cell.rw)]
        return Result(io["operations_per_second"], self.cpu_seconds() - before - setup, io["bytes"])

    def setup_seconds(self, cell, engine):
        """CPU time of what is before and after the I/O of a job: that of a job of one block for each worker. It is left
        out, as it is for the others."""
        times = []
        for _ in range(5):
            before = self.cpu_seconds()
            self.wait(self.submit([cell.target], engine, rw=cell.rw, bs=cell.bs, direct=cell.direct, workers=cell.threads,
                                  size=cell.bs * cell.threads))
            times.append(self.cpu_seconds() - before)
        return statistics.median(times)

    def tuning(self, cell, engine):
        """Lets the daemon find its settings, and tells them."""
        for _ in range(20):
            tuning = self.job(cell, 0.3, engine)["devices"][0]["engine"]["tuning"][0]
            if tuning["source"] != "untried":
                return tuning
        return tuning


def direction(rw):
    return "write" if rw.endswith("write") else "read"


def size_of(target):
    with open(target, "rb") as file:
        return file.seek(0, os.SEEK_END)


def _fio_range(cell):
    """The part of the target for each thread: one of its own in sequential modes, as the others have it."""
    size = size_of(cell.target)
    if cell.rw.startswith("rand") or cell.threads == 1:
        return [f"--size={size}"]
    part = size // cell.threads // cell.bs * cell.bs
    return [f"--size={part}", f"--offset_increment={part}"]


def cpus_of(cell):
    """The same for every contender: as many as there are threads, from the first on."""
    allowed = sorted(os.sched_getaffinity(0))
    return set(allowed[:cell.threads])


def _bind(cell):
    cpus = cpus_of(cell)
    return lambda: os.sched_setaffinity(0, cpus)


def run_fio(cell, seconds, engine):
    """CPU time is what fio itself tells of its job; what it spends before and after does not count."""
    done = subprocess.run(
        ["fio", "--name=bench", f"--filename={cell.target}", f"--rw={cell.rw}", f"--bs={cell.bs}", f"--ioengine={engine}",
         f"--direct={int(cell.direct)}", "--time_based", f"--runtime={round(seconds * 1000)}ms", "--thread",
         f"--numjobs={cell.threads}", "--group_reporting", "--zero_buffers", "--norandommap",
         f"--invalidate={int(cell.direct)}", *_fio_range(cell), "--output-format=json"],
        capture_output=True, text=True, cwd="/tmp", timeout=seconds + 60, preexec_fn=_bind(cell))
    if done.returncode != 0:
        raise RuntimeError(f"fio: {done.stderr}")
    job = json.loads(done.stdout)["jobs"][0]
    io = job[direction(cell.rw)]
    cpu = (job["usr_cpu"] + job["sys_cpu"]) / 100 * io["runtime"] / 1000 * cell.threads
    return Result(io["iops"], cpu, io["io_bytes"])


def run_bare(binaries, cell, seconds, tuning, discard=False, psync=False):
    done = subprocess.run(
        [f"{binaries}/bare", "--target", cell.target, "--rw", cell.rw, "--bs", str(cell.bs), "--threads", str(cell.threads),
         "--direct", str(int(cell.direct)), "--seconds", str(seconds), "--pipe", str(tuning["pipe_size_bytes"]),
         "--batch", str(tuning["batch"]), "--discard", str(int(discard)), "--psync", str(int(psync))], capture_output=True, text=True,
        timeout=seconds + 60, preexec_fn=_bind(cell))
    if done.returncode != 0:
        raise RuntimeError(f"bare: {done.stderr}")
    out = json.loads(done.stdout)
    return Result(out["operations"] / out["seconds"], out["cpu_seconds"], out["operations"] * cell.bs)
