# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a real systemd: installed, used, upgraded and purged. packaging/deb builds them; SPLICED_DEBS says where
they are."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import await_true
from machine import CannotBoot, Machine
from test_service import BUILD, host_loop

DEBS = os.environ.get("SPLICED_DEBS")
# A Debian that never had anything of ours, with what apt needs to install the packages in it (tests/vm/image.py makes one); this
# system otherwise.
FRESH = os.environ.get("SPLICED_FRESH_ROOT", "/")
CURL = "curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock http://localhost"
# Not the packages': backups that useradd(8) makes, caches, logs, locks and what dpkg, apt and systemd remember of themselves.
OTHERS = r"/(proc|sys|dev|run/(systemd|lock|log|udev|user|dbus)|tmp|var/(log|cache|tmp)|var/lib/(dpkg|apt|PackageKit|systemd/catalog)|debs|etc/machine-id|etc/sub[ug]id-|root/\.cache)(/|$)"


def higher_version(directory):
    """The same packages with a higher version."""
    for deb in pathlib.Path(DEBS).glob("*.deb"):
        tree = pathlib.Path(directory) / deb.stem
        subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
        control = tree / "DEBIAN/control"
        text = control.read_text()
        control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+later", text, flags=re.M))
        subprocess.run(["dpkg-deb", "-b", "--root-owner-group", tree, pathlib.Path(directory) / f"later-{deb.name}"], check=True,
                       capture_output=True)
        shutil.rmtree(tree)


@unittest.skipUnless(DEBS, "no packages: SPLICED_DEBS names the directory that packaging/deb built")
class Package(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.loop, remove = host_loop(64 << 20)
        cls.addClassCleanup(remove)
        try:
            cls.machine = Machine(BUILD, (cls.loop,), FRESH)
        except CannotBoot as reason:
            raise unittest.SkipTest(str(reason)) from None
        cls.addClassCleanup(cls.machine.close)
        (cls.machine.root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)  # of build machines: services may not start
        debs = cls.machine.root / "debs"
        debs.mkdir()
        for deb in pathlib.Path(DEBS).glob("*.deb"):
            if "dbgsym" not in deb.name:
                shutil.copy(deb, debs)
        with tempfile.TemporaryDirectory() as later:
            higher_version(later)
            for deb in pathlib.Path(later).glob("*.deb"):
                if "dbgsym" not in deb.name:
                    shutil.copy(deb, debs)

    def run_in(self, script, **options):
        return self.machine.run(script, **options).stdout

    def files(self):
        listed = self.run_in("find / -xdev -printf '%p\\n'", timeout=300).splitlines()
        return {path for path in listed if not re.match(OTHERS, path)}

    def apt(self, *words):
        self.run_in("DEBIAN_FRONTEND=noninteractive apt-get -y " + " ".join(words), timeout=300)

    def job(self, target, **workload):
        body = json.dumps({"targets": [target], "destructive": True, "on_restart": "interrupt", "workload": {"rw": "randwrite", "bs": "4k", **workload}})
        return json.loads(self.run_in(f"{CURL}/v1/jobs -H 'Content-Type: application/json' -d @-", text=body))["id"]

    def interrupted_by(self, script):
        """What became of a job during which the script ran."""
        job = self.job(self.loop, runtime="1h", time_based=True, rate_iops=200)
        written = lambda: json.loads(self.run_in(f"{CURL}/v1/jobs/{job}"))["devices"][0]["io"]["write"]["operations"]
        await_true(lambda: written() > 20, "the job to have done something")
        before = written()
        said = self.run_in(script, timeout=300)
        try:
            await_true(lambda: self.machine.run(f"{CURL}/livez", check=False).stdout == "ok\n", "the daemon to be back")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{said}{self.run_in('journalctl -u spliced -n 30 -o cat --no-pager')}") from None
        ended = json.loads(self.run_in(f"{CURL}/v1/jobs/{job}"))
        self.assertEqual("INTERRUPTED", ended["state"])
        self.assertGreaterEqual(ended["devices"][0]["io"]["write"]["operations"], before)
        return ended

    def test_from_installation_to_purge(self):
        before = self.files()
        self.apt("install", "/debs/spliced_*.deb", "/debs/spliced-tools_*.deb")
        self.assertEqual("inactive\n", self.machine.run("systemctl is-active spliced", check=False).stdout)
        self.assertEqual("disabled\n", self.machine.run("systemctl is-enabled spliced", check=False).stdout)
        self.run_in("spliced --check-config && systemctl enable --now spliced")
        self.run_in(f"""sed -i 's|"/var/lib/spliced/scratch/"|"/var/lib/spliced/scratch/", "{self.loop}"|' /etc/spliced/spliced.json""")
        self.run_in("systemctl reload spliced && useradd --groups spliced member")
        self.addCleanup(self.machine.run, "userdel member", check=False)
        self.run_in(f"""sed 's|/var/lib/spliced/scratch/scratch.dat|{self.loop}|; s|"size": "64M",||' \
                    /usr/share/doc/spliced/examples/quickstart.json >/tmp/job.json; chmod 644 /tmp/job.json""")
        as_member = "setpriv --reuid=member --regid=member --init-groups"
        self.assertIn("ok", self.run_in(f"{as_member} {CURL}/readyz"))
        done = self.machine.run(f"{as_member} splicectl run /tmp/job.json", check=False, timeout=90)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("PASS", done.stdout)
        self.job(self.loop, runtime="2s", time_based=True)
        await_true(lambda: "1 jobs on 1 devices" in self.run_in("systemctl show -P StatusText spliced"), "the live summary")
        await_true(lambda: "idle" in self.run_in("systemctl show -P StatusText spliced"), "the job to end")
        self.interrupted_by("systemctl restart spliced")
        self.interrupted_by("DEBIAN_FRONTEND=noninteractive apt-get -y install /debs/later-spliced_*.deb "
                            "/debs/later-spliced-tools_*.deb")
        self.assertIn("+later", self.run_in("dpkg-query -W -f '${Version}' spliced"))
        self.assertEqual("enabled\n", self.run_in("systemctl is-enabled spliced"))
        self.assertIn(self.loop, self.run_in("cat /etc/spliced/spliced.json"), "the administrator's settings stay")
        self.run_in("rm -f /tmp/job.json; userdel member; rm -rf /home/member")
        self.apt("remove", "spliced", "spliced-tools")
        self.assertIn("state.db", self.run_in("ls /var/lib/spliced"), "the record stays until a purge")
        self.apt("purge", "spliced", "spliced-tools")
        if FRESH != "/":
            self.apt("autoremove", "--purge")  # what came with them
        after = self.files()
        self.assertEqual((set(), set()), (after - before, {path for path in before - after if "spliced" in path}))
        self.assertNotEqual(0, self.machine.run("getent group spliced", check=False).returncode)


if __name__ == "__main__":
    unittest.main()
