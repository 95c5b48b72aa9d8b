# SPDX-License-Identifier: Apache-2.0
"""What the soak runs on: loop devices over images on a small file system of their own, a state directory on another, a
private bus, and the daemon. All of it is taken down again."""
import atexit
import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import harness

MIB = 1 << 20
DEVICES = 24
FIRST_LOOP = 400  # far above what `losetup -f` hands out: a device that is detached for a moment is taken by nobody
IMAGE = 16 * MIB
IMAGES_SPACE = 256 * MIB  # less than all images together
STATE_SPACE = 192 * MIB
LOOP_CTL_REMOVE = 0x4C81  # linux/loop.h


def command(*arguments, check=True):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{arguments}: {done.stderr.strip()}")
    return done


class Loop:
    """A loop device over an image of its own, whose size others change."""

    def __init__(self, number, image, sector):
        self.path, self.name, self.image, self.sector = f"/dev/loop{number}", f"loop{number}", image, sector
        self.size = IMAGE
        self.attached = False
        self.lock = threading.Lock()  # guards the rest
        self.posting = 0
        self.leaving = False  # it is to be detached or is: nothing may write to what bears its name
        self.sizes = []       # (when, size) of each change
        with open(image, "wb") as file:
            file.truncate(IMAGE)

    def attach(self):
        done = command("losetup", "-b", self.sector, self.path, self.image, check=False)
        self.attached = done.returncode == 0 and self.is_ours()
        return self.attached

    def is_ours(self):
        with contextlib.suppress(OSError):
            backing = pathlib.Path(f"/sys/block/{self.name}/loop/backing_file").read_text().strip()
            return backing == str(self.image)
        return False

    def detach(self):
        if self.is_ours():
            command("losetup", "-d", self.path, check=False)

    def remove(self):
        with contextlib.suppress(OSError), open("/dev/loop-control", "rb") as control:
            fcntl.ioctl(control, LOOP_CTL_REMOVE, int(self.name.removeprefix("loop")))

    def resize(self, size):
        with self.lock:
            self.sizes.append((time.monotonic(), size))
        os.truncate(self.image, size)
        done = command("losetup", "-c", self.path, check=False)
        self.size = size
        return done.returncode == 0

    def stayed_below(self, size, since):
        with self.lock:
            return all(one <= size for when, one in self.sizes if when >= since)

    @contextlib.contextmanager
    def used_for_a_job(self):
        """Whether a job may be begun on it; it is not detached meanwhile."""
        with self.lock:
            free = not self.leaving
            self.posting += free
        try:
            yield free
        finally:
            with self.lock:
                self.posting -= free

    def leave(self):
        with self.lock:
            self.leaving = True
        harness.await_true(lambda: self.posting == 0, "submissions to be answered", 60)

    def come_back(self):
        with self.lock:
            self.leaving = False


class Filler:
    """Takes what is free on a file system, and gives it back."""

    def __init__(self, directory):
        self.path = pathlib.Path(directory) / "filler"

    def fill(self):
        with contextlib.suppress(OSError), open(self.path, "wb", buffering=0) as file:
            while file.write(bytes(MIB)):
                pass

    def free(self):
        self.path.unlink(missing_ok=True)


class World:
    def __init__(self, probe):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="spliced-soak.", dir="/dev/shm"))
        self.images, self.home = self.directory / "images", self.directory / "daemon"
        self.mounts, self.loops, self.bus, self.daemon = [], [], None, None
        self.report = self.directory / "locks"
        self.probe = probe
        self.state_full = 0.0  # when the state directory was last full
        atexit.register(self.take_down)
        self._mount(self.images, IMAGES_SPACE)
        self.home.mkdir()
        self._mount(self.home / "state", STATE_SPACE)
        self._add_loops()
        self._start_bus()

    def _mount(self, where, size):
        where.mkdir()
        command("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "spliced-soak", where)
        self.mounts.append(where)

    def _add_loops(self):
        number = FIRST_LOOP
        while len(self.loops) < DEVICES and number < FIRST_LOOP + 10 * DEVICES:
            loop = Loop(number, self.images / str(number), 4096 if len(self.loops) % 6 == 5 else 512)
            number += 1
            if not pathlib.Path(loop.path).exists() and not loop_nodes_come_by_themselves():
                command("mknod", loop.path, "b", 7, loop.path.removeprefix("/dev/loop"), check=False)
            if loop.attach():
                self.loops.append(loop)
        if len(self.loops) < DEVICES:
            raise RuntimeError("there are not enough loop devices")

    def _start_bus(self):
        if not shutil.which("dbus-daemon") or not shutil.which("busctl"):
            return
        self.address = f"unix:path={self.directory}/bus"
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address",
                                     f"--address={self.address}"], stdout=subprocess.PIPE, text=True)
        self.bus.stdout.readline()

    def configure(self, text):
        (self.home / "spliced.json").write_text(text)

    def start_daemon(self, probed=False):
        self.configure(json.dumps({"log_level": "info"}))
        env = {"DBUS_SESSION_BUS_ADDRESS": self.address} if self.bus else {}
        if probed and self.probe:
            env |= {"LD_PRELOAD": str(self.probe), "LOCK_PROBE_REPORT": str(self.report)}
        self.daemon = harness.Daemon("--config", self.home / "spliced.json", "--keep-jobs", "1000", directory=self.home, env=env,
                                     allow=[loop.path for loop in self.loops], bus="session" if self.bus else "none")
        return self.daemon

    def call_bus(self, *arguments):
        return command("busctl", f"--address={self.address}", "--json=short", "--timeout=30", "call",
                       "org.spliced.Manager1", "/org/spliced/Manager1", "org.spliced.Manager1", *arguments, check=False)

    def make_whole(self):
        """Every device there again and as large as in the beginning, and space for all of them."""
        for loop in self.loops:
            with contextlib.suppress(OSError):
                os.truncate(loop.image, 0)
            harness.await_true(lambda one=loop: one.is_ours() or one.attach(), f"{loop.path} to be attached", 30)
            loop.resize(IMAGE)

    def take_down(self):
        atexit.unregister(self.take_down)
        if self.daemon:
            self.daemon.close()
        for loop in self.loops:
            loop.detach()
            loop.remove()
        if self.bus:
            self.bus.terminate()
            self.bus.wait(10)
            self.bus.stdout.close()
        for mount in self.mounts:
            command("umount", "-l", mount, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def loop_nodes_come_by_themselves():
    return any(line.split()[1:3] == ["/dev", "devtmpfs"] for line in open("/proc/mounts"))
