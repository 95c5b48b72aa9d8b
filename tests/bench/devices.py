# SPDX-License-Identifier: Apache-2.0
"""Devices for the benchmark. Everything that is set up is taken down again, whatever happens."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ZRAM = pathlib.Path("/sys/class/zram-control")


class Unavailable(Exception):
    """This machine has no such device; the text says why."""


class Devices:
    """A stack of devices. Use it with `with`."""

    def __init__(self, tmpfs_options):
        self._options = tmpfs_options
        self._stack = contextlib.ExitStack()
        self.tmpfs = None

    def __enter__(self):
        try:
            self._mount()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _mount(self):
        self.tmpfs = pathlib.Path(tempfile.mkdtemp(prefix="spliced-bench-", dir="/tmp"))
        self._stack.callback(shutil.rmtree, self.tmpfs, ignore_errors=True)
        self._stack.callback(subprocess.run, ["umount", "-l", self.tmpfs], capture_output=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", self._options, "spliced-bench", self.tmpfs])
        if mounted.returncode != 0:
            raise Unavailable("cannot mount a tmpfs")

    def __exit__(self, *_):
        self._stack.close()

    def zram(self, size):
        if shutil.which("modprobe"):  # it may be built in
            subprocess.run(["modprobe", "zram"], capture_output=True)
        if not (ZRAM / "hot_add").exists():
            raise Unavailable("this kernel has no zram")
        number = (ZRAM / "hot_add").read_text().strip()
        device = f"/dev/zram{number}"
        self._stack.callback(_try_write, ZRAM / "hot_remove", number)
        pathlib.Path(f"/sys/block/zram{number}/disksize").write_text(str(size))
        self._stack.callback(_try_write, f"/sys/block/zram{number}/reset", "1")
        return _zeroed(device)

    def loop(self, size):
        handle, image = tempfile.mkstemp(dir=self.tmpfs)
        os.close(handle)
        os.truncate(image, size)
        done = subprocess.run(["losetup", "-f", "--show", "-b", "4096", image], capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self._stack.callback(subprocess.run, ["losetup", "-d", device])
        return _zeroed(device)

    def cached_file(self, size):
        """A file on a disk's file system, all of it in the page cache."""
        handle, name = tempfile.mkstemp(prefix="spliced-bench-", dir="/var/tmp")
        os.close(handle)
        path = pathlib.Path(name)
        self._stack.callback(path.unlink)
        with open(path, "wb") as file:
            file.write(bytes(size))
            os.fsync(file.fileno())
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
        return str(path)


def _zeroed(device):
    """The same zeros everywhere, and no block that was never written."""
    done = subprocess.run(["dd", "if=/dev/zero", f"of={device}", "bs=1M", "oflag=direct"], capture_output=True, text=True)
    if "No space left" not in done.stderr:
        raise Unavailable(f"cannot fill {device}: {done.stderr.strip()}")
    return device


def _try_write(path, text):
    """Somebody may still have the device open for a moment, to see what is on it."""
    deadline = time.monotonic() + 3
    while True:
        try:
            pathlib.Path(path).write_text(text)
            return
        except OSError as error:
            if time.monotonic() > deadline:
                print(f"left behind: {path} {text}: {error}", file=sys.stderr)
                return
        time.sleep(0.05)
