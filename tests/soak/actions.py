# SPDX-License-Identifier: Apache-2.0
"""What is done to the daemon, its devices and its file systems meanwhile, at random, each kind in threads of its own."""
import contextlib
import json
import os
import re
import signal
import socket
import threading
import time

import jobs as definitions
from harness import await_true
from watch import FINAL
from world import IMAGE, MIB, Filler

RUNNING_AT_ONCE = 10
EXPLAINED = ("state directory", "waiting", "record", "shut", "connections", "threads")


class Actor(threading.Thread):
    """Acts until it is told to stop. What it raises is a violation."""
    pause = (0.0, 0.1)

    def __init__(self, name, world, jobs, findings, rng):
        super().__init__(name=name, daemon=True)
        self.world, self.jobs, self.findings, self.rng = world, jobs, findings, rng
        self.over = threading.Event()

    def run(self):
        names = list(self.chances)
        while not self.over.wait(self.rng.uniform(*self.pause)):
            action = self.rng.choices(names, [self.chances[name] for name in names])[0]
            self.findings.did(action)
            try:
                getattr(self, action)()
            except Exception as failure:  # pylint: disable=broad-except
                if self.world.daemon.process.poll() is not None:
                    return self.findings.bad("alive", f"{action}: the daemon is gone: {self.world.daemon.text()[-1500:]}")
                self.findings.bad("answers", f"{action}: {failure!r}")
        return self.end()

    def end(self):
        pass

    def call(self, method, path, body=None, expected=(), **options):
        begun = time.monotonic()
        answer = self.world.daemon.call(method, path, body, **options)
        text = answer.raw.decode(errors="replace")
        fine = answer.status in expected or (answer.status == 503 and any(word in text for word in EXPLAINED))
        self.findings.expect(fine, "answers", f"{method} {path} {str(body)[:300]}: {answer.status} {text[:500]}")
        answer.took = time.monotonic() - begun
        return answer


class Client(Actor):
    """Submits, cancels, deletes."""
    pause = (0.0, 0.12)
    chances = {"submit": 55, "submit_on_a_busy_device": 6, "cancel": 12, "delete": 14, "validate": 6, "submit_nonsense": 5}

    def submit(self):
        if len(self.jobs.live) >= RUNNING_AT_ONCE:
            return
        loops = self.rng.sample(self.world.loops, self.rng.choice([1, 1, 1, 2, 2, 3, 4]))
        self.post(definitions.definition(self.rng, [loop.path for loop in loops], f"soak {self.name}"), loops)

    def post(self, definition, loops):
        with contextlib.ExitStack() as stack:
            free = [stack.enter_context(loop.used_for_a_job()) for loop in loops]
            if definition["destructive"] and not all(free):
                return None
            # A job that cannot be recorded is not accepted.
            full = (503,) if time.monotonic() - self.world.state_full < 20 else ()
            answer = self.call("POST", "/v1/jobs", definition, (201, 409, 422, 429, *full))
        if answer.status == 201:
            self.jobs.accept(answer.json)
        return answer

    def submit_on_a_busy_device(self):
        tracked = self.jobs.pick_live(self.rng)
        if tracked is None:
            return
        path = self.rng.choice(tracked.targets)
        loops = [loop for loop in self.world.loops if loop.path == path]
        answer = self.post(definitions.definition(self.rng, [path], "resubmitted"), loops)
        text = answer.raw.decode() if answer else ""
        if answer and answer.status == 409 and "is claimed by" in text:
            holder = re.search(r"is claimed by job ([0-9a-f-]{36})", text)
            known = holder and self.world.daemon.call("GET", f"/v1/jobs/{holder.group(1)}").status in (200, 404)
            self.findings.expect(known, "busy", f"busy, but which job: {text}")

    def cancel(self):
        tracked = self.jobs.pick_live(self.rng)
        if tracked is None:
            return
        self.call("POST", f"/v1/jobs/{tracked.id}:cancel", expected=(200, 404))
        tracked.cancelled = tracked.cancelled or time.monotonic()

    def delete(self):
        tracked = self.jobs.pick_live(self.rng) if self.rng.random() < 0.3 else self.jobs.pick_ended(self.rng)
        if tracked is None or tracked.deleted or (tracked.final and self.rng.random() < 0.5):
            return
        tracked.deleted = True
        answer = self.call("DELETE", f"/v1/jobs/{tracked.id}", expected=(204, 409, 404))
        tracked.deleted = answer.status != 409
        self.findings.expect(answer.status != 409 or tracked.final is None, "answers", f"DELETE of an ended job: {answer.raw}")

    def validate(self):
        loop = self.rng.choice(self.world.loops)
        self.call("POST", "/v1/jobs:validate", definitions.definition(self.rng, [loop.path]), (200, 409, 422))

    def submit_nonsense(self):
        body = definitions.wrong_body(self.rng, self.world.loops[0].path)
        path = self.rng.choice(["/v1/jobs", "/v1/jobs:validate"])
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the answer to what is too long came before its end
            answer = self.world.daemon.call("POST", path, body)
            acceptable = 400 <= answer.status < 500 or (answer.status == 200 and not answer.json["accepted"])
            self.findings.expect(acceptable, "answers", lambda: f"{path} {body[:300]}: {answer.status} {answer.raw[:500]}")


class Reader(Actor):
    """Asks for all there is to see, waits for jobs, hangs up."""
    pause = (0.02, 0.25)
    chances = {"list": 6, "look_at_devices": 3, "wait_for_a_job": 4, "hang_up": 4, "look_around": 6, "look_at_health": 3,
               "ask_for_nothing": 2}
    light = []  # how long the least request took

    def list(self):
        query = self.rng.choice(["", "&state=SUCCEEDED", "&state=RUNNING", "&view=full&state=FAILED",
                                 f"&device={self.rng.choice(self.world.loops).name}", "&state=CANCELLED"])
        size = self.rng.randint(1, 20) if "full" in query else self.rng.randint(20, 500)
        token, seen = "", set()
        for _ in range(self.rng.randint(1, 8)):
            answer = self.call("GET", f"/v1/jobs?page_size={size}{query}{token and '&page_token=' + token}", expected=(200,))
            ids = [job["id"] for job in answer.json["jobs"]]
            self.findings.expect(len(ids) <= size and not seen & set(ids), "answers", f"a page{query} has what another has")
            seen |= set(ids)
            token = answer.json["next_page_token"]
            if not token:
                return

    def look_at_devices(self):
        names = {device["device"] for device in self.call("GET", "/v1/devices", expected=(200,)).json["devices"]}
        loop = self.rng.choice(self.world.loops)
        self.call("GET", f"/v1/devices/{loop.name}", expected=(200,) if loop.name in names else (200, 404))

    def wait_for_a_job(self):
        tracked = self.jobs.pick_live(self.rng)
        if tracked:
            self.call("GET", f"/v1/jobs/{tracked.id}?wait={self.rng.randint(100, 2000)}ms", expected=(200, 404, 429))

    def hang_up(self):
        tracked = self.jobs.pick_live(self.rng)
        path = self.rng.choice([f"/v1/jobs/{tracked.id}?wait=30s" if tracked else "/livez", "/v1/jobs?page_size=500", "/metrics"])
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(self.world.daemon.socket))
            text = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            client.sendall(text[:self.rng.choice([1, 20, len(text)])])
            time.sleep(self.rng.choice([0, 0, 0.01, 0.2]))

    def look_around(self):
        answer = self.call("GET", "/v1/version", expected=(200,))
        Reader.light.append(answer.took)
        self.call("GET", self.rng.choice(["/v1/capabilities", "/openapi.yaml", "/metrics"]), expected=(200,))

    def look_at_health(self):
        live = self.world.daemon.call("GET", "/livez")
        self.findings.expect(live.status == 200, "alive", lambda: f"/livez: {live.status} {live.raw}")
        ready = self.world.daemon.call("GET", "/readyz")
        explained = ready.status == 503 and time.monotonic() - self.world.state_full < 20
        self.findings.expect(ready.status == 200 or explained, "answers", lambda: f"/readyz: {ready.status} {ready.raw}")

    def ask_for_nothing(self):
        self.call("GET", self.rng.choice(["/v1/jobs/x", "/v1/devices/none", "/none", "/v1/jobs?page_token=x"]), expected=(404, 400))
        self.call("PUT", "/v1/jobs", expected=(405,))
        self.call("GET", f"/v1/jobs?{self.rng.choice(['state=x', 'page_size=0', 'view=all'])}", expected=(400,))


class Meddler(Actor):
    """Changes the devices below the jobs."""
    pause = (0.1, 0.6)
    chances = {"resize": 50, "cut_a_job_short": 10, "detach": 8}

    def resize(self):
        loop = self.rng.choice(self.world.loops)
        busy = self.jobs.on(loop.path)
        if not busy and self.rng.random() < 0.5:
            return self.resize()
        return self.resize_to(loop, self.rng.choice([2 * MIB, 4 * MIB, 8 * MIB, IMAGE, IMAGE, 2 * IMAGE,
                                                     8 * self.rng.randint(512, 4096) * 512]), busy)

    def cut_a_job_short(self):
        """One that takes two seconds loses most of its device in the beginning."""
        loop = self.rng.choice(self.world.loops)
        load = {"rw": self.rng.choice(["read", "write", "rw"]), "bs": "64k", "rate": "8M", "direct": self.rng.random() < 0.5}
        definition = {"targets": [loop.path], "workload": load, "destructive": True, "overwrite_signatures": ["all"]}
        if loop.size < IMAGE or loop.leaving:
            return
        answer = self.call("POST", "/v1/jobs", definition, (201, 409, 422, 429))
        if answer.status == 201:
            self.resize_to(loop, 2 * MIB, [self.jobs.accept(answer.json)])

    def resize_to(self, loop, size, busy):
        smaller = size < loop.size
        loop.resize(size)
        when = time.monotonic()
        for tracked in busy if smaller else ():
            answer = self.world.daemon.call("GET", f"/v1/jobs/{tracked.id}")
            for device in answer.json["devices"] if answer.status == 200 else ():
                if device["device"] == loop.name and device["state"] not in FINAL:
                    tracked.cuts[loop.name] = (when, size, device["progress"])

    def detach(self):
        """A device in use stays until it is let go; then its number is free, and is to be used by nobody else."""
        loop = self.rng.choice(self.world.loops)
        loop.leave()
        loop.detach()
        self.over.wait(self.rng.uniform(0, 1))
        with contextlib.suppress(AssertionError):
            await_true(lambda: loop.is_ours() or loop.attach(), "the device", 20)
        if loop.is_ours():
            await_true(lambda: not lazily_detached(loop) or loop.attach(), "the device to be let go", 60)
            loop.come_back()


def lazily_detached(loop):
    """Whether it goes as soon as nobody has it open."""
    with contextlib.suppress(OSError), open(f"/sys/block/{loop.name}/loop/autoclear") as file:
        return file.read().strip() == "1"
    return True


class Disturber(Actor):
    """Fills file systems, and has the configuration read again."""
    pause = (0.5, 2.0)
    chances = {"fill_the_images": 7, "fill_the_state": 4, "reload": 6, "break_the_file": 4}

    def fill_the_images(self):
        self.fill(Filler(self.world.images), 3)

    def fill_the_state(self):
        self.world.state_full = time.monotonic() + 30
        self.fill(Filler(self.world.home / "state"), 7)
        self.world.state_full = time.monotonic()

    def fill(self, filler, longest):
        try:
            filler.fill()
            self.over.wait(self.rng.uniform(0.5, longest))
        finally:
            filler.free()

    def reload(self):
        self.read_again(json.dumps({"log_level": self.rng.choice(["info", "debug", "notice", "warning"]),
                                    "allow": ["/dev/loop4*"]}), 1)

    def break_the_file(self):
        self.read_again(self.rng.choice(["{", '{"log_level": "loud"}', '{"unknown": 1}', "", '{"log_level": 3}']), 0)

    def read_again(self, text, outcome):
        daemon = self.world.daemon
        self.world.configure(text)
        os.kill(daemon.pid(), signal.SIGHUP)
        try:
            await_true(lambda: daemon.metric("spliced_config_last_reload_successful") == outcome, "the reload", 10)
        except AssertionError:
            self.findings.bad("reload", f"{text}: not {outcome} after 10 s")

    def end(self):
        self.reload()


class BusClient(Actor):
    pause = (0.5, 1.5)
    chances = {"list_over_the_bus": 4, "submit_over_the_bus": 3, "cancel_over_the_bus": 1}

    def answered(self, done):
        refused = "org.spliced.Error" in done.stderr or done.stderr.startswith("Call failed")
        late = "timed out" in done.stderr.lower() or "not provided" in done.stderr
        self.findings.expect(done.returncode == 0 or (refused and not late), "bus", f"{done.args}: {done.stderr}")
        return json.loads(done.stdout)["data"] if done.returncode == 0 and done.stdout.strip() else None

    def list_over_the_bus(self):
        rows = self.answered(self.world.call_bus(self.rng.choice(["ListJobs", "ListDevices"])))
        self.findings.expect(rows is not None, "bus", "a list was refused")

    def submit_over_the_bus(self):
        loop = self.rng.choice(self.world.loops)
        definition = definitions.definition(self.rng, [loop.path], "over the bus")
        with loop.used_for_a_job() as free:
            if not free and definition["destructive"]:
                return
            data = self.answered(self.world.call_bus("Submit", "s", json.dumps(definition)))
        answer = self.world.daemon.call("GET", f"/v1/jobs/{data[0]}") if data else None
        if answer and answer.status == 200:
            self.jobs.accept(answer.json)

    def cancel_over_the_bus(self):
        tracked = self.jobs.pick_live(self.rng)
        if tracked:
            self.answered(self.world.call_bus("Cancel", "s", tracked.id))
            tracked.cancelled = tracked.cancelled or time.monotonic()
