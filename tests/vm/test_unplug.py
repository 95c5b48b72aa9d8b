# SPDX-License-Identifier: Apache-2.0
"""A disk that is pulled out while a job runs on it, under the kernel that Debian 12 has."""
import unittest

from bed import OnAVirtualMachine
from harness import await_true


class Unplug(OnAVirtualMachine):
    def plug(self, driver, **properties):
        """A disk that comes in addition; its path."""
        serial = f"PULLED-{driver.upper()}"
        file = self.machine.new_disk(serial)
        self.machine.command("blockdev-add", node_name=serial, driver="raw", file={"driver": "file", "filename": str(file)})
        self.machine.command("device_add", driver=driver, id=serial, drive=serial, serial=serial, **properties)
        await_true(lambda: serial in self.devices(), "the new disk", 60)
        return serial, self.devices()[serial]["path"]

    def check(self, driver, **properties):
        serial, path = self.plug(driver, **properties)
        self.allow(self.nvme, self.scsi, path)
        daemon, other, job = self.show("MainPID"), self.endless(self.nvme, self.scsi), self.endless(path)
        self.machine.command("device_del", id=serial)
        await_true(lambda: self.job(job)["ended_at"], "the job to end", 60)
        ended = self.job(job)
        self.assertEqual(("FAILED", "FAIL"), (ended["state"], ended["verdict"]), ended)
        device = ended["devices"][0]
        self.assertRegex(device["reason"], r"^the device went away or shrank: write of 4096 bytes at offset \d+: ")
        self.assertRegex(self.get("/metrics"), rf'spliced_io_errors_total\{{device="{device["device"]}",error="removed"\}} [1-9]')
        await_true(lambda: serial not in self.devices(), "the disk to be gone", 60)
        before = self.written(other)
        await_true(lambda: all(now > then for now, then in zip(self.written(other), before)), "the others to go on", 60)
        self.assertEqual(("RUNNING", daemon), (self.job(other)["state"], self.show("MainPID")))

    def written(self, job):
        return [device["io"]["write"]["operations"] for device in self.job(job)["devices"]]

    def test_an_nvme_disk(self):
        self.check("nvme")

    def test_a_scsi_disk(self):
        self.check("scsi-hd", bus="scsi.0")


if __name__ == "__main__":
    unittest.main()
