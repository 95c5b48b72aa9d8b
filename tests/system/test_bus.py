# SPDX-License-Identifier: Apache-2.0
"""The bus interface on a real system bus: its policy, activation, polkit, and a bus that is killed."""
import json
import time
import unittest

from harness import await_true
from test_service import SCRATCH, OnAMachine

NAME = "org.spliced.Manager1"
MANAGER = f"{NAME} /org/spliced/Manager1 {NAME}"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
RULES = "/etc/polkit-1/rules.d/40-spliced-test.rules"


class SystemBus(OnAMachine):
    def setUp(self):
        self.start()
        self.await_bus()

    def await_bus(self):
        await_true(lambda: self.machine.run(f"busctl call {MANAGER} ListJobs", check=False).returncode == 0, "the daemon to be on the bus")

    def call_as(self, who, method, text=""):
        """What came of it, with the name of the error."""
        done = self.machine.run(f"SYSTEMD_LOG_LEVEL=debug {who} busctl --json=short call {MANAGER} {method}", check=False, text=text)
        return done.stdout if done.returncode == 0 else done.stderr

    def submit_as(self, who, **job):
        definition = json.dumps({"targets": [f"{SCRATCH}/bus"], **job})
        return self.call_as(who, f"""Submit s '{definition}'""")

    def test_nobody_sees_a_byte(self):
        job = self.endless()
        path = self.run_in(f"busctl --json=short call {MANAGER} GetJob s {job}")
        path = json.loads(path)["data"][0]
        self.assertIn(path, self.run_in(f"busctl tree {NAME}"))
        group = self.run_in("getent group spliced | cut -d: -f3").strip()
        member = f"setpriv --reuid=65534 --regid=65534 --groups={group}"
        self.assertIn(path, self.run_in(f"{member} busctl tree {NAME}"))
        self.assertIn('"RUNNING"', self.run_in(f"{member} busctl introspect {NAME} {path}"))
        for call in (f"tree {NAME}", f"introspect {NAME} {path}", f"introspect {NAME} /org/spliced/Manager1",
                     f"get-property {NAME} {path} org.spliced.Job1 State", f"get-property {MANAGER} Version",
                     f"call {NAME} /org/spliced org.freedesktop.DBus.ObjectManager GetManagedObjects",
                     f"call {NAME} {path} org.spliced.Job1 Cancel"):
            done = self.machine.run(f"{NOBODY} busctl {call}", check=False)
            self.assertNotIn("_2d", done.stdout, call)
            self.assertIn("ccess", done.stdout + done.stderr, call)
        self.assertEqual("RUNNING", json.loads(self.get(f"/v1/jobs/{job}"))["state"])

    def test_the_first_call_starts_it_where_it_is_enabled(self):
        self.addCleanup(self.run_in, "systemctl enable spliced")
        self.run_in("systemctl stop spliced")
        self.assertEqual("inactive", self.show("ActiveState"))
        self.run_in(f"busctl call {MANAGER} ListJobs")
        self.assertEqual("active", self.show("ActiveState"))
        self.run_in("systemctl disable --now spliced")
        self.assertNotEqual(0, self.machine.run(f"busctl call {MANAGER} ListJobs", check=False).returncode)
        self.assertEqual("inactive", self.show("ActiveState"))

    def test_polkit_gives_what_a_rule_says_and_no_more(self):
        self.addCleanup(self.run_in, f"rm -f {RULES}")
        reads = {"workload": {"rw": "read", "direct": False}}
        writes = {"destructive": True, "workload": {"rw": "write", "size": "1M", "direct": False}}
        self.run_in(f"head -c 1M /dev/zero >{SCRATCH}/bus && chown spliced: {SCRATCH}/bus")
        self.assertIn("Error.AccessDenied", self.submit_as(NOBODY, **reads))

        def rule(action):
            self.write(RULES, "polkit.addRule(function (action, subject) {\n"
                              f'  if (action.id === "{action}" && subject.user === "nobody") return polkit.Result.YES;\n}});\n')

        rule("org.spliced.run")
        await_true(lambda: '"data"' in self.submit_as(NOBODY, **reads), "polkit to have read the rule")
        self.assertIn('"data"', self.call_as(NOBODY, "ListJobs"), "what may run may read")
        self.assertIn("Error.AccessDenied", self.submit_as(NOBODY, **writes))
        self.assertEqual("uid:65534", json.loads(self.get("/v1/jobs"))["jobs"][0]["created_by"])
        rule("org.spliced.destroy")
        await_true(lambda: '"data"' in self.submit_as(NOBODY, **writes), "the other rule")
        self.run_in(f"rm {RULES}")
        await_true(lambda: "Error.AccessDenied" in self.submit_as(NOBODY, **writes), "the rule to be gone")
        self.run_in("systemctl stop polkit; systemctl mask --runtime polkit")
        self.addCleanup(self.run_in, "systemctl unmask --runtime polkit")
        self.assertIn("Error.AccessDenied", self.submit_as(NOBODY, **reads))
        self.assertIn("polkit does not say", self.journal())

    def test_a_bus_that_is_killed_five_times(self):
        job = self.endless()
        self.await_operations(job)
        path = json.loads(self.run_in(f"busctl --json=short call {MANAGER} GetJob s {job}"))["data"][0]
        pid = self.show("MainPID")
        for _ in range(5):
            self.run_in("systemctl kill -s KILL dbus.service; systemctl restart dbus.service")
            back = time.monotonic()
            await_true(lambda: "RUNNING" in self.machine.run(f"busctl get-property {NAME} {path} org.spliced.Job1 State", check=False).stdout,
                       "the object to be back")
            self.assertLess(time.monotonic() - back, 5)
        self.assertEqual(pid, self.show("MainPID"))
        ended = json.loads(self.run_in(f"curl -sS --max-time 20 --unix-socket /run/spliced/spliced.sock -X POST http://localhost/v1/jobs/{job}:cancel"))
        device = ended["devices"][0]
        self.assertEqual((0, 0), (device["io"]["write"]["errors"], len(device["errors"])))


if __name__ == "__main__":
    unittest.main()
