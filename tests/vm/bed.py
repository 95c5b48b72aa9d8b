# SPDX-License-Identifier: Apache-2.0
"""What the tests in the virtual machine share: the daemon as its package installed it, and how it is asked."""
import json
import os
import pathlib
import unittest

from harness import await_true
from virtual_machine import CannotBoot, Machine

BUILD, DEBS, CACHE = (pathlib.Path(os.environ[f"SPLICED_{name}"]) for name in ("BUILD", "DEBS", "CACHE"))
CONFIG = "/etc/spliced/spliced.json"
CGROUP = "/sys/fs/cgroup/system.slice/spliced.service"
CURL = "curl -sS --max-time 90 --unix-socket /run/spliced/spliced.sock"
SERIALS = ("SPLICED-NVME", "SPLICED-SCSI")


class OnAVirtualMachine(unittest.TestCase):
    tools = ()
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        try:
            cls.machine = Machine(DEBS, CACHE, cls.tools)
        except CannotBoot as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.addClassCleanup(cls.machine.close)
        cls.run_in("systemctl enable --now spliced")
        devices = cls.devices()
        cls.nvme, cls.scsi = (devices[serial]["path"] for serial in SERIALS)
        cls.allow(cls.nvme, cls.scsi)

    @classmethod
    def run_in(cls, script, **options):
        return cls.machine.run(script, **options).stdout

    @classmethod
    def get(cls, path):
        return cls.run_in(f"{CURL} 'http://localhost{path}'", timeout=100)

    @classmethod
    def devices(cls):
        """By serial number; the disk of the machine itself has several entries, of which any will do."""
        return {device["serial"]: device for device in json.loads(cls.get("/v1/devices"))["devices"]}

    @classmethod
    def allow(cls, *targets):
        """As an administrator would: in the sample that the package installed. Ends when jobs may use them, and no others."""
        names = ", ".join(f'"{target}"' for target in ("/var/lib/spliced/scratch/", *targets))
        cls.run_in(rf"""sed -i 's|^ *"/var/lib/spliced/scratch/".*|    {names}|' {CONFIG} && systemctl reload spliced""")
        may_write = lambda: {device["path"] for device in cls.devices().values() if device["may_write"]}
        await_true(lambda: may_write() == set(targets), "the daemon to have read that", 30)

    def show(self, name):
        return self.run_in(f"systemctl show -P {name} spliced").strip()

    def cgroup(self, name):
        return self.run_in(f"cat {CGROUP}/{name}").strip()

    def post(self, targets, destructive=True, engine=None, confirm=None, **workload):
        """What is answered to a job on these targets, all of which are confirmed unless `confirm` says otherwise."""
        if confirm is None:
            confirm = [serial for serial in self.devices() if serial]
        body = {"targets": list(targets), "destructive": destructive, "confirm": confirm, "engine": engine or {}, "on_restart": "interrupt",
                "workload": {"direct": True, **workload}}
        return json.loads(self.run_in(f"{CURL} -H 'Content-Type: application/json' -d @- http://localhost/v1/jobs",
                                      text=json.dumps(body), timeout=100))

    def submit(self, *targets, **options):
        answer = self.post(targets, **options)
        self.assertIn("id", answer, answer)
        return answer["id"]

    def job(self, job_id):
        return json.loads(self.get(f"/v1/jobs/{job_id}"))

    def finish(self, *targets, **options):
        """The job when it has ended."""
        job = self.submit(*targets, **options)
        await_true(lambda: json.loads(self.get(f"/v1/jobs/{job}?wait=60s"))["ended_at"], "the job to end", 120)
        return self.job(job)

    def endless(self, *targets):
        """A job that goes on, when it has done something on each target."""
        job = self.submit(*targets, rw="randwrite", bs="4k", runtime="1h", time_based=True, rate_iops=50)
        self.addCleanup(self.run_in, f"{CURL} -X POST http://localhost/v1/jobs/{job}:cancel")
        written = lambda device: device["io"]["write"]["operations"]
        await_true(lambda: all(map(written, self.job(job)["devices"])), "the job to have done something", 60)
        return job

    def await_another_daemon(self, pid):
        """One that answers, after that with this process id was ended."""
        await_true(lambda: self.show("MainPID") not in ("0", pid) and self.show("ActiveState") == "active", "another daemon", 60)
        self.assertEqual("ok\n", self.get("/livez"))
