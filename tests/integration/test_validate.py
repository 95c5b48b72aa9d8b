# SPDX-License-Identifier: Apache-2.0
"""Validating a job says what submitting it says, on the real kernel."""
import fcntl
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import threading
import time
import unittest

from harness import SLOW, TestCase, need_root

MIB = 1 << 20


@need_root
class ValidateAndSubmit(TestCase):
    def setUp(self):
        self.dir = self.directory("/tmp")  # where chattr works
        before = signal.signal(signal.SIGIO, signal.SIG_IGN)  # what breaks a lease sends it
        self.addCleanup(signal.signal, signal.SIGIO, before)
        self.server = self.daemon(allow=[f"{self.dir}/", "/dev/loop*"])

    def file(self, name="file", size=MIB):
        path = self.dir / name
        path.write_bytes(bytes(size))
        return path

    def both(self, *targets, status, reason, text, **job):
        """Both refuse, for the same reasons in the same words, and nothing stays behind."""
        job = {"targets": [str(target) for target in targets], "destructive": True,
               "workload": {"rw": "write", "bs": "4k", "direct": False, **job.pop("workload", {})}, **job}
        plan = self.server.call("POST", "/v1/jobs:validate", job)
        answer = self.server.call("POST", "/v1/jobs", job)
        self.assertEqual((200, status), (plan.status, answer.status), (plan.raw, answer.raw))
        self.assertFalse(plan.json["accepted"])
        said = [f"{target['target']} {refusal}" for target in plan.json["targets"] for refusal in target["refusals"]]
        self.assertEqual(said, [error["detail"] for error in answer.json["errors"]])
        why = [reason for target in plan.json["targets"] for reason in target["reasons"]]
        self.assertEqual(why, [error["type"] for error in answer.json["errors"]])
        self.assertEqual(f"urn:spliced:problem:{reason}", answer.json["type"])
        self.assertIn(text, answer.json["detail"])

    def accepted(self, target, **job):
        job = {"targets": [str(target)], "destructive": True, "workload": {"rw": "write", "bs": "4k", "direct": False}, **job}
        plan = self.server.call("POST", "/v1/jobs:validate", job)
        self.assertTrue(plan.json["accepted"], plan.raw)
        done = self.server.run(**job)
        self.assertEqual("PASS", done["verdict"], done)

    def test_a_running_program(self):
        program = self.dir / "sleep"
        shutil.copy("/bin/sleep", program)
        process = subprocess.Popen([program, "60"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.both(program, status=409, reason="busy", text="running program", workload={"size": "4k"})

    def test_a_file_that_another_locked(self):
        path = self.file()
        for lock in (fcntl.LOCK_SH, fcntl.LOCK_EX):
            with open(path, "rb") as file:
                fcntl.flock(file, lock)
                self.both(path, status=409, reason="busy", text="locked by another program")
        self.accepted(path)

    def partitioned_loop(self):
        """A loop device with two partitions; their nodes."""
        image = self.directory() / "image"
        entry = lambda first, count: bytes([0, 0, 2, 0, 0x83, 0, 2, 0]) + first.to_bytes(4, "little") + count.to_bytes(4, "little")
        with open(image, "wb") as file:
            file.truncate(8 * MIB)
            file.seek(446)
            file.write(entry(2048, 4096) + entry(8192, 4096) + bytes(32) + b"\x55\xaa")
        loop, _ = self.loop(image=image)
        subprocess.run(["partx", "--add", loop], capture_output=True)
        self.addCleanup(subprocess.run, ["partx", "--delete", loop], capture_output=True)
        parts = [f"{loop}p1", f"{loop}p2"]
        for part in parts:
            number = pathlib.Path(f"/sys/class/block/{os.path.basename(part)}/dev")
            if not number.exists():
                self.skipTest("this kernel has no partitions of loop devices")
            if not os.path.exists(part):
                major, minor = map(int, number.read_text().split(":"))
                os.mknod(part, 0o600 | stat.S_IFBLK, os.makedev(major, minor))
                self.addCleanup(os.unlink, part)
        return loop, parts

    def try_lock(self, path, lock):
        """Whether another program gets it."""
        with open(path, "rb") as file:
            try:
                fcntl.flock(file, lock | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                return False

    @need_root
    def test_disks_that_are_locked_and_the_lock_of_a_job(self):
        """As udev and others do it: systemd.io/BLOCK_DEVICE_LOCKING."""
        loop, parts = self.partitioned_loop()
        for target, lock in ((loop, fcntl.LOCK_SH), (loop, fcntl.LOCK_EX), (parts[0], fcntl.LOCK_SH)):
            with open(loop, "rb") as disk:
                fcntl.flock(disk, lock)
                self.both(target, status=409, reason="busy", text="locked by another program (flock)", overwrite_signatures=["all"])
        endless = {"rw": "write", "bs": "4k", "runtime": "1h", "time_based": True, "rate_iops": 50}
        reader = self.server.submit(targets=[parts[0]], allow_in_use=True, workload=endless | {"rw": "read"})["id"]
        with open(loop, "rb") as disk:
            fcntl.flock(disk, fcntl.LOCK_EX)  # who only reads there has no lock that could be in its place
            self.both(parts[1], status=409, reason="busy", text=f"is on {loop}, which is locked by another program",
                      overwrite_signatures=["all"])
        self.server.call("POST", f"/v1/jobs/{reader}:cancel", "")
        self.server.wait(reader)
        jobs = [self.server.submit(targets=[part], destructive=True, workload=endless, overwrite_signatures=["all"])["id"]
                for part in parts]
        self.assertFalse(self.try_lock(loop, fcntl.LOCK_SH), "udev would look at a disk that a job writes to")
        for job in jobs:
            self.server.call("POST", f"/v1/jobs/{job}:cancel", "")
            self.assertEqual("CANCELLED", self.server.wait(job)["state"])
        self.assertTrue(self.try_lock(loop, fcntl.LOCK_EX))
        job = self.server.submit(targets=[loop], destructive=True, workload=endless, overwrite_signatures=["all"])["id"]
        self.assertFalse(self.try_lock(loop, fcntl.LOCK_SH))
        self.server.call("POST", f"/v1/jobs/{job}:cancel", "")
        self.server.wait(job)
        job = self.server.submit(targets=[loop], allow_in_use=True, workload=endless | {"rw": "read"})["id"]
        self.assertTrue(self.try_lock(loop, fcntl.LOCK_EX), "who shares a disk locks nobody out")
        self.server.call("POST", f"/v1/jobs/{job}:cancel", "")
        self.server.wait(job)

    def test_files_with_attributes_that_forbid_writing(self):
        path = self.file()
        for attribute in ("a", "i"):
            if subprocess.run(["chattr", f"+{attribute}", path], capture_output=True).returncode != 0:
                self.skipTest("chattr does not work here")
            try:
                self.both(path, status=409, reason="read-only", text="append-only or immutable")
            finally:
                subprocess.run(["chattr", f"-{attribute}", path], check=True)
        self.accepted(path)

    def test_a_directory_where_no_file_can_be_created(self):
        place = self.dir / "place"
        place.mkdir()
        if subprocess.run(["chattr", "+i", place], capture_output=True).returncode != 0:
            self.skipTest("chattr does not work here")
        try:
            self.both(place / "new", status=409, reason="read-only", text="cannot be created: Operation not permitted",
                      workload={"size": "1M"})
        finally:
            subprocess.run(["chattr", "-i", place], check=True)

    def test_a_read_only_file_system(self):
        place = self.dir / "place"
        place.mkdir()
        self.file("place/old")
        subprocess.run(["mount", "--bind", place, place], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place], capture_output=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        self.both(place / "old", status=409, reason="read-only", text="Read-only file system")
        self.both(place / "new", status=409, reason="read-only", text="cannot be created: Read-only file system",
                  workload={"size": "1M"})

    def test_one_new_file_through_two_mounts(self):
        places = [self.dir / name for name in ("one", "two")]
        for place in places:
            place.mkdir()
        subprocess.run(["mount", "--bind", places[0], places[1]], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", places[1]], capture_output=True)
        self.both(places[0] / "new", places[1] / "new", status=422, reason="named-twice", text="another target of this job",
                  workload={"size": "1M"})
        self.assertEqual([], list(places[0].iterdir()))

    def test_a_file_that_another_has_a_lease_on(self):
        path = self.file()
        for lease, job in ((fcntl.F_WRLCK, {"destructive": False, "workload": {"rw": "read"}}), (fcntl.F_RDLCK, {})):
            fd = os.open(path, os.O_RDONLY)
            try:
                fcntl.fcntl(fd, fcntl.F_SETLEASE, lease)
                begun = time.monotonic()
                self.both(path, status=409, reason="busy", text="leased to another program", **job)
                self.assertLess(time.monotonic() - begun, 2 * SLOW, "nobody waits for who has the lease")
            finally:
                os.close(fd)
        self.accepted(path)

    def test_a_file_system_that_is_out_of_inodes(self):
        place = self.dir / "place"
        place.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,nr_inodes=2", "none", place], capture_output=True).returncode:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", place], capture_output=True)
        (place / "only").touch()
        self.both(place / "new", status=422, reason="no-space", text="cannot be created: No space left",
                  workload={"size": "16k"})

    def test_two_names_of_which_one_is_not_allowed(self):
        loop, _ = self.loop(8 * MIB)
        self.both(loop, loop.replace("/dev/", "/dev//"), status=409, reason="not-allowed", text="outside the --allow patterns")

    def test_a_device_that_another_holds(self):
        loop, _ = self.loop(8 * MIB)
        fd = os.open(loop, os.O_RDWR | os.O_EXCL)
        try:
            self.both(loop, status=409, reason="busy", text="O_EXCL")
        finally:
            os.close(fd)
        self.accepted(loop)

    def test_validating_leaves_nothing_held_or_changed(self):
        path = self.file()
        before = os.stat(path)
        loop, _ = self.loop(8 * MIB)
        job = {"targets": [str(path), loop], "destructive": True, "workload": {"rw": "write", "bs": "4k", "direct": False}}
        for _ in range(5):
            self.assertTrue(self.server.call("POST", "/v1/jobs:validate", job).json["accepted"])
        after = os.stat(path)
        self.assertEqual((before.st_mtime_ns, before.st_ctime_ns), (after.st_mtime_ns, after.st_ctime_ns))
        os.close(os.open(loop, os.O_RDWR | os.O_EXCL))
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@need_root
class Onlookers(TestCase):
    def test_what_others_ask_of_a_disk_is_not_in_the_counters_of_its_job(self):
        """Looking for signatures reads from the disk, and the kernel counts that."""
        mount = self.fuse_disk(4 * MIB)
        loop, _ = self.loop(image=mount / "disk")
        subprocess.run(["mkfs.ext4", "-q", loop], check=True, capture_output=True)
        (mount / "control").write_text("delay 5\n")
        server = self.daemon(allow=["/dev/loop*"])
        write = {"targets": [loop], "destructive": True, "workload": {"rw": "write", "bs": "4k"}}
        done = threading.Event()

        def ask(path):
            while not done.is_set():
                server.call("POST", path, write)

        others = [threading.Thread(target=ask, args=(path,)) for path in ("/v1/jobs:validate", "/v1/jobs:validate", "/v1/jobs")]
        for other in others:
            other.start()
        try:
            ran = 0
            end = time.monotonic() + 4 * SLOW
            while time.monotonic() < end:
                job = server.call("POST", "/v1/jobs", {"targets": [loop], "workload": {"rw": "read", "bs": "64k"}})
                if job.status != 201:  # another looks at it for longer than this one would wait
                    continue
                device = server.wait(job.json["id"])["devices"][0]
                self.assertEqual((device["io"]["read"]["bytes"], 0),
                                 (device["kernel"]["read_bytes"], device["kernel"]["write_bytes"]))
                ran += 1
        finally:
            done.set()
            for other in others:
                other.join()
        self.assertGreater(ran, 3)


if __name__ == "__main__":
    unittest.main()
