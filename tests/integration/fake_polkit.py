# SPDX-License-Identifier: Apache-2.0
"""A stand-in for polkit on the session bus, by python3-dbus-next. What it is asked is printed; it says yes to the actions in a file.
  fake_polkit.py FILE [silent]"""
import asyncio
import os
import sys

from dbus_next.aio import MessageBus
from dbus_next.service import ServiceInterface, method


class Authority(ServiceInterface):
    def __init__(self, path, silent):
        super().__init__("org.freedesktop.PolicyKit1.Authority")
        self.path, self.silent = path, silent

    @method()
    async def CheckAuthorization(self, subject: "(sa{sv})", action: "s", details: "a{ss}", flags: "u",  # noqa: F722,F821,N802
                                 cancellation: "s") -> "(bba{ss})":  # noqa: F722,F821
        print("asked", subject[0], action, details.get("call"), flags, flush=True)
        if self.silent:
            await asyncio.Event().wait()
        return [action in open(self.path).read().split(), False, {}]

    @method()
    async def CancelCheckAuthorization(self, cancellation: "s"):  # noqa: F821,N802
        print("cancelled", cancellation, flush=True)


async def main():
    bus = await MessageBus(bus_address=os.environ["DBUS_SESSION_BUS_ADDRESS"]).connect()
    bus.export("/org/freedesktop/PolicyKit1/Authority", Authority(sys.argv[1], "silent" in sys.argv[2:]))
    await bus.request_name("org.freedesktop.PolicyKit1")
    print("ready", flush=True)
    await bus.wait_for_disconnect()


asyncio.run(main())
