# SPDX-License-Identifier: Apache-2.0
"""Completion in a real zsh on a terminal."""
import os
import pty
import select
import shutil
import subprocess
import time
import unittest

from harness import BIN, ROOT, SLOW, TestCase


class Zsh(TestCase):
    def setUp(self):
        if not shutil.which("zsh"):
            self.skipTest("no zsh")
        self.server = self.daemon()
        self.leader, follower = pty.openpty()
        self.addCleanup(os.close, self.leader)
        home = self.directory()
        shell = subprocess.Popen(["zsh", "-f", "-i"], stdin=follower, stdout=follower, stderr=follower, cwd=home,
                                 start_new_session=True,
                                 env={**os.environ, "HOME": str(home), "TERM": "dumb", "COLUMNS": "200",
                                      "PATH": f"{BIN}:{os.environ['PATH']}"})
        os.close(follower)
        self.addCleanup(shell.wait)
        self.addCleanup(shell.kill)
        self.say(f"PROMPT=; fpath=({ROOT}/packaging/completions $fpath); autoload -Uz compinit; "
                 f"compinit -u -d {home}/dump; setopt noautomenu nobeep; print re''ady\n")
        self.await_text("ready")

    def say(self, text):
        os.write(self.leader, text.encode())

    def await_text(self, *words, seconds=20):
        """All of them: the shell writes a list piece by piece."""
        seen = ""
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            if select.select([self.leader], [], [], 0.1)[0]:
                seen += os.read(self.leader, 65536).decode(errors="replace")
            if all(word in seen for word in words):
                return
        raise AssertionError(f"not all of {words} in {seen}")

    def test_commands_flags_and_ids(self):
        self.say("splicectl \t\t")
        self.await_text("versions of this program", "submit", "validate", "wait", "delete", "capabilities")
        self.say("\x15splicectl subm\t")
        self.await_text("splicectl submit ")
        self.say("\x15spliced --bus s\t\t")
        self.await_text("system", "session")
        path = self.server.dir / "file"
        path.write_bytes(bytes(4096))
        ended = self.server.run(targets=[str(path)], workload={"bs": "4k", "direct": False})["id"]
        running = self.server.submit(targets=[str(path)], workload={"bs": "4k", "direct": False, "runtime": "1h",
                                                                    "time_based": True, "rate_iops": 10})["id"]
        address = f"--server unix:{self.server.socket}"
        for command, job in (("cancel", running), ("delete", ended)):
            self.say(f"\x15splicectl {address} {command} \t")
            self.await_text(f"{command} {job} ")
        if os.geteuid() == 0:
            device = os.path.basename(self.loop(1 << 20)[0])
            self.say(f"\x15splicectl {address} devices {device}\t")
            self.await_text(f"devices {device} ")


if __name__ == "__main__":
    unittest.main()
