# SPDX-License-Identifier: Apache-2.0
"""The shipped unit on a real systemd: installed by the commands of README.md, run, reloaded, broken, and removed."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from harness import await_true
from machine import ROOT, CannotBoot, Machine

BUILD = pathlib.Path(os.environ["SPLICED_BUILD"])
CONFIG = "/etc/spliced/spliced.json"
SCRATCH = "/var/lib/spliced/scratch"
README = (ROOT / "README.md").read_text()


def readme_block(word):
    """The commands of README.md that begin with `word`, for the build that is tested."""
    blocks = [text for text in re.findall(r"```sh\n(.*?)```", README, re.S) if text.startswith(word)]
    assert len(blocks) == 1, (word, blocks)
    return "set -e\n" + blocks[0].replace("build/release", str(BUILD))


class OnAMachine(unittest.TestCase):
    prefix = "/usr"
    devices = ()
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        try:
            cls.machine = Machine(BUILD, cls.devices)
        except CannotBoot as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.addClassCleanup(cls.machine.close)
        cls.machine.run(readme_block("cmake --install").replace("--prefix /usr ", f"--prefix {cls.prefix} "), timeout=120)

    def run_in(self, script, **options):
        return self.machine.run(script, **options).stdout

    def show(self, name):
        return self.run_in(f"systemctl show -P {name} spliced").strip()

    def get(self, path):
        return self.run_in(f"curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock http://localhost{path}")

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.get("/metrics"), re.M).group(1))

    def journal(self):
        return self.run_in("journalctl -u spliced -o cat --no-pager")

    def write(self, path, text):
        (self.machine.root / path.lstrip("/")).write_text(text)

    def configure(self, **settings):
        self.write(CONFIG, json.dumps({"allow": [f"{SCRATCH}/", *self.devices], **settings}))

    def start(self):
        """With the shipped settings and the devices of the tests, whatever went before."""
        self.configure()
        self.run_in("systemctl reset-failed spliced; systemctl restart spliced", timeout=60)

    def submit(self, target, on_restart="interrupt", **workload):
        answer = json.loads(self.run_in(
            "curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock -H 'Content-Type: application/json' -d @- "
            "http://localhost/v1/jobs",
            text=json.dumps({"targets": [target], "destructive": True, "on_restart": on_restart, "workload": workload})))
        self.assertIn("id", answer, answer)
        return answer["id"]

    def endless(self):
        return self.submit(f"{SCRATCH}/endless", rw="randwrite", size="1M", runtime="1h", time_based=True, rate_iops=200,
                           direct=False)

    def await_operations(self, job):
        await_true(lambda: json.loads(self.get(f"/v1/jobs/{job}"))["devices"][0]["io"]["write"]["operations"] > 0,
                   "the job to have done something")


def host_loop(size):
    """A loop device of this system, over an image in memory; the device and what takes it away."""
    directory = tempfile.TemporaryDirectory(prefix="spliced-system.", dir="/dev/shm")
    image = pathlib.Path(directory.name) / "image"
    with open(image, "wb") as file:
        file.truncate(size)
    done = subprocess.run(["losetup", "-f", "--show", str(image)], capture_output=True, text=True)
    if done.returncode != 0:
        directory.cleanup()
        raise unittest.SkipTest(f"no loop device: {done.stderr.strip()}")
    device = done.stdout.strip()

    def remove():
        subprocess.run(["losetup", "-d", device], capture_output=True)
        directory.cleanup()

    return device, remove


class Service(OnAMachine):
    @classmethod
    def setUpClass(cls):
        device, remove = host_loop(64 << 20)
        cls.addClassCleanup(remove)
        cls.devices = (device,)
        super().setUpClass()

    def setUp(self):
        self.start()

    def test_what_was_installed_is_as_it_should_be(self):
        self.assertEqual("active", self.show("ActiveState"))
        self.assertEqual("enabled", self.show("UnitFileState"))
        self.assertTrue(self.show("StatusText").startswith("idle; "), self.show("StatusText"))
        self.assertEqual("spliced spliced 660\n", self.run_in("stat -c '%U %G %a' /run/spliced/spliced.sock"))
        self.assertEqual("ok\n", self.get("/readyz"))
        self.assertEqual("", self.run_in("systemd-analyze verify spliced.service 2>&1"))
        self.run_in("systemd-analyze security --offline=yes --threshold=28 /usr/lib/systemd/system/spliced.service")
        modes = self.run_in("find /var/lib/spliced -maxdepth 1 -type f -printf '%f %m\\n'")
        self.assertEqual({"600"}, set(re.findall(r" (\d+)$", modes, re.M)), modes)

    def test_the_sample_configuration_is_enough(self):
        self.run_in(f"cp /usr/share/doc/spliced/spliced.json {CONFIG} && systemctl restart spliced")
        done = self.machine.run(readme_block("splicectl run"), check=False, timeout=90)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr + self.journal()[-2000:])
        self.assertEqual("PASS", json.loads(self.get("/v1/jobs"))["jobs"][0]["verdict"])

    def test_a_destructive_job_on_a_disk(self):
        job = self.submit(self.devices[0], rw="write", bs="1M", direct=True)
        shown = json.loads(self.get(f"/v1/jobs/{job}?wait=15s"))
        self.assertEqual("PASS", shown["verdict"], shown)
        self.assertEqual(64 << 20, shown["devices"][0]["io"]["write"]["bytes"])
        self.assertNotRegex(self.get("/metrics"), r'reason="EPERM"\} [1-9]', "the unit forbids what the engine wants")

    def test_the_journal_tells_a_jobs_story_and_who_began_it(self):
        job = self.endless()
        self.await_operations(job)
        self.run_in(f"curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock -X POST http://localhost/v1/jobs/{job}:cancel")

        def story():
            return self.run_in(f"journalctl SPLICED_JOB_ID={job} -o cat --no-pager")

        await_true(lambda: "CANCELLED" in story(), "the end in the journal")
        self.assertRegex(story(), rf"POST /v1/jobs by uid 0, pid \d+: 201, job {job} on \"{SCRATCH}/endless\"\n")
        self.assertRegex(story(), rf"POST /v1/jobs/{job}:cancel by uid 0, pid \d+: 200, job {job} on \"{SCRATCH}/endless\"\n")
        self.assertIn(f"job {job} on \"{SCRATCH}/endless\"",
                      self.run_in(f"journalctl SPLICED_DEVICE={SCRATCH}/endless -o cat --no-pager"))

    def test_a_stop_in_the_middle_of_a_job(self):
        job = self.endless()
        self.await_operations(job)
        await_true(lambda: self.show("StatusText").startswith("1 jobs on 1 devices"), "the status line to tell of it")
        self.run_in("systemctl stop spliced", timeout=20)
        self.assertEqual(("inactive", "success"), (self.show("ActiveState"), self.show("Result")))
        self.run_in("systemctl start spliced")
        shown = json.loads(self.get(f"/v1/jobs/{job}"))
        self.assertEqual("INTERRUPTED", shown["state"])
        self.assertGreater(shown["devices"][0]["io"]["write"]["bytes"], 0)

    def test_a_job_goes_on_over_an_upgrade_and_so_does_who_waits_for_it(self):
        definition = {"targets": [f"{SCRATCH}/upgraded"], "destructive": True, "stages": [
            {"name": "fill", "workload": {"rw": "write", "bs": "4k", "size": "8M", "rate_iops": 200, "direct": False}},
            {"name": "check", "verify": {"of": "fill"}}]}
        self.run_in(f"cat >{SCRATCH}/upgraded.json", text=json.dumps(definition))
        self.run_in(f"(splicectl run {SCRATCH}/upgraded.json >{SCRATCH}/said 2>&1; echo $? >{SCRATCH}/code) "
                    "</dev/null >/dev/null 2>&1 &")
        jobs = lambda: json.loads(self.get("/v1/jobs?state=RUNNING"))["jobs"]  # noqa: E731
        await_true(jobs, "the job to run")
        job = jobs()[0]["id"]
        self.await_operations(job)
        self.run_in("systemctl restart spliced", timeout=60)
        code = lambda: self.run_in(f"cat {SCRATCH}/code 2>/dev/null || true").strip()  # noqa: E731
        await_true(code, "splicectl to end", 120)
        self.assertEqual("0", code(), self.run_in(f"cat {SCRATCH}/said"))
        ended = json.loads(self.get(f"/v1/jobs/{job}"))
        self.assertEqual(("SUCCEEDED", "PASS", 1), (ended["state"], ended["verdict"], len(ended["interruptions"])))

    def test_a_file_that_is_broken_is_told_everywhere_and_changes_nothing(self):
        job = self.endless()
        self.await_operations(job)
        self.write(CONFIG, '{"allow": [')
        self.run_in("systemctl kill --signal=HUP spliced")
        await_true(lambda: self.metric("spliced_config_last_reload_successful") == 0, "the metric")
        await_true(lambda: "the last reload failed: --config /etc/spliced/spliced.json" in self.show("StatusText"),
                   "the status line")
        self.assertIn("nothing was changed", self.journal())
        self.assertNotEqual(0, self.machine.run("systemctl reload spliced", check=False).returncode)
        self.assertEqual("active", self.show("ActiveState"))
        self.assertEqual("RUNNING", json.loads(self.get(f"/v1/jobs/{job}"))["state"])
        other = self.submit(f"{SCRATCH}/other", rw="write", size="1M", direct=False)  # still allowed
        self.assertEqual("PASS", json.loads(self.get(f"/v1/jobs/{other}?wait=15s"))["verdict"])
        self.configure()
        self.run_in("systemctl reload spliced")
        await_true(lambda: self.metric("spliced_config_last_reload_successful") == 1, "the metric")
        await_true(lambda: "reload" not in self.show("StatusText"), "the status line")

    def test_a_port_that_is_taken_is_named_and_tried_again(self):
        self.run_in("systemctl stop spliced")
        self.run_in("systemd-run -q --unit=squatter python3 -c 'import socket, time; s = socket.socket(); "
                    "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind((\"127.0.0.1\", 9650)); s.listen(); "
                    "time.sleep(600)'")
        self.addCleanup(self.machine.run, "systemctl stop squatter", check=False)
        await_true(lambda: ":9650" in self.run_in("ss -ltn 2>/dev/null || cat /proc/net/tcp").replace(":25B2", ":9650"),
                   "the port to be taken")
        self.assertNotEqual(0, self.machine.run("systemctl start spliced", check=False).returncode)
        self.assertEqual("1", self.show("ExecMainStatus"))
        self.assertRegex(self.journal(), r"127\.0\.0\.1:9650.*in use")
        self.run_in("systemctl stop squatter")
        await_true(lambda: self.show("ActiveState") == "active", "the next try", 30)

    def test_a_wrong_configuration_is_not_tried_again(self):
        self.write(CONFIG, '{"alow": []}')
        self.assertNotEqual(0, self.machine.run("systemctl restart spliced", check=False).returncode)
        self.assertEqual(("failed", "2", "0"), (self.show("ActiveState"), self.show("ExecMainStatus"), self.show("NRestarts")))
        self.assertIn('unknown key "alow"', self.journal())

    def test_no_configuration_at_all(self):
        self.run_in(f"rm {CONFIG} && systemctl restart spliced")
        self.assertIn(f"there is no configuration file {CONFIG}", self.journal())
        self.assertEqual("ok\n", self.get("/readyz"))
        refused = json.loads(self.run_in(
            f"curl -sS --unix-socket /run/spliced/spliced.sock -H 'Content-Type: application/json' "
            f"-d '{{\"targets\": [\"{SCRATCH}/x\"], \"destructive\": true, \"workload\": {{\"rw\": \"write\"}}}}' "
            "http://localhost/v1/jobs:validate"))
        self.assertFalse(refused["accepted"], refused)

    def test_runs_as_a_user_of_its_own_with_few_rights(self):
        pid = self.show("MainPID")
        status = dict(line.split(":\t", 1) for line in self.run_in(f"cat /proc/{pid}/status").splitlines() if ":\t" in line)
        self.assertEqual(self.run_in("id -u spliced").strip(), status["Uid"].split()[0])
        self.assertEqual(status["CapEff"], status["CapBnd"])
        rights = {21: "sys_admin", 17: "sys_rawio", 19: "sys_ptrace", 23: "sys_nice", 24: "sys_resource"}
        bound = int(self.run_in("sed -n 's/^CapBnd:\\t//p' /proc/1/status"), 16)  # what the machine itself has
        self.assertEqual(sum(1 << bit for bit in rights) & bound, int(status["CapEff"], 16))
        self.assertIn(self.run_in("getent group disk | cut -d: -f3").strip(), status["Groups"].split())

    def test_a_file_of_somebody_else_is_not_the_daemons_to_open(self):
        self.run_in(f"head -c 65536 /dev/zero >{SCRATCH}/roots && chown root:root {SCRATCH}/roots && chmod 600 {SCRATCH}/roots")
        self.addCleanup(self.machine.run, f"rm -f {SCRATCH}/roots")
        answer = json.loads(self.run_in(
            "curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock -H 'Content-Type: application/json' -d @- "
            "http://localhost/v1/jobs", text=json.dumps({"targets": [f"{SCRATCH}/roots"], "workload": {"direct": False}})))
        self.assertEqual("urn:spliced:problem:cannot-open", answer["type"], answer)
        self.assertIn("Permission denied", answer["detail"])

    def test_a_daemon_that_stands_still_is_ended_and_started_again(self):
        """The watchdog, with shorter times than those of the unit."""
        drop_in = "/run/systemd/system/spliced.service.d"
        self.run_in(f"mkdir -p {drop_in} && printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\nRestartSec=1\\n' >{drop_in}/test.conf "
                    "&& systemctl daemon-reload && systemctl restart spliced")
        self.addCleanup(self.machine.run, f"rm -r {drop_in}; systemctl daemon-reload")
        job = self.endless()
        # What it had done is on record every 10 s; it does 200 operations a second.
        done = lambda: json.loads(self.get(f"/v1/jobs/{job}"))["devices"][0]["io"]["write"]["operations"]  # noqa: E731
        await_true(lambda: done() > 2400, "a record of the job", 30)
        pid = self.show("MainPID")
        self.run_in(f"kill -STOP {pid}")
        await_true(lambda: self.show("MainPID") not in ("0", pid) and self.show("ActiveState") == "active", "another daemon", 30)
        self.assertIn("Watchdog timeout", self.run_in("journalctl -u spliced -o cat --no-pager"))
        ended = json.loads(self.get(f"/v1/jobs/{job}"))
        self.assertEqual("INTERRUPTED", ended["state"])
        self.assertGreater(ended["devices"][0]["io"]["write"]["operations"], 0)

    def test_the_catalog_explains_the_lines(self):
        self.run_in("journalctl --update-catalog")
        job = self.endless()
        self.await_operations(job)
        explained = self.run_in(f"journalctl -x --no-pager SPLICED_JOB_ID={job} SPLICED_STATE=RUNNING")
        self.assertIn(f"Subject: Job {job} is RUNNING", explained)
        header = (ROOT / "include/spliced/util/message_id.h").read_text()
        listed = self.run_in("journalctl --list-catalog")
        numbers = re.findall(r'"([0-9a-f]{32})"', header)
        self.assertGreater(len(numbers), 8)
        self.assertEqual([], [number for number in numbers if number not in listed])

    def test_a_damaged_record_of_jobs_is_set_aside(self):
        self.run_in("systemctl stop spliced && head -c 100000 /dev/urandom >/var/lib/spliced/state.db && systemctl start spliced")
        aside = self.run_in("ls /var/lib/spliced/ | grep damaged").strip()
        self.addCleanup(self.machine.run, f"rm /var/lib/spliced/{aside}")
        await_true(lambda: aside in self.show("StatusText"), "the status line")
        self.assertIn(aside, self.journal())
        self.run_in("systemctl restart spliced")
        self.assertNotIn(aside, self.show("StatusText"))

    def test_a_state_directory_that_is_deleted_is_told(self):
        job = self.endless()
        self.await_operations(job)
        self.addCleanup(self.machine.run, "systemctl stop spliced; rm -rf /var/lib/spliced")
        self.run_in("rm -rf /var/lib/spliced")
        await_true(lambda: self.get("/readyz") == "the state directory /var/lib/spliced is gone\n", "/readyz", 3)
        await_true(lambda: "/var/lib/spliced is gone" in self.show("StatusText"), "the status line", 5)
        self.assertEqual("RUNNING", json.loads(self.get(f"/v1/jobs/{job}"))["state"])

    def test_the_bus_lets_in_root_and_the_groups_alone(self):
        self.configure(read_group="adm")
        self.run_in("systemctl restart spliced")
        method = "busctl call org.spliced.Manager1 /org/spliced/Manager1 org.spliced.Manager1"
        await_true(lambda: self.machine.run(f"{method} ListJobs", check=False).returncode == 0, "the daemon to be on the bus")
        group, adm = (self.run_in(f"getent group {name} | cut -d: -f3").strip() for name in ("spliced", "adm"))
        as_nobody = "setpriv --reuid=65534 --regid=65534"
        for groups, call, needs in (("--clear-groups", "ListJobs", "AccessDenied"), ("--clear-groups", "ListDevices", "AccessDenied"),
                                    ("--clear-groups", "Submit s {}", "AccessDenied"), ("--clear-groups", "Cancel s x", "AccessDenied"),
                                    (f"--groups={adm}", "Submit s {}", "AccessDenied"), (f"--groups={adm}", "Cancel s x", "AccessDenied"),
                                    (f"--groups={group}", "Submit s {}", "Invalid"), (f"--groups={group}", "Cancel s x", "NotFound")):
            done = self.machine.run(f"SYSTEMD_LOG_LEVEL=debug {as_nobody} {groups} {method} {call}", check=False)
            self.assertNotEqual(0, done.returncode)
            self.assertIn(f"Error.{needs}", done.stderr, (groups, call))
        for groups in (adm, group):
            self.run_in(f"{as_nobody} --groups={groups} {method} ListJobs; {as_nobody} --groups={groups} {method} ListDevices")
        self.assertIn("Submit by uid 65534, pid ", self.journal())
        other = self.machine.run(f"setpriv --reuid=65534 --regid=65534 --groups={group} busctl call org.freedesktop.DBus "
                                 "/org/freedesktop/DBus org.freedesktop.DBus RequestName su org.spliced.Manager1 0", check=False)
        self.assertNotEqual(0, other.returncode)


class UsrLocal(OnAMachine):
    """Installed where cmake installs by default, and removed again."""
    prefix = "/usr/local"

    def test_runs_and_leaves_nothing_when_it_is_removed(self):
        self.assertEqual("active", self.show("ActiveState"))
        self.assertEqual("/usr/local/lib/systemd/system/spliced.service", self.show("FragmentPath"))
        await_true(lambda: self.machine.run("busctl status org.spliced.Manager1", check=False).returncode == 0, "the bus name")
        self.assertEqual("spliced spliced\n", self.run_in("stat -c '%U %G' /run/spliced/spliced.sock"))
        self.run_in(readme_block("systemctl disable").replace("/usr/share/doc", "/usr/local/share/doc"))
        left = self.run_in("find /etc /usr /var /run \\( -path /var/log -o -path /var/cache \\) -prune -o \\( -iname '*spliced*' -o -iname splicectl\\* \\) -print")
        self.assertEqual("", left)
        self.assertNotEqual(0, self.machine.run("getent group spliced", check=False).returncode)
        self.assertEqual("not-found", self.show("LoadState"))


if __name__ == "__main__":
    unittest.main()
