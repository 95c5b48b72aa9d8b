# SPDX-License-Identifier: Apache-2.0
"""A client by python3-dbus-next: does everything that the interfaces have, and prints as JSON what came of it.
  bus_client.py ADDRESS DEFINITION ENDLESS_DEFINITION"""
import asyncio
import json
import sys
import time

from dbus_next import DBusError, Variant
from dbus_next.aio import MessageBus

NAME, PATH, ROOT = "org.spliced.Manager1", "/org/spliced/Manager1", "/org/spliced"
LIMIT = 30  # seconds


def plain(value):
    if isinstance(value, Variant):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


class Client:
    def __init__(self, bus):
        self.bus = bus
        self.seen = {"states": [], "added": [], "removed": [], "changed": []}
        self.news = asyncio.Event()

    async def proxy(self, path, interface):
        return self.bus.get_proxy_object(NAME, path, await self.bus.introspect(NAME, path)).get_interface(interface)

    def note(self, kind, count):
        """A handler with so many parameters: the library counts them."""
        def keep(*arguments):
            self.seen[kind].append(plain(list(arguments)))
            self.news.set()
        return {1: lambda a: keep(a), 2: lambda a, b: keep(a, b), 3: lambda a, b, c: keep(a, b, c)}[count]

    async def wait_for(self, condition):
        async def until():
            while not condition():
                self.news.clear()
                await self.news.wait()
        await asyncio.wait_for(until(), LIMIT)

    async def everything(self, definition, endless):
        out = {}
        manager = await self.proxy(PATH, NAME)
        objects = await self.proxy(ROOT, "org.freedesktop.DBus.ObjectManager")
        manager.on_job_state_changed(self.note("states", 3))
        objects.on_interfaces_added(self.note("added", 2))
        objects.on_interfaces_removed(self.note("removed", 2))
        out["version"] = await manager.get_version()
        out["devices"] = await manager.call_list_devices()
        out["plan"] = await manager.call_validate(definition)
        out["id"] = await manager.call_submit(definition)
        out["path"] = await manager.call_get_job(out["id"])
        await self.wait_for(lambda: [out["id"], "SUCCEEDED", "PASS"] in self.seen["states"])
        out["jobs"] = await manager.call_list_jobs()
        out["managed"] = plain(await objects.call_get_managed_objects())
        out["endless"] = await manager.call_submit(endless)
        path = await manager.call_get_job(out["endless"])
        job = await self.proxy(path, "org.spliced.Job1")
        properties = await self.proxy(path, "org.freedesktop.DBus.Properties")
        properties.on_properties_changed(self.note("changed", 3))
        # Progress is told while it runs.
        await self.wait_for(lambda: any("Progress" in changed for _, changed, _ in self.seen["changed"]))
        await self.refused(out, "forget_running", job.call_forget())
        begun, told = time.monotonic(), self.progress_told()
        while time.monotonic() < begun + 1.5:
            await manager.call_get_job(out["endless"])
        out["progress_told"] = self.progress_told() - told
        await job.call_cancel()
        await self.wait_for(lambda: any(changed.get("State") == "CANCELLED" for _, changed, _ in self.seen["changed"]))
        await manager.call_cancel(out["endless"])  # idempotent
        out["properties"] = plain(await properties.call_get_all("org.spliced.Job1"))
        await job.call_forget()
        await self.wait_for(lambda: any(path == gone for gone, _ in self.seen["removed"]))
        await self.refused(out, "forget_again", job.call_forget())
        await self.refused(out, "get_forgotten", manager.call_get_job(out["endless"]))
        return {**out, "endless_path": path, **self.seen}

    def progress_told(self):
        return sum("Progress" in changed for _, changed, _ in self.seen["changed"])

    @staticmethod
    async def refused(out, name, call):
        try:
            await call
            out[name] = None
        except DBusError as error:
            out[name] = error.type


async def main(address, definition, endless):
    bus = await MessageBus(bus_address=address).connect()
    print(json.dumps(await Client(bus).everything(definition, endless)))


asyncio.run(main(*sys.argv[1:]))
