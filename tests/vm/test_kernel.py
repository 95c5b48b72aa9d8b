# SPDX-License-Identifier: Apache-2.0
"""The engine over the kernel that Debian 12 has: its own tests, its probe, and each of its paths on disks."""
import json
import re
import subprocess
import unittest

from bed import BUILD, OnAVirtualMachine
from virtual_machine import DISK_BYTES

ENGINE = BUILD / "bin/unit_engine"


@unittest.skipUnless(ENGINE.exists(), f"{ENGINE} was not built")
class Engine(OnAVirtualMachine):
    tools = (ENGINE,)

    def test_the_engines_own_tests(self):
        listed = subprocess.run([ENGINE, "--gtest_list_tests"], capture_output=True, text=True, check=True, timeout=60).stdout
        total = len(re.findall(r"^  \S", listed, re.M))
        done = self.machine.run("/tools/unit_engine --gtest_brief=1", check=False, timeout=600)
        self.assertEqual(0, done.returncode, done.stdout[-4000:])
        self.assertIn(f"[  PASSED  ] {total} tests.", done.stdout, done.stdout[-4000:])
        self.assertNotIn("SKIPPED", done.stdout)

    def test_what_the_probe_finds(self):
        """What docs/ENGINE.md says of Linux 6.1."""
        found = json.loads(self.get("/v1/capabilities"))
        self.assertRegex(found["kernel_release"], r"^6\.1\.")
        self.assertEqual({"map": "EFAULT", "copy": None, "read": None, "discard": None},
                         {name: path["errno"] for name, path in found["read_paths"].items()})
        self.assertTrue(found["vmsplice_write"]["works"] and found["vmsplice_aliases_pages"] and found["vmsplice_read_copies"], found)
        self.assertEqual((16, 1.0, 65536, 1 << 20),
                         tuple(found[name] for name in ("one_byte_calls_to_fill_pipe", "array_slots_per_page", "default_pipe_bytes",
                                                        "largest_pipe_bytes")))

    def test_each_read_path_on_disks(self):
        for path in ("copy", "read", "discard"):
            with self.subTest(path):
                job = self.finish(self.nvme, self.scsi, destructive=False, engine={"read_path": path}, rw="read", bs="64k")
                self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job)
                for device in job["devices"]:
                    self.assertEqual((path, [], DISK_BYTES), (device["engine"]["read_path"], device["engine"]["events"],
                                                              device["kernel"]["read_bytes"]))

    def test_the_temperature_of_an_nvme_device_is_in_its_results(self):
        """What the emulated one says: 50 °C."""
        job = self.finish(self.nvme, destructive=False, rw="read", bs="64k", runtime="3s", time_based=True)
        device, = json.loads(self.get(f"/v1/jobs/{job['id']}/results"))["devices"]
        points = device["over_time"]["points"]
        if not self.run_in("ls -d /sys/class/nvme/nvme*/hwmon* 2>/dev/null", check=False).strip():
            self.assertEqual([], [point for point in points if "temperature_celsius" in point])
            self.skipTest("this kernel has no sensors of NVMe devices (CONFIG_NVME_HWMON)")
        self.assertEqual({50}, {point["temperature_celsius"] for point in points[1:]})

    def test_each_kind_of_write_on_disks(self):
        for how in ({"rw": "randwrite", "bs": "4k", "engine": {"batch": 16}}, {"rw": "write", "bs": "1M", "fsync": 8},
                    {"rw": "write", "bs": "64k", "engine": {"gift": True}}, {"rw": "randrw", "bs": "16k", "workers": 4}):
            with self.subTest(str(how)):
                job = self.finish(self.nvme, self.scsi, size="16M", **how)
                self.assertEqual(("SUCCEEDED", "PASS"), (job["state"], job["verdict"]), job)
                for device in job["devices"]:
                    self.assertEqual(device["io"]["write"]["bytes"], device["kernel"]["write_bytes"])
                    self.assertEqual([], [event for event in device["engine"]["events"] if event.get("from") == "vmsplice"])

    def test_a_path_that_this_kernel_does_not_have_is_not_the_disks_fault(self):
        job = self.finish(self.nvme, destructive=False, engine={"read_path": "map"}, rw="read", bs="64k")
        self.assertEqual(("FAILED", None), (job["state"], job["verdict"]), job)
        self.assertRegex(job["devices"][0]["reason"],
                         "^not the device's doing: .*: the read path that the job pinned does not work on this kernel")


if __name__ == "__main__":
    unittest.main()
