#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 with its own kernel and the project's packages, as the image of a disk:  image.py --debs DIR --cache DIR
It is made of what this machine's apt would install from, and kept in the cache for as long as packages and kernel stay the
same. With --fresh DIR, instead a root directory without kernel and packages, in which apt can install them without a network."""
import argparse
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SUITE = "bookworm"
KERNEL = "linux-image-cloud-amd64"  # has NVMe and ext4 built in, so that it needs no initramfs
INCLUDE = ("systemd-sysv", "udev", "dbus", "polkitd", "kmod", "curl", "python3", KERNEL)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# NVMe disks get their names in no certain order; a partition table gives the root one that the kernel itself can look for.
LABEL = "73706c69"
ROOT_DEVICE = f"PARTUUID={LABEL}-01"
SIZE, PARTITION = 3 << 30, 1 << 20
INSTALL = r"DEBIAN_FRONTEND=noninteractive apt-get -y install /debs/*.deb >/debs/log 2>&1; echo \$? >/debs/status"
BUILD_LIMIT = 900  # seconds
PORT = "spliced.agent"
AGENT_UNIT = f"""[Unit]
Description=Runs what the tests ask for
[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/agent.py /dev/virtio-ports/{PORT}
Restart=always
OOMScoreAdjust=-900
"""
AGENT_RULE = (f'SUBSYSTEM=="virtio-ports", ATTR{{name}}=="{PORT}", TAG+="systemd", SYMLINK+="virtio-ports/{PORT}", '
              'ENV{SYSTEMD_WANTS}+="agent.service"\n')
# What happens at its own time would only disturb.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
          "systemd-timesyncd.service")


class CannotBuild(Exception):
    """Why there is no such image here; not what is wrong with the packages."""


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise CannotBuild(f"no {program}")


def sources():
    """The lines of apt's sources for Debian 12, from wherever this machine is set up to take it."""
    listed = output_of("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                       "Created-By: Packages", "Origin: Debian")
    lines = sorted({line for line in listed.splitlines() if line.split()[1].split("-")[0] == SUITE})
    if not lines:
        raise CannotBuild(f"apt knows no source of Debian {SUITE}; apt-get update?")
    signed = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
    return "".join(f"deb {signed}{line}\n" for line in lines)


def proxies():
    """The options with which this machine's apt reaches its sources."""
    said = output_of("apt-config", "dump", "--format", '%F "%v";%n', "Acquire::http::Proxy", "Acquire::https::Proxy")
    return [f"--aptopt={line}" for line in said.splitlines() if not line.endswith(' "";')]


def packages(debs):
    found = sorted(path for path in pathlib.Path(debs).glob("*.deb") if "dbgsym" not in path.name)
    if not found:
        raise CannotBuild(f"no packages in {debs}: packaging/deb builds them")
    return found


def key(debs):
    """What the image depends on."""
    policy = output_of("apt-cache", "policy", KERNEL)
    digest = hashlib.sha256(re.sub(r"(?s)Version table.*", "", policy).encode())
    for path in [*packages(debs), pathlib.Path(__file__), HERE / "agent.py"]:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def bootstrap(root, *options, without=()):
    """A new system."""
    include = ",".join(name for name in INCLUDE if name not in without)
    command = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", f"--include={include}", *proxies(), *options,
               SUITE, str(root), "-"]
    try:
        done = subprocess.run(command, input=sources(), capture_output=True, text=True, timeout=BUILD_LIMIT)
    except subprocess.TimeoutExpired:
        raise CannotBuild(f"mmdebstrap took more than {BUILD_LIMIT} s") from None
    if done.returncode != 0:
        raise CannotBuild(f"mmdebstrap: {done.stderr[-2000:].strip()}")


def in_root(debs, script):
    """Options to run it in the new system, where the packages are in /debs."""
    return ['--customize-hook=mkdir "$1/debs"', *(f'--customize-hook=copy-in "{path}" /debs' for path in packages(debs)),
            f'--customize-hook=chroot "$1" sh -c "{script}"']


def install(root, debs):
    """The packages are installed by apt, as by an administrator, with all that they recommend."""
    bootstrap(root, *in_root(debs, INSTALL))
    if (root / "debs/status").read_text().strip() != "0":
        raise AssertionError(f"the packages cannot be installed: {(root / 'debs/log').read_text()[-4000:]}")
    shutil.rmtree(root / "debs")


def fresh(root, debs):
    """What the packages need is only downloaded."""
    script = "DEBIAN_FRONTEND=noninteractive apt-get -y --download-only install /debs/*.deb >/dev/null && rm -r /debs"
    bootstrap(root, "--skip=cleanup/apt", *in_root(debs, script), without=(KERNEL,))


def add_agent(root):
    shutil.copy(HERE / "agent.py", root / "usr/local/lib/agent.py")
    (root / "etc/systemd/system/agent.service").write_text(AGENT_UNIT)
    (root / "etc/udev/rules.d/80-agent.rules").write_text(AGENT_RULE)
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    (root / "etc/hostname").write_text("spliced-vm\n")


def make_disk(root, disk):
    with open(disk, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["sfdisk", "-q", disk], input=f"label: dos\nlabel-id: 0x{LABEL}\nstart={PARTITION >> 9}, type=83\n",
                   text=True, check=True, timeout=60, capture_output=True)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", f"offset={PARTITION}", "-d", root, disk, f"{(SIZE - PARTITION) >> 10}k"],
                   check=True, timeout=BUILD_LIMIT, capture_output=True)


def build(debs, directory):
    need("mmdebstrap", "mkfs.ext4", "sfdisk")
    if os.geteuid() != 0:
        raise CannotBuild("needs root")
    root = directory / "root"
    try:
        install(root, debs)
        add_agent(root)
        make_disk(root, directory / "disk")
        kernel, = (root / "boot").glob("vmlinuz-*")
        shutil.copy(kernel, directory / "vmlinuz")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def image(debs, cache):
    """The directory with `disk` and `vmlinuz`, made where it is not there yet; others before it are removed."""
    cache = pathlib.Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    made = cache / f"image-{key(debs)}"
    if made.is_dir():
        return made
    for old in cache.glob("image-*"):
        shutil.rmtree(old, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(tempfile.mkdtemp(prefix="image-", dir=cache))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        build(debs, directory)
        directory.rename(made)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debs", default="build/deb")
    parser.add_argument("--cache", default="build/vm")
    parser.add_argument("--fresh", type=pathlib.Path, help="a directory that is not there yet")
    arguments = parser.parse_args()
    if arguments.fresh:
        fresh(arguments.fresh, arguments.debs)
        return
    print(image(arguments.debs, arguments.cache))


if __name__ == "__main__":
    main()
