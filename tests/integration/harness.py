# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a daemon of their own, devices that are taken down again, HTTP over a Unix socket."""
import atexit
import contextlib
import errno
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("SPLICED_BIN", ROOT / "build/release/bin")).resolve()
PRESET = os.environ.get("SPLICED_PRESET", "release")
SLOW = 4 if PRESET in ("asan", "tsan") else 1  # how much longer things may take
# Shells have it ignored by what they start in the background, which passes it on.
signal.signal(signal.SIGINT, signal.default_int_handler)


def await_true(condition, what, timeout=10.0):
    """Waits until condition() is truthy and returns its value."""
    deadline = time.monotonic() + timeout * SLOW
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout * SLOW:.0f} s in vain: {what}")
        time.sleep(0.02)


def need_root(test):
    return unittest.skipUnless(os.geteuid() == 0, "needs root")(test)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Answer:
    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def json(self):
        return json.loads(self.raw)


class Daemon:
    """A spliced daemon with a private directory; `wrap` is a command in front of it (strace, a seccomp filter)."""

    def __init__(self, *arguments, allow=(), wrap=(), env=None, bus="none", directory=None,
                 metrics_port=0):
        self.owned = directory is None
        self.dir = pathlib.Path(directory or tempfile.mkdtemp(prefix="spliced-test."))
        self.socket = self.dir / "spliced.sock"
        self.log_path = self.dir / "log"
        self.log = open(self.log_path, "ab")
        command = [*map(str, wrap), str(BIN / "spliced"), "--listen", f"unix:{self.socket}", "--metrics-listen",
                   f"127.0.0.1:{metrics_port}", "--state-dir", str(self.dir / "state"), "--bus", bus]
        for pattern in [f"{self.dir}/", *allow]:
            command += ["--allow", str(pattern)]
        begun = self.log_path.stat().st_size
        self.process = subprocess.Popen([*command, *map(str, arguments)], stderr=self.log, stdout=self.log,
                                        env={**os.environ, **(env or {})})
        atexit.register(self._kill)
        await_true(lambda: self._ready(begun), "the daemon to start", 20)
        self.metrics_port = int(re.findall(r"metrics on 127\.0\.0\.1:(\d+)", self.text())[-1])

    def _ready(self, begun):
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}: {self.text()}")
        return "metrics on" in self.text()[begun:]

    def listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(self.socket))
                return True
            except OSError:
                return False

    def text(self):
        return self.log_path.read_text(errors="replace")

    def pid(self):
        """Of spliced itself, below a wrapper."""
        children = subprocess.run(["pgrep", "-P", str(self.process.pid), "-x", "spliced"], capture_output=True, text=True)
        return int(children.stdout.split()[0]) if children.stdout.strip() else self.process.pid

    def call(self, method, path, body=None, headers=None, timeout=30):
        connection = UnixConnection(self.socket, timeout * SLOW)
        with contextlib.closing(connection):
            if isinstance(body, (dict, list)):
                body = json.dumps(body)
            headers = headers if headers is not None else {"Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def submit(self, **job):
        """For most tests a restart is the end of their jobs; see submit_to_go_on()."""
        return self.submit_to_go_on(**{"on_restart": "interrupt"} | job)

    def submit_to_go_on(self, **job):
        answer = self.call("POST", "/v1/jobs", job)
        if answer.status != 201:
            raise AssertionError(f"{answer.status}: {answer.raw.decode()}")
        return answer.json

    def wait(self, job_id, timeout=60):
        deadline = time.monotonic() + timeout * SLOW
        while time.monotonic() < deadline:
            job = self.call("GET", f"/v1/jobs/{job_id}?wait=5s").json
            if job["ended_at"]:
                self._judge_again(job)
                return job
        raise AssertionError(f"job {job_id} did not end: {job}")

    def _judge_again(self, job):
        """What each job of each test came to must follow from its results."""
        answer = self.call("GET", f"/v1/jobs/{job['id']}/results")
        if answer.status in (404, 503):
            return  # forgotten, or the test has taken the state directory away
        done = subprocess.run([BIN / "splicectl", "judge", "--json", "-"], input=answer.raw, capture_output=True, timeout=60 * SLOW)
        judged = json.loads(done.stdout or "{}")
        if done.stderr or not judged.get("agrees") or judged["verdict"] != job["verdict"]:
            raise AssertionError(f"results judged again: {done.stderr.decode()} {json.dumps(judged)[:2000]}")

    def run(self, timeout=60, **job):
        return self.wait(self.submit(**job)["id"], timeout)

    def run_with_waits(self, definition, acts):
        """Runs the job definition(SECONDS), whose stages named in `acts` wait for that long, and does acts[STAGE]() while
        every device is in STAGE. Where a wait was over before that, on a slow machine, all of it once more with longer
        waits."""
        for seconds in (2, 8, 32):
            job = self.submit(**definition(seconds))
            if all(self._act_during(job, stage, act) for stage, act in acts.items()):
                return self.wait(job["id"], timeout=60 + seconds)
            self.wait(job["id"], timeout=60 + seconds)
        raise AssertionError(f"one of {', '.join(acts)} was always over too soon")

    def _act_during(self, job, stage, act):
        names = [one["name"] for one in job["stages"]]
        wanted = names.index(stage)

        def reached():
            job_now = self.call("GET", f"/v1/jobs/{job['id']}").json
            return [len(names) if job_now["ended_at"] else names.index(device["stage"] or names[0]) for device in job_now["devices"]]

        await_true(lambda: all(at >= wanted for at in reached()), f"all devices to come to {stage}", timeout=30)
        act()
        return all(at == wanted for at in reached())

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=10 * SLOW)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def metric(self, name, **labels):
        """The sum of the samples that carry these labels."""
        total = 0.0
        for line in self.metrics().splitlines():
            match = re.match(r"([a-zA-Z0-9_:]+)(?:\{(.*)\})? (\S+)$", line)
            if not match or match.group(1) != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match.group(2) or ""))
            if all(found.get(key) == value for key, value in labels.items()):
                total += float(match.group(3))
        return total

    def rss(self):
        text = pathlib.Path(f"/proc/{self.pid()}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024

    def sockets(self):
        """How many it has open."""
        count = 0
        for fd in pathlib.Path(f"/proc/{self.pid()}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(fd).startswith("socket:")
        return count

    def stop(self, timeout=15):
        """Ends it in an orderly way; the exit code."""
        if self.process.poll() is None:
            os.kill(self.pid(), signal.SIGTERM)
        try:
            return self.process.wait(timeout * SLOW)
        finally:
            self.close()

    def _kill(self):
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid(), signal.SIGKILL)
            self.process.kill()
            self.process.wait()

    def close(self):
        self._kill()
        atexit.unregister(self._kill)
        self.log.close()
        if self.owned:
            shutil.rmtree(self.dir, ignore_errors=True)


class TestCase(unittest.TestCase):
    maxDiff = None

    def daemon(self, *arguments, **options):
        daemon = Daemon(*arguments, **options)
        self.addCleanup(daemon.close)
        return daemon

    TOKEN = "0123456789abcdef-secret"

    def daemon_on_tcp(self):
        """A daemon that wants TOKEN on TCP, and the port."""
        token = self.directory() / "token"
        token.write_text(f"{self.TOKEN}\n")
        token.chmod(0o600)
        daemon = self.daemon("--listen", "127.0.0.1:0", "--token-file", token)
        return daemon, int(daemon.text().split("control on 127.0.0.1:")[1].split()[0])

    def daemon_with_unread_log(self, *arguments, env=None, allow=()):
        """A daemon whose stderr is a pipe that is full and that nobody reads, and the reader's end of that."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, bytes(4096))
        os.set_blocking(writer, True)
        directory = self.directory()
        process = subprocess.Popen(
            [BIN / "spliced", "--listen", f"unix:{directory}/spliced.sock", "--metrics-listen", "none", "--state-dir",
             directory / "state", "--bus", "none", "--allow", f"{directory}/",
             *[word for pattern in allow for word in ("--allow", pattern)], *arguments],
            stderr=writer, stdout=subprocess.DEVNULL, env={**os.environ, **(env or {})})
        os.close(writer)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        daemon = Daemon.__new__(Daemon)  # its way to talk, without its log
        daemon.dir, daemon.socket, daemon.process = directory, directory / "spliced.sock", process
        daemon.pid = lambda: process.pid
        daemon.metrics = lambda: daemon.call("GET", "/metrics").raw.decode()
        return daemon, reader

    def directory(self, base="/dev/shm"):
        path = pathlib.Path(tempfile.mkdtemp(prefix="spliced-test.", dir=base))
        self.addCleanup(shutil.rmtree, path, ignore_errors=True)
        return path

    def loop(self, size=None, sector=512, image=None):
        """A loop device over a fresh sparse image, or over `image`; its path and its image."""
        if image is None:
            image = self.directory() / "image"
            with open(image, "wb") as file:
                file.truncate(size)
        done = subprocess.run(["losetup", "-f", "--show", "-b", str(sector), str(image)], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self.addCleanup(self._detach, device, self._attachment(device))
        return device, image

    @staticmethod
    def _attachment(device):
        """What a loop device is attached to, and the how manyeth of all disks that makes it; None: to nothing."""
        directory = pathlib.Path("/sys/block") / os.path.basename(device)
        try:
            return (directory / "loop/backing_file").read_text(), (directory / "diskseq").read_text()
        except OSError:
            return None

    @classmethod
    def _detach(cls, device, attachment):
        """Not where it was detached before, and not attached to the same again: the number may be another test's by now."""
        now = cls._attachment(device)
        if attachment and now and (now[0] == attachment[0] or now[1] == attachment[1]):
            subprocess.run(["losetup", "-d", device], capture_output=True)

    def memory_group(self, limit):
        """A control group of its own with so many bytes of memory; its directory."""
        roots = (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"))
        name = f"spliced-test-{os.getpid()}-{time.monotonic_ns()}"
        for root, setting in roots:
            group = pathlib.Path(root) / name
            try:
                group.mkdir()
            except OSError:
                continue
            self.addCleanup(self._remove_group, group)
            if (group / setting).exists():
                (group / setting).write_text(str(limit))
                return group
        self.skipTest("no control group that limits memory can be made here")

    @staticmethod
    def _remove_group(group):
        def removed():
            with contextlib.suppress(OSError):
                group.rmdir()
            return not group.exists()

        await_true(removed, "the control group to be empty")

    def fuse_disk(self, size, *options):
        """A mounted fault injector; its directory."""
        return self.fuse_disk_and_server(size, *options)[0]

    def fuse_disk_and_server(self, size, *options):
        if not os.path.exists("/dev/fuse"):
            self.skipTest("no /dev/fuse")
        mount = self.directory("/tmp")
        server = subprocess.Popen([BIN / "fuse_disk", mount, str(size), *options])

        def end():
            server.send_signal(signal.SIGCONT)
            with contextlib.suppress(OSError):
                (mount / "control").write_text("clear")
            subprocess.run(["umount", "-l", mount], capture_output=True)
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()
            server.wait()

        self.addCleanup(end)
        await_true(lambda: (mount / "disk").exists(), "the FUSE disk to be mounted")
        return mount, server


def kernel_counters(device):
    """Sectors count 512 bytes whatever the device (Documentation/block/stat.rst)."""
    name = os.path.basename(device)
    fields = list(map(int, pathlib.Path(f"/sys/block/{name}/stat").read_text().split()))
    return {"reads": fields[0], "read_bytes": fields[2] * 512, "writes": fields[4], "write_bytes": fields[6] * 512}


def expect_errno(code):
    return errno.errorcode[code]
