# SPDX-License-Identifier: Apache-2.0
"""Calls that nobody should make, by python3-dbus-next: wrong types, names, paths and bytes.
  bus_noise.py ADDRESS COUNT SEED PATH..."""
import asyncio
import random
import socket
import sys

from dbus_next import Message, MessageFlag, Variant
from dbus_next.aio import MessageBus

NAME = "org.spliced.Manager1"
INTERFACES = [NAME, "org.spliced.Job1", "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.ObjectManager",
              "org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer", "org.spliced.Nothing1", None]
MEMBERS = ["Submit", "Validate", "Cancel", "Forget", "GetJob", "ListJobs", "ListDevices", "Get", "Set", "GetAll", "GetManagedObjects",
           "Introspect", "Ping", "submit", "X"]
BODIES = [("", []), ("s", [""]), ("s", ["{"]), ("s", ["x" * 10_000]), ("s", ['{"targets":[' + "[" * 500]), ("ss", [NAME, "Version"]),
          ("ss", ["org.spliced.Job1", "State"]), ("ss", ["", ""]), ("ssv", [NAME, "Version", Variant("s", "2")]),
          ("ssv", ["org.spliced.Job1", "State", Variant("a{sv}", {})]), ("u", [1]), ("d", [float("nan")]), ("b", [True]), ("y", [255]),
          ("x", [-1]), ("o", ["/"]), ("g", ["a{sv}"]), ("as", [["a"] * 100]), ("a{sv}", [{"a": Variant("i", 1)}]), ("ay", [bytes(1000)]),
          ("(sss)", [["a", "b", "c"]]), ("v", [Variant("v", Variant("s", "x"))]), ("av", [[Variant("t", 1)] * 50]), ("s", ["\ufdd0"])]


def noise(dice, paths):
    signature, body = dice.choice(BODIES)
    path = dice.choice([*paths, "/", "/org/spliced/job/_3", "/org/spliced/job/x", "/a/b"])
    interface, member = dice.choice(INTERFACES), dice.choice(MEMBERS)
    if dice.randrange(2):  # as nearly right as can be
        path, interface, members = dice.choice([(paths[0], NAME, MEMBERS[:7]), (paths[1], "org.spliced.Job1", ["Cancel", "Forget"]),
                                                (path, "org.freedesktop.DBus.Properties", ["Get", "GetAll", "Set"])])
        member = dice.choice(members)
    flags = dice.choice([MessageFlag.NONE, MessageFlag.NO_REPLY_EXPECTED, MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION])
    return Message(destination=NAME, path=path, interface=interface, member=member, signature=signature,
                   body=body, flags=flags)


async def calls(address, dice, paths, count):
    """Of the right form; how many were answered, by kind."""
    bus = await MessageBus(bus_address=address).connect()
    answers = {"METHOD_RETURN": 0, "ERROR": 0, "none": 0}

    async def one():
        message = noise(dice, paths)
        wants = not message.flags & MessageFlag.NO_REPLY_EXPECTED
        answer = await asyncio.wait_for(bus.call(message), 60)
        answers[answer.message_type.name if wants else "none"] += 1

    for _ in range(count // 20):
        await asyncio.gather(*(one() for _ in range(20)))
    bus.disconnect()
    return answers


def broken(address, dice, paths, count):
    """With bytes turned; the bus ends such connections. How many it took."""
    sent = 0
    while sent < count:
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(10)
            raw.connect(address.removeprefix("unix:path="))
            raw.sendall(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n")
            hello = Message(destination="org.freedesktop.DBus", path="/org/freedesktop/DBus", interface="org.freedesktop.DBus",
                            member="Hello", serial=1)
            raw.sendall(hello._marshall())
            try:
                while sent < count:
                    message = noise(dice, paths)
                    message.serial = sent + 2
                    data = bytearray(message._marshall())
                    for _ in range(dice.randrange(1, 4)):
                        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
                    sent += 1
                    raw.sendall(data)
            except OSError:
                pass
    return sent


def main():
    address, count, seed, *paths = sys.argv[1:]
    dice = random.Random(int(seed))
    answers = asyncio.run(calls(address, dice, paths, int(count)))
    print(answers, broken(address, dice, paths, int(count) // 5))


main()
