# SPDX-License-Identifier: Apache-2.0
"""A private bus, and tests on it."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

from harness import BIN, TestCase, await_true

NAME, PATH = "org.spliced.Manager1", "/org/spliced/Manager1"
JOB, JOBS = "org.spliced.Job1", "/org/spliced/job"
HERE = pathlib.Path(__file__).resolve().parent
# The one that Debian's packages of libraries are for.
PYTHON = "/usr/bin/python3"
FOR_ALL = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type><listen>{address}</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class Bus:
    """One that `test` ends; `config`: its configuration, instead of that of a session."""

    def __init__(self, test, address, config=None):
        self.address = address
        kind = [f"--config-file={config}"] if config else ["--session", f"--address={address}"]
        self.process = subprocess.Popen(["dbus-daemon", "--nofork", "--print-address", *kind], stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()
        test.addCleanup(self.end)

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(10)
        self.process.stdout.close()


class OnABus(TestCase):
    def setUp(self):
        for tool in ("dbus-daemon", "busctl"):
            if not shutil.which(tool):
                self.skipTest(f"no {tool}")
        self.bus_dir = self.directory()
        self.address = f"unix:path={self.bus_dir}/bus"
        self.env = {"DBUS_SESSION_BUS_ADDRESS": self.address}

    def bus_for_all(self):
        """One that other users may connect to."""
        self.bus_dir.chmod(0o755)
        config = self.bus_dir / "config"
        config.write_text(FOR_ALL.format(address=self.address))
        return Bus(self, self.address, config)

    def start(self):
        return self.daemon(bus="session", env=self.env)

    def busctl(self, *arguments, check=True, uid=None):
        as_user = [] if uid is None else ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
        done = subprocess.run([*as_user, "busctl", f"--address={self.address}", "--json=short", *arguments], capture_output=True,
                              text=True)
        if check and done.returncode != 0:
            raise AssertionError(f"busctl {arguments}: {done.stderr}")
        return done

    def invoke(self, method, *arguments):
        done = self.busctl("call", NAME, PATH, NAME, method, *arguments)
        return json.loads(done.stdout)["data"] if done.stdout.strip() else None

    def property_of(self, path, name):
        return json.loads(self.busctl("get-property", NAME, path, JOB, name).stdout)["data"]

    def objects(self):
        done = self.busctl("call", NAME, "/org/spliced", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        return json.loads(done.stdout)["data"][0]

    def connected(self, daemon):
        await_true(lambda: self.busctl("status", NAME, check=False).returncode == 0, "the name on the bus", 30)
        return daemon

    def definition(self, daemon, **workload):
        return json.dumps({"name": "over the bus", "targets": [str(daemon.dir / "scratch")], "destructive": True,
                           "workload": {"rw": "randrw", "bs": "4k", "size": "1M", "direct": False, **workload}})

    def destroying(self, daemon, file="s", **job):
        return daemon.submit(targets=[str(daemon.dir / file)], destructive=True, **job, workload={
            "rw": "write", "size": "4k", "runtime": "1h", "time_based": True, "thinktime": "1s", "direct": False})

    def stand_in(self, command):
        """A program that claims a name on the bus and says "ready"; the process, and what it has said."""
        log = open(self.directory() / "said", "w+")
        self.addCleanup(log.close)
        process = subprocess.Popen(command, stdout=log, env={**os.environ, **self.env})
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        said = lambda: open(log.name).read()  # noqa: E731
        await_true(lambda: "ready" in said(), f"{command}")
        return process, said

    def login1(self, mode=""):
        return self.stand_in([BIN / "fake_login1", *filter(None, [mode])])

    def other_library(self, script, *arguments):
        """A script that is a client by python3-dbus-next, which has nothing in common with the library of the daemon."""
        if subprocess.run([PYTHON, "-c", "import dbus_next"], capture_output=True).returncode != 0:
            self.skipTest("no python3-dbus-next")
        return [PYTHON, str(HERE / script), *map(str, arguments)]
