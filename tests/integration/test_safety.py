# SPDX-License-Identifier: Apache-2.0
"""Never the wrong disk, on the real kernel."""
import itertools
import os
import shutil
import subprocess
import threading
import unittest

from harness import SLOW, BIN, TestCase, await_true, need_root

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
        for name in ("state/state.db", "state/state.db-wal", "state/lock", "state/new", "innocent"):
            answer = daemon.call("POST", "/v1/jobs", {"targets": [str(daemon.dir / name)], "destructive": True,
                                                      "workload": {"rw": "write", "size": "4k", "direct": False}})
            self.assertEqual(409, answer.status, answer.raw)
            self.assertIn("a file of the daemon itself", answer.json["detail"])

    def test_a_directory_for_jobs_in_the_directory_of_the_daemon(self):
        daemon = self.daemon()
        (daemon.dir / "state/scratch").mkdir()
        job = daemon.run(targets=[str(daemon.dir / "state/scratch/state.db")], destructive=True,
                         workload={"rw": "write", "size": "64k", "direct": False})
        self.assertEqual("SUCCEEDED", job["state"], job)

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
        self.assertIsNone(before["zoned"])
        directory = self.mount(loop)
        after = await_true(lambda: self.server.call("GET", f"/v1/devices/{name}").json, "an answer")
        self.assertFalse(after["may_write"])
        self.assertIn(f"mounted at {directory}", after["refusals"][0])
        self.assertEqual(404, self.server.call("GET", "/v1/devices/nothing").status)

    def test_a_file_that_a_job_writes_is_not_to_be_had_through_a_loop(self):
        image = self.directory() / "image"
        image.write_bytes(bytes(8 * MIB))
        slow = {"rw": "randwrite", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 50, "direct": False}
        job = self.server.submit(targets=[str(image)], destructive=True, workload=slow)
        loop, _ = self.loop(image=image)
        self.assertIn(job["id"], self.refusal(loop))
        self.server.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        self.server.wait(job["id"])
        job = self.server.submit(targets=[loop], destructive=True, workload=slow)
        self.assertIn(job["id"], self.refusal(image))
        self.server.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        self.server.wait(job["id"])

    def test_other_names_open_nothing_that_is_not_allowed(self):
        outside = self.directory("/tmp") / "precious"
        outside.write_bytes(bytes(MIB))
        directory = self.directory("/tmp")
        os.link(outside, directory / "link")
        loop, _ = self.loop(8 * MIB)
        os.mknod(directory / "node", 0o600 | 0o060000, os.stat(loop).st_rdev)
        self.server = self.daemon(allow=[f"{directory}/"])
        self.assertIn("2 names (hard links)", self.refusal(directory / "link"))
        self.assertIn(f"leads to {loop}, which is outside", self.refusal(directory / "node"))

    def test_the_layers_of_a_mounted_overlay(self):
        base = self.directory()
        for name in ("lower", "up,per", "work", "merged"):
            (base / name).mkdir()
        image = base / "up,per" / "img"
        image.write_bytes(bytes(MIB))
        options = f"lowerdir={base}/lower,upperdir={base}/up\\,per,workdir={base}/work"
        done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, base / "merged"], capture_output=True)
        if done.returncode != 0:
            self.skipTest(f"no overlay: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", base / "merged"], capture_output=True)
        reason = f"the upper directory of the overlay mounted at {base}/merged"
        self.assertIn(reason, self.refusal(image))
        loop, _ = self.loop(image=image)
        self.assertIn(reason, self.refusal(loop))

    def test_a_bad_sector_where_signatures_are(self):
        mount = self.fuse_disk(8 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        subprocess.run(["sh", "-c", "echo 3 >/proc/sys/vm/drop_caches"], check=True)
        (mount / "control").write_text(f"fail read {64 * 1024} 4096 5")
        detail = self.refusal(loop)
        self.assertIn("4096 bytes at offset 65536 cannot be read: Input/output error", detail)
        self.assertIn('/overwrite_signatures to ["all"]', detail)
        job = self.server.run(targets=[loop], destructive=True, overwrite_signatures=["all"],
                              workload={"rw": "write", "bs": "1M"})
        self.assertEqual("PASS", job["verdict"], job)

    def test_a_loop_device_whose_file_has_lost_its_server_concerns_no_local_file(self):
        mount, server = self.fuse_disk_and_server(8 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        server.kill()
        server.wait()
        workload = {"rw": "write", "bs": "1M", "size": "1M"}
        for gone in (lambda: None, lambda: subprocess.run(["umount", "-l", mount], check=True)):
            gone()
            job = self.server.run(targets=[str(self.server.dir / "file")], destructive=True, workload=workload)
            self.assertEqual("PASS", job["verdict"], job)
        self.assertIn("cannot be", self.refusal(loop))


@need_root
class FileSystems(TestCase):
    def mounted(self, size, *mkfs):
        if shutil.which(mkfs[0]) is None:
            self.skipTest(f"no {mkfs[0]}")
        loop, _ = self.loop(size)
        subprocess.run([*mkfs, loop], check=True, capture_output=True)
        directory = self.directory("/tmp")
        done = subprocess.run(["mount", loop, directory], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"cannot mount what {mkfs[0]} made: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", directory], capture_output=True)
        return directory

    def test_loop_devices_that_come_and_go_concern_nobody(self):
        self.loop(MIB)  # or it skips
        directory, over = self.directory(), threading.Event()

        def come_and_go(who):
            for i in itertools.count():
                if over.is_set():
                    return
                image = directory / f"image{who}.{i}"
                image.write_bytes(bytes(MIB))
                done = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True)
                image.unlink()
                subprocess.run(["losetup", "-d", done.stdout.strip()], capture_output=True)

        daemon = self.daemon(allow=[f"{directory}/"])
        target = directory / "target"
        target.write_bytes(bytes(MIB))
        body = {"targets": [str(target)], "destructive": True, "workload": {"rw": "write", "direct": False}}
        others = [threading.Thread(target=come_and_go, args=(who,)) for who in range(2)]
        for other in others:
            other.start()
        try:
            for _ in range(300 // SLOW):  # each takes longer there, and a look has its bound all the same
                answer = daemon.call("POST", "/v1/jobs:validate", body)
                self.assertTrue(answer.json["accepted"], answer.raw)
        finally:
            over.set()
            for other in others:
                other.join()

    def test_direct_io_that_would_be_served_from_the_cache(self):
        directory = self.mounted(300 * MIB, "mkfs.btrfs", "-q")
        plain = directory / "plain"
        plain.write_bytes(os.urandom(16 * MIB))
        subprocess.run(["chattr", "+c", directory], check=True)
        packed = directory / "packed"
        packed.write_bytes(bytes(16 * MIB))
        os.sync()
        server = self.daemon(allow=[f"{directory}/"])
        answer = server.call("POST", "/v1/jobs", {"targets": [str(plain)], "workload": {"rw": "read", "bs": 512}})
        self.assertEqual(422, answer.status, answer.raw)
        self.assertIn("needs a multiple of 4096 bytes (btrfs serves", answer.json["detail"])
        self.assertEqual("PASS", server.run(targets=[str(plain)], workload={"rw": "read", "bs": "64k"})["verdict"])
        written = server.run(targets=[str(directory / "new")], destructive=True,
                             workload={"rw": "write", "bs": "64k", "size": "8M"})
        self.assertEqual("PASS", written["verdict"], written)
        job = server.run(targets=[str(packed)], workload={"rw": "read", "bs": "64k"})
        self.assertNotEqual("PASS", job["verdict"])
        self.assertIn("direct I/O did not reach the disk below", job["devices"][0]["reason"])
        self.assertIsNone(job["verdict"], "it says nothing of the disk")

    def test_a_file_is_made_at_once_where_nothing_can_be_allocated(self):
        directory = self.mounted(600 * MIB, "mkfs.ext3", "-q")
        server = self.daemon(allow=[f"{directory}/"])
        job = server.submit(targets=[str(directory / "new")], destructive=True,
                            workload={"rw": "write", "bs": "4k", "size": "400M", "rate_iops": 20})
        made = os.stat(directory / "new")
        self.assertEqual(400 * MIB, made.st_size)
        self.assertLess(made.st_blocks * 512, 40 * MIB)
        server.call("POST", f"/v1/jobs/{job['id']}:cancel", "")
        server.wait(job["id"])


@need_root
class Containers(TestCase):
    """A daemon that sees less of the machine than there is."""

    def within(self, commands, **options):
        return self.daemon(wrap=["unshare", "-m", "sh", "-c", f'{commands} && exec "$@"', "sh"], **options)

    def test_without_sysfs_nothing_is_written(self):
        loop, image = self.loop(32 * MIB)
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, capture_output=True)
        directory = self.directory("/tmp")
        subprocess.run(["mount", loop, directory], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", directory], capture_output=True)
        server = self.within("mount -t tmpfs none /sys", allow=["/dev/shm/", "/dev/loop*"])
        job = {"targets": [str(image)], "destructive": True, "overwrite_signatures": ["all"],
               "workload": {"rw": "write", "bs": "4k", "direct": False}}
        answer = server.call("POST", "/v1/jobs", job)
        self.assertEqual(409, answer.status, answer.raw)
        self.assertIn("/sys/block: No such file or directory", answer.json["detail"])
        ready = server.call("GET", "/readyz")
        self.assertEqual(503, ready.status)
        self.assertIn(b"/sys/block: No such file or directory", ready.raw)
        self.assertEqual(409, server.call("POST", "/v1/jobs", {**job, "targets": [loop]}).status)
        shared = server.run(targets=[str(image)], allow_in_use=True, workload={"rw": "read", "direct": False})
        self.assertEqual("PASS", shared["verdict"])

    def test_a_missing_device_is_no_file_to_create(self):
        server = self.within("mount -t tmpfs none /dev && mkdir /dev/shm && mknod /dev/null c 1 3",
                             allow=["/dev/nvme*", "/dev/shm/"])
        workload = {"rw": "write", "bs": "4k", "size": "1M", "direct": False}
        answer = server.call("POST", "/v1/jobs", {"targets": ["/dev/nvme7n1"], "destructive": True, "workload": workload})
        self.assertEqual(422, answer.status, answer.raw)
        self.assertIn("no such device", answer.json["detail"])
        self.assertEqual("PASS", server.run(targets=["/dev/shm/x"], destructive=True, workload=workload)["verdict"])

    def test_without_openat2(self):
        server = self.daemon(wrap=[BIN / "refuse_call", "openat2", "ENOSYS"])
        self.assertEqual(200, server.call("GET", "/readyz").status)
        target = server.dir / "new"
        job = server.run(targets=[str(target)], destructive=True,
                         workload={"rw": "write", "bs": "4k", "size": "1M", "direct": False})
        self.assertEqual("PASS", job["verdict"])
        (server.dir / "link").symlink_to("/etc")
        answer = server.call("POST", "/v1/jobs", {"targets": [str(server.dir / "link/passwd")], "workload": {"rw": "read"}})
        self.assertEqual(409, answer.status)


if __name__ == "__main__":
    unittest.main()
