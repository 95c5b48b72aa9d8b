# SPDX-License-Identifier: Apache-2.0
"""The unit as the package installs it, under the kernel that Debian 12 has: jobs on real disks, what it may open, and what it
may use up."""
import json
import re
import unittest

from bed import CGROUP, SERIALS, OnAVirtualMachine
from virtual_machine import DISK_BYTES

DROP_IN = "/run/systemd/system/spliced.service.d"
OPENER = """
import json, os, sys
opened = {}
for path in sys.argv[1:]:
    try:
        os.close(os.open(path, os.O_RDWR))
        opened[path] = "opened"
    except OSError as error:
        opened[path] = os.strerror(error.errno)
print(json.dumps(opened))
"""
# Takes memory until it is ended; if the kernel may choose, it is to end this and not the daemon.
HOG = """
import os
with open("/proc/self/oom_score_adj", "w") as file:
    file.write("1000")
kept = []
while True:
    kept.append(os.urandom(1 << 20))
"""
INTO_THE_UNIT = f"echo $$ >{CGROUP}/cgroup.procs && exec"  # of a shell script


class Unit(OnAVirtualMachine):
    def setUp(self):
        self.addCleanup(self.run_in, f"""rm -rf {DROP_IN}; systemctl daemon-reload; systemctl reset-failed spliced
                                         systemctl restart spliced""")

    def limit_memory(self, megabytes):
        self.run_in(f"mkdir -p {DROP_IN} && printf '[Service]\\nMemoryMax={megabytes}M\\n' >{DROP_IN}/test.conf && "
                    "systemctl daemon-reload && systemctl restart spliced")
        self.assertEqual(megabytes << 20, int(self.cgroup("memory.max")))

    def events(self):
        """How often the kernel ended a process of the unit, and for want of whose memory."""
        return dict(line.split() for line in self.cgroup("memory.events").splitlines())

    def test_it_is_this_kernel_and_this_unit(self):
        self.assertRegex(self.run_in("uname -r"), r"^6\.1\.")
        self.assertEqual("/lib/systemd/system/spliced.service", self.show("FragmentPath"))
        self.assertEqual("", self.show("DropInPaths"))
        self.assertEqual(("active", "enabled"), (self.show("ActiveState"), self.show("UnitFileState")))
        self.assertNotEqual("0", self.run_in("id -u spliced").strip())
        self.assertEqual(self.run_in("id -u spliced"), self.run_in(f"stat -c %u /proc/{self.show('MainPID')}"))

    def test_disks_are_told_as_what_they_are(self):
        devices = self.devices()
        names = (r"nvme\.1b36-53504c494345442d4e564d45-", r"naa\.5000c50015ea71ac$")
        for serial, transport, wwn in zip(SERIALS, ("nvme", "virtio"), names):
            device = devices[serial]
            self.assertEqual((DISK_BYTES, transport, True, []),
                             tuple(device[key] for key in ("capacity_bytes", "transport", "may_write", "refusals")), device)
            self.assertRegex(device["wwn"], wwn)

    def test_a_disk_that_is_not_confirmed_is_not_written(self):
        refused = self.post([self.nvme], rw="write", bs="64k", confirm=[])
        self.assertEqual(["urn:spliced:problem:unconfirmed"], [error["type"] for error in refused["errors"]], refused)
        self.assertNotIn(SERIALS[0], json.dumps(refused), "the refusal does not tell it")
        refused = self.post([self.nvme, self.scsi], rw="write", bs="64k", confirm=[SERIALS[0]])
        self.assertEqual(["/targets/1"], [error["pointer"] for error in refused["errors"]], refused)

    def test_whole_disks_are_written_and_read(self):
        for direction, destructive in (("write", True), ("read", False)):
            job = self.finish(self.nvme, self.scsi, destructive=destructive, rw=direction, bs="64k")
            self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job)
            for device in job["devices"]:
                self.assertEqual({"read": 0, "write": 0, "trim": 0, "sync": 0} | {direction: DISK_BYTES},
                                 {name: io["bytes"] for name, io in device["io"].items()})
                self.assertEqual(DISK_BYTES, device["kernel"][f"{direction}_bytes"], device["kernel"])
                self.assertEqual([] if destructive else ["map"], [event["from"] for event in device["engine"]["events"] if event["event"] == "fallback"])
                self.assertEqual(None if destructive else "copy", device["engine"]["read_path"])
        self.assertNotRegex(self.get("/metrics"), r'reason="EPERM"\} [1-9]', "the unit forbids what the engine wants")

    def test_a_device_that_is_not_allowed_is_refused_by_name(self):
        self.allow(self.nvme)
        self.addCleanup(self.allow, self.nvme, self.scsi)
        refused = self.post([self.scsi], rw="write", bs="64k")
        self.assertEqual(("urn:spliced:problem:not-allowed", 409), (refused["type"], refused["status"]), refused)
        self.assertIn(self.scsi, refused["detail"])
        self.assertEqual("PASS", self.finish(self.nvme, rw="read", bs="64k", destructive=False)["verdict"])

    def test_devices_that_are_no_disks_are_closed_by_the_kernel(self):
        """To whoever is in the unit's control group, root with all capabilities and the unit's own user alike, whatever the
        mode of the node; outside of it they open."""
        nodes = self.open_nodes("/dev/kmsg /dev/mem /dev/hwrng /dev/nvme[0-9] /dev/sg[0-9]")
        self.run_in("cat >/run/opener.py", text=OPENER)
        opens = [path for path, said in self.opened("exec", nodes).items() if said == "opened"]
        self.assertGreaterEqual(len(opens), 5, "the group alone is to make the difference")
        disks = [self.nvme, self.scsi, "/dev/null"]
        expected = {path: "Operation not permitted" for path in opens} | {path: "opened" for path in disks}
        self.assertEqual(expected, self.opened(INTO_THE_UNIT, opens + disks))
        self.assertEqual(expected, self.opened(f"{INTO_THE_UNIT} {self.as_the_unit()}", opens + disks))

    def open_nodes(self, paths):
        """Nodes of these devices that anybody may open."""
        self.addCleanup(self.run_in, "rm -r /dev/open")
        self.run_in(f"mkdir /dev/open && for path in {paths}; do mknod -m 666 /dev/open/${{path#/dev/}} "
                    "c $(stat -c '%Hr %Lr' $path); done")
        return self.run_in("ls -d /dev/open/*").split()

    def opened(self, how, paths):
        return json.loads(self.run_in(f"{how} python3 /run/opener.py {' '.join(paths)}"))

    def as_the_unit(self):
        """With the user, the groups and the capabilities of the daemon, and no more."""
        names = [name.removeprefix("cap_") for name in self.show("CapabilityBoundingSet").split()]
        self.assertIn("sys_admin", names)
        some = ",".join(["-all", *(f"+{name}" for name in names)])
        groups = self.run_in("getent group disk | cut -d: -f3").strip()
        return f"setpriv --reuid=spliced --regid=spliced --groups={groups} --bounding-set={some} --inh-caps={some} --ambient-caps={some}"

    def test_limits_are_those_of_the_unit(self):
        shipped = self.run_in("systemctl cat spliced")
        memory, tasks = (int(re.search(pattern, shipped, re.M).group(1)) for pattern in (r"^MemoryMax=(\d+)G$", r"^TasksMax=(\d+)$"))
        self.assertEqual((memory << 30, tasks), (int(self.cgroup("memory.max")), int(self.cgroup("pids.max"))))

    def test_no_more_tasks_than_the_unit_says(self):
        """What cannot be started is refused as the daemon's want, and the daemon goes on."""
        self.run_in(f"mkdir -p {DROP_IN} && printf '[Service]\\nTasksMax=40\\n' >{DROP_IN}/test.conf && "
                    "systemctl daemon-reload && systemctl restart spliced")
        refused = self.post([self.nvme], rw="read", bs="4k", workers=64, destructive=False)
        self.assertEqual(429, refused["status"], refused)
        self.assertIn("Resource temporarily unavailable", refused["detail"])
        self.assertLessEqual(int(self.cgroup("pids.current")), 40)
        self.assertEqual("PASS", self.finish(self.nvme, rw="read", bs="64k", destructive=False)["verdict"])

    def test_a_job_that_needs_more_memory_than_the_machine_has(self):
        """The unit would allow it; it is neither begun nor told as the doing of the disk."""
        pid = self.show("MainPID")
        refused = self.post([self.nvme], rw="randwrite", bs="32M", workers=63)
        self.assertEqual(("urn:spliced:problem:limit", 429), (refused["type"], refused["status"]), refused)
        self.assertIn("/proc/meminfo allows", refused["detail"])
        self.assertEqual(pid, self.show("MainPID"))

    def test_what_memory_a_job_may_take_is_refused_or_suffices(self):
        """The kernel never has to end anything: whatever the daemon takes on, it has the memory for."""
        self.limit_memory(96)
        refused = self.post([self.nvme], rw="write", bs="8M", workers=32)
        self.assertEqual(("urn:spliced:problem:limit", 429), (refused["type"], refused["status"]))
        needed, left = map(int, re.search(r"this job needs (\d+) bytes of memory .*, and (\d+) are left: "
                                          rf"{CGROUP}/memory\.max allows {96 << 20} bytes", refused["detail"]).groups())
        self.assertGreater(needed, left)
        # Nearly all that is left.
        workers = (left - (4 << 20)) // (1 << 20) // 2
        job = self.finish(self.nvme, rw="write", bs="1M", workers=workers)
        self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job)
        self.assertTrue(workers << 20 < int(self.cgroup("memory.peak")) <= 96 << 20, self.cgroup("memory.peak"))
        self.assertEqual(("0", "0"), (self.events()["oom"], self.events()["oom_kill"]))
        self.limit_memory(64)
        refused = self.post([self.nvme], rw="read", bs="4k", destructive=False)
        self.assertEqual(("urn:spliced:problem:limit", 429), (refused["type"], refused["status"]))
        self.assertRegex(refused["detail"], r"and 0 are left: .*, and 67108864 are kept for the daemon$")

    def test_a_unit_without_memory_is_ended_alone(self):
        self.limit_memory(96)
        pid, others = self.show("MainPID"), self.others()
        job = self.endless(self.nvme)
        self.run_in("cat >/run/hog.py", text=HOG)
        self.assertNotEqual(0, self.machine.run(f"{INTO_THE_UNIT} python3 /run/hog.py", check=False, timeout=120).returncode)
        self.await_another_daemon(pid)
        self.assertIn("Failed with result 'oom-kill'", self.run_in("journalctl -u spliced -o cat --no-pager"))
        for line in self.run_in("dmesg | grep oom-kill:").splitlines():
            self.assertIn("oom_memcg=/system.slice/spliced.service,task_memcg=/system.slice/spliced.service", line)
        self.assertEqual(others, self.others())
        ended = self.job(job)
        self.assertEqual(("INTERRUPTED", None), (ended["state"], ended["verdict"]))
        self.assertEqual("PASS", self.finish(self.nvme, rw="read", bs="64k", destructive=False)["verdict"])

    def others(self):
        """Processes of other services."""
        names = ("dbus", "systemd-journald", "systemd-logind", "systemd-udevd", "agent")
        return self.run_in("systemctl show -P MainPID " + " ".join(names)).split()


if __name__ == "__main__":
    unittest.main()
