"""Never the wrong disk, on the real kernel."""
import os
import subprocess
import unittest

from harness import TestCase, await_true, need_root

MIB = 1 << 20


@need_root
class Refusals(TestCase):
    def setUp(self):
        self.server = self.daemon(allow=["/dev/loop*", "/dev/vd*", "/dev/disk/*/*", "/dev/shm/", "/dev/null", "/dev/zero"])

    def refusal(self, target, **job):
        job = {"destructive": True, "workload": {"rw": "write", "bs": "4k"}, **job}
        answer = self.server.call("POST", "/v1/jobs", {"targets": [str(target)], **job})
        self.assertIn(answer.status, (409, 422), answer.raw)
        return answer.json["detail"]

    def mount(self, device, kind="ext4"):
        subprocess.run([f"mkfs.{kind}", "-q", device], check=True, capture_output=True)
        directory = self.directory("/tmp")
        subprocess.run(["mount", device, directory], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", directory], capture_output=True)
        return directory

    def test_the_disk_under_the_root_file_system(self):
        source = subprocess.run(["findmnt", "-no", "SOURCE", "/"], capture_output=True, text=True).stdout.strip()
        if not source.startswith("/dev/vd"):
            self.skipTest(f"the root file system is on {source}")
        self.assertIn("mounted at /", self.refusal(source))

    def test_a_mounted_device_by_every_name(self):
        loop, _ = self.loop(32 * MIB)
        directory = self.mount(loop)
        link = self.directory() / "link"
        link.symlink_to(loop)
        node = self.directory() / "node"
        os.mknod(node, 0o600 | 0o060000, os.stat(loop).st_rdev)
        for name in (loop, link, node):
            detail = self.refusal(name)
            self.assertIn(f"mounted at {directory}", detail)
            self.assertIn("signature: ext4", detail)
        self.assertIn("mounted at", self.refusal(loop, destructive=False, workload={"rw": "read"}))
        shared = self.server.run(targets=[loop], allow_in_use=True, workload={"rw": "read", "bs": "1M"})
        self.assertEqual("PASS", shared["verdict"])

    def test_a_device_mounted_in_another_namespace_only(self):
        loop, _ = self.loop(32 * MIB)
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, capture_output=True)
        directory = self.directory("/tmp")
        other = subprocess.Popen(["unshare", "-m", "sh", "-c", f"mount {loop} {directory} && echo up && read line"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(other.stdout.close)
        self.addCleanup(other.wait)
        self.addCleanup(other.stdin.close)
        self.assertEqual("up\n", other.stdout.readline())
        self.assertIn(f"mounted at {directory}", self.refusal(loop))

    def test_a_loop_over_a_mounted_device_and_a_file_under_a_loop(self):
        loop, image = self.loop(32 * MIB)
        self.assertIn(f"the backing of {os.path.basename(loop)}", self.refusal(image))
        self.mount(loop)
        above, _ = self.loop(image=loop)
        self.assertIn("mounted at", self.refusal(above))

    def test_two_loops_over_one_file(self):
        loop, image = self.loop(32 * MIB)
        self.mount(loop)
        second, _ = self.loop(image=image)
        self.assertIn("mounted at", self.refusal(second))

    def test_swap(self):
        loop, _ = self.loop(8 * MIB)
        subprocess.run(["mkswap", loop], check=True, capture_output=True)
        self.assertIn("signature: swap", self.refusal(loop))
        if subprocess.run(["swapon", loop], capture_output=True).returncode != 0:
            self.skipTest("swap cannot be turned on here")
        self.addCleanup(subprocess.run, ["swapoff", loop], capture_output=True)
        self.assertIn("swap area", self.refusal(loop))

    def test_signatures_are_kept_unless_named(self):
        loop, _ = self.loop(32 * MIB)
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, capture_output=True)
        self.assertIn("ext4", self.refusal(loop))
        self.assertIn("ext4", self.refusal(loop, overwrite_signatures=["xfs"]))
        job = self.server.run(targets=[loop], destructive=True, overwrite_signatures=["ext4"],
                              workload={"rw": "write", "bs": "1M"})
        self.assertEqual("PASS", job["verdict"])

    def test_a_claim_of_another_program(self):
        loop, _ = self.loop(8 * MIB)
        fd = os.open(loop, os.O_RDWR | os.O_EXCL)
        self.addCleanup(os.close, fd)
        self.assertIn("O_EXCL", self.refusal(loop))

    def test_a_claim_is_held_for_the_whole_job(self):
        loop, _ = self.loop(8 * MIB)
        job = self.server.submit(targets=[loop], destructive=True,
                                 workload={"rw": "randwrite", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 50})
        with self.assertRaises(OSError):
            os.close(os.open(loop, os.O_RDWR | os.O_EXCL))
        self.assertNotEqual(0, subprocess.run(["mkfs.ext4", "-q", loop], capture_output=True).returncode)
        link = self.directory() / "link"
        link.symlink_to(loop)
        self.assertIn(job["id"], self.refusal(link))
        self.server.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        self.server.wait(job["id"])
        os.close(os.open(loop, os.O_RDWR | os.O_EXCL))

    def test_kinds(self):
        directory = self.directory()
        os.mkfifo(directory / "fifo")
        (directory / "empty").touch()
        self.assertIn("a character device", self.refusal("/dev/zero"))
        self.assertIn("a directory", self.refusal(directory))
        self.assertIn("a FIFO", self.refusal(directory / "fifo"))
        self.assertIn("size of zero", self.refusal(directory / "empty"))
        self.assertIn("no such device", self.refusal("/dev/loop4711"))
        self.assertIn("no such device", self.refusal("/dev/vdzz", workload={"rw": "write", "size": "1M"}))
        image = directory / "image"
        image.write_bytes(bytes(MIB))
        done = subprocess.run(["losetup", "-r", "-f", "--show", image], capture_output=True, text=True)
        loop = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", loop], capture_output=True)
        self.assertIn("read-only", self.refusal(loop))

    def test_the_files_of_the_daemon_itself(self):
        daemon = self.daemon()
        os.link(daemon.dir / "state/state.db", daemon.dir / "innocent")
        for name in ("state/state.db", "state/state.db-wal", "state/lock", "innocent"):
            answer = daemon.call("POST", "/v1/jobs", {"targets": [str(daemon.dir / name)], "destructive": True,
                                                      "workload": {"rw": "write", "size": "4k", "direct": False}})
            self.assertEqual(409, answer.status, answer.raw)
            self.assertIn("a file of the daemon itself", answer.json["detail"])

    def test_outside_the_allowed_patterns(self):
        self.assertIn("outside the --allow patterns", self.refusal("/etc/passwd"))
        self.assertIn("outside the --allow patterns", self.refusal("/dev/shm/../../etc/passwd"))
        link = self.directory() / "link"
        link.symlink_to("/etc/passwd")
        self.assertIn("leads to /etc/passwd", self.refusal(link))
        folder = self.directory() / "folder"
        folder.symlink_to("/etc")
        self.assertIn("outside", self.refusal(folder / "new", workload={"rw": "write", "size": "4k"}))
        self.assertFalse(os.path.exists("/etc/new"))

    def test_the_list_of_devices_says_why(self):
        loop, _ = self.loop(32 * MIB)
        name = os.path.basename(loop)
        before = self.server.call("GET", f"/v1/devices/{name}").json
        self.assertTrue(before["may_write"], before)
        directory = self.mount(loop)
        after = await_true(lambda: self.server.call("GET", f"/v1/devices/{name}").json, "an answer")
        self.assertFalse(after["may_write"])
        self.assertIn(f"mounted at {directory}", after["refusals"][0])
        self.assertEqual(404, self.server.call("GET", "/v1/devices/nothing").status)


if __name__ == "__main__":
    unittest.main()
