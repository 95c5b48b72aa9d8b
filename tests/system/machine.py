# SPDX-License-Identifier: Apache-2.0
"""A machine of its own for the tests: systemd as process 1 in a container on a copy-on-write view of this system, or another."""
import contextlib
import grp
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOOT_LIMIT = 90  # seconds
END_LIMIT = 30
# Services of whoever's system this is have no business in the tests.
MASKED = ("systemd-networkd.service", "systemd-resolved.service", "systemd-logind.service", "apt-daily.timer",
          "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer", "man-db.timer", "dpkg-db-backup.timer",
          "prometheus.service", "cron.service", "ssh.service", "getty@.service", "console-getty.service")


class CannotBoot(Exception):
    """Why there is no such machine here."""


def cgroup_root():
    for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
        if os.path.exists(f"{path}/cgroup.procs"):
            return pathlib.Path(path)
    raise CannotBoot("no cgroup2 hierarchy")


class Machine:
    """Booted when it is made; close() leaves nothing behind. `devices` are bound into it. `base`: the system that it is a view of."""

    def __init__(self, build, devices=(), base="/"):
        self.base = base
        self.stack = contextlib.ExitStack()
        self.build = pathlib.Path(build).resolve()
        try:
            self._boot(devices)
        except BaseException:
            self.close()
            raise

    def _boot(self, devices):
        for program in ("systemd-nspawn", "nsenter", "systemctl"):
            if not shutil.which(program):
                raise CannotBoot(f"no {program}")
        if os.geteuid() != 0:
            raise CannotBoot("needs root")
        self.dir = pathlib.Path(f"/dev/shm/spliced-system-{uuid.uuid4().hex[:12]}")  # also a host name
        self.dir.mkdir(mode=0o755)
        self.stack.callback(self._remove_directory)
        self.root = self.dir / "root"
        self._overlay(self.base, self.root)
        self.sources = self.dir / "sources"  # where they are here, and there, where /tmp is another one
        self._overlay(ROOT, self.sources)
        self._prepare()
        cgroup = cgroup_root() / self.dir.name
        cgroup.mkdir()
        self.stack.callback(self._remove_cgroup, cgroup)
        self._start(cgroup, devices)
        self._await_boot()

    def _overlay(self, lower, at):
        """Mounts a copy-on-write view of `lower`. The name of the lower layer must mean nothing inside: "/" would be taken
        there for the machine's own root, and each of its files for one in the layer of a mounted overlay."""
        layer = self.dir / f"layer{len(list(self.dir.iterdir()))}"
        below, upper, work = layer / "below", layer / "upper", layer / "work"
        for path in (below, upper, work, at):
            path.mkdir(parents=True, exist_ok=True)
        self._mount("-o", "bind,ro", lower, below)
        self._mount("-t", "overlay", "overlay", "-o", f"lowerdir={below},upperdir={upper},workdir={work}", at)

    def _remove_directory(self):
        """Not while anything is mounted below it: that would be this very system."""
        if f" {self.dir}/" in pathlib.Path("/proc/self/mounts").read_text():
            raise AssertionError(f"something is still mounted below {self.dir}")
        shutil.rmtree(self.dir, ignore_errors=True)

    def _mount(self, *arguments):
        done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotBoot(f"no overlay can be mounted: {done.stderr.strip()}")
        self.stack.callback(subprocess.run, ["umount", "-l", arguments[-1]], capture_output=True)

    def _prepare(self):
        """A system that has never had the daemon, and starts nothing but what the tests need."""
        for name in ("etc/machine-id", "etc/spliced", "var/lib/spliced", "etc/dbus-1/system.d/org.spliced.Manager1.conf"):
            path = self.root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        (self.root / "etc/machine-id").write_text(uuid.uuid4().hex + "\n")  # without one, systemd asks for a time zone
        units = self.root / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for unit in MASKED:
            (units / unit).unlink(missing_ok=True)
            (units / unit).symlink_to("/dev/null")
        (units / "default.target").unlink(missing_ok=True)
        (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")

    def _node(self, device):
        """A node of its own for a device of this system, with the owner and the mode that udev gives disks."""
        nodes = self.dir / "nodes"
        if not nodes.exists():
            nodes.mkdir()
            self._mount("-t", "tmpfs", "-o", "mode=755,dev", "nodes", nodes)
        node = nodes / os.path.basename(device)
        os.mknod(node, 0o660 | stat.S_IFBLK, os.stat(device).st_rdev)
        os.chown(node, 0, grp.getgrnam("disk").gr_gid)
        os.chmod(node, 0o660)
        return node

    def _start(self, cgroup, devices):
        self.log = open(self.dir / "log", "wb")
        self.stack.callback(self.log.close)
        command = ["systemd-nspawn", "-q", "-D", str(self.root), "--boot", "-M", self.dir.name,
                   "--private-network", "--console=pipe", "--register=no", "--keep-unit",
                   "--capability=CAP_BPF,CAP_PERFMON", "--system-call-filter=bpf"]
        # All loop devices: what other ones write to can be asked only of the devices themselves.
        loops = [path for path in pathlib.Path("/dev").glob("loop[0-9]*") if path.is_block_device()]
        command.append(f"--bind={self.sources}:{ROOT}")
        command += [f"--bind={self._node(device)}:{device}" for device in sorted({*map(str, devices), *map(str, loops)})]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            preexec_fn=lambda: (cgroup / "cgroup.procs").write_text(str(os.getpid())))
        self.stack.callback(self._power_off)

    def _await_boot(self):
        self.leader, done = None, None
        deadline = time.monotonic() + BOOT_LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise CannotBoot(f"systemd-nspawn ended: {self.text()[-400:].strip()}")
            found = subprocess.run(["pgrep", "-P", str(self.process.pid), "-x", "systemd"], capture_output=True, text=True)
            if found.stdout.strip():
                self.leader = int(found.stdout.split()[0])
                done = self.run("systemctl is-system-running", check=False, timeout=20)
                if done.stdout.strip() in ("running", "degraded"):
                    return
            time.sleep(0.2)
        said = self.text() + (done.stdout + done.stderr if done else "")
        raise CannotBoot(f"systemd did not come up in {BOOT_LIMIT} s: {said[-400:].strip()}")

    def text(self):
        return (self.dir / "log").read_text(errors="replace")

    def run(self, script, check=True, timeout=60, text=""):
        """A shell script inside, in the directory of the sources, with `text` to read."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", "sh", "-c",
             f"cd {ROOT} && {script}"], capture_output=True, text=True, timeout=timeout, input=text)
        if check and done.returncode != 0:
            raise AssertionError(f"{script}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def _power_off(self):
        if self.process.poll() is None and getattr(self, "leader", None):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGRTMIN + 4)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_LIMIT if getattr(self, "leader", None) else 1)
        self.process.kill()
        self.process.wait()

    @staticmethod
    def _remove_cgroup(cgroup):
        """Whatever is still in it is ours."""
        if (cgroup / "cgroup.kill").exists():
            (cgroup / "cgroup.kill").write_text("1")
        deadline = time.monotonic() + END_LIMIT
        while time.monotonic() < deadline:
            for path in sorted(cgroup.rglob("*"), key=lambda p: -len(p.parts)):
                if path.is_dir():
                    with contextlib.suppress(OSError):
                        path.rmdir()
            with contextlib.suppress(OSError):
                cgroup.rmdir()
            if not cgroup.exists():
                return
            time.sleep(0.1)

    def close(self):
        self.stack.close()
