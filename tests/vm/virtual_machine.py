# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with Debian's own kernel, the project's packages as they are installed, an NVMe disk and a SCSI disk."""
import atexit
import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import image

BOOT_LIMIT = 300  # seconds; everything is emulated
ANSWER_LIMIT = 60  # beyond the time that a script has
END_LIMIT = 60
MEMORY = 2048  # MiB
DISK_BYTES = 64 << 20
Done = collections.namedtuple("Done", "returncode stdout stderr")


class CannotBoot(Exception):
    """Why there is no such machine here; not what is wrong with one that was started."""


class Lines:
    """A socket that speaks lines of JSON."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.pending = b""

    def send(self, message):
        self.socket.settimeout(ANSWER_LIMIT)
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, timeout):
        deadline = time.monotonic() + timeout
        while b"\n" not in self.pending:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            piece = self.socket.recv(65536)
            if not piece:
                raise AssertionError("the machine ended")
            self.pending += piece
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)


class Machine:
    """Booted when it is made; close() leaves nothing behind. `tools` are files that lie in /tools there."""

    def __init__(self, debs, cache, tools=()):
        self.stack = contextlib.ExitStack()
        atexit.register(self.close)
        self.stack.callback(atexit.unregister, self.close)
        try:
            self._boot(debs, cache, tools)
        except BaseException:
            self.close()
            raise

    def _boot(self, debs, cache, tools):
        try:
            image.need("qemu-system-x86_64", "setpriv", "mkfs.ext4")
            made = image.image(debs, cache)
        except image.CannotBuild as reason:
            raise CannotBoot(str(reason)) from None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="spliced-vm.", dir="/var/tmp"))
        self.stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
        self._make_tools(tools)
        self._start(made)
        self.qmp, self.agent = (Lines(self._await_socket(name)) for name in ("qmp", "agent"))
        self.qmp.receive(ANSWER_LIMIT)  # a greeting
        self.command("qmp_capabilities")
        self._await_boot()

    def _make_tools(self, tools):
        """A file system with these files; the image is the same, whatever build is tested."""
        directory = self.dir / "tools.d"
        directory.mkdir()
        for tool in tools:
            shutil.copy(tool, directory)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "tools", "-d", directory, self.dir / "tools", "64m"], check=True,
                       timeout=ANSWER_LIMIT, capture_output=True)

    def new_disk(self, name):
        with open(self.dir / name, "wb") as file:
            file.truncate(DISK_BYTES)
        return self.dir / name

    def _start(self, made):
        def drive(name, path, *more):
            return ["-drive", ",".join([f"file={path}", "format=raw", "if=none", f"id={name}", "cache=unsafe", *more])]

        # It ends with whoever started it, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
                   "-m", str(MEMORY), "-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{self.dir}/console",
                   "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
                   "-kernel", str(made / "vmlinuz"), "-append", f"root={image.ROOT_DEVICE} rw console=ttyS0 panic=-1 quiet "
                   "mitigations=off systemd.getty_auto=0",
                   "-chardev", f"socket,id=agent,path={self.dir}/agent,server=on,wait=off", "-device", "virtio-serial-pci",
                   "-device", f"virtserialport,chardev=agent,name={image.PORT}",
                   *drive("root", made / "disk", "snapshot=on"), "-device", "nvme,drive=root,serial=ROOT",
                   *drive("tools", self.dir / "tools", "snapshot=on"), "-device", "virtio-blk-pci,drive=tools",
                   *drive("nvme", self.new_disk("nvme-disk")), "-device", "nvme,drive=nvme,serial=SPLICED-NVME,id=nvme-disk",
                   "-device", "virtio-scsi-pci,id=scsi", *drive("scsi", self.new_disk("scsi-disk")),
                   "-device", "scsi-hd,bus=scsi.0,drive=scsi,serial=SPLICED-SCSI,wwn=0x5000c50015ea71ac,id=scsi-disk"]
        self.log = open(self.dir / "log", "wb")
        self.stack.callback(self.log.close)
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                        env={**os.environ, "TMPDIR": str(self.dir)})
        self.stack.callback(self._end)

    def _await_socket(self, name):
        path = self.dir / name
        deadline = time.monotonic() + ANSWER_LIMIT
        while not path.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CannotBoot(f"QEMU did not start: {self.text()}")
            time.sleep(0.05)
        return path

    def _await_boot(self):
        state = self.run("systemctl is-system-running --wait", check=False, timeout=BOOT_LIMIT).stdout.strip()
        if state != "running":
            raise AssertionError(f"systemd says {state}: {self.run('systemctl --failed --no-legend').stdout}")
        self.run("mkdir /tools && mount -o ro LABEL=tools /tools")

    def text(self):
        """The last of what QEMU and the console said."""
        paths = (self.dir / name for name in ("log", "console"))
        return "".join(path.read_text(errors="replace")[-2000:] for path in paths if path.exists())

    def command(self, name, **arguments):
        """A command of QMP; events are passed over."""
        self.qmp.send({"execute": name, "arguments": {key.replace("_", "-"): value for key, value in arguments.items()}})
        while True:
            answer = self.qmp.receive(ANSWER_LIMIT)
            if "error" in answer:
                raise AssertionError(f"{name}: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def run(self, script, check=True, timeout=60, text=""):
        """A shell script inside, with `text` to read."""
        try:
            self.agent.send({"script": script, "input": text, "timeout": timeout})
            answer = self.agent.receive(timeout + ANSWER_LIMIT)
        except (AssertionError, OSError) as error:
            self._end()  # what it may still say would be taken for the answer to something else
            raise AssertionError(f"{script}: no answer: {error!r}\n{self.text()}") from None
        done = Done(answer["code"], answer["stdout"], answer["stderr"])
        if check and done.returncode != 0:
            raise AssertionError(f"{script}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _end(self):
        """Nothing in it is kept, so that it need not be shut down."""
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_LIMIT)
        self.process.kill()
        self.process.wait()

    def close(self):
        self.stack.close()
