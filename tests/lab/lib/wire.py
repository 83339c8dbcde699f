"""A slow, lossy cable: carries frames between two tap devices, late, and loses some.

Used instead of the kernel's netem, which not every kernel has. Run in the LAN's namespaces:
wire.py TAP TAP ONE_WAY_DELAY_MS LOSS_PERCENT PID_FILE
"""

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000


def tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def deliver(frames, now):
    """Sends the frames that are due; answers how long until the next one is."""
    while frames and frames[0][0] <= now:
        _, fd, frame = frames.popleft()
        try:
            os.write(fd, frame)
        except OSError:
            pass  # the other end is down: a cable loses it too
    return frames[0][0] - now if frames else None


def carry(ends, delay, loss):
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    frames = deque()  # ordered, since every frame is equally late
    while True:
        ready, _, _ = select.select(ends, [], [], deliver(frames, time.monotonic()))
        for fd in ready:
            try:
                frame = os.read(fd, 65536)
            except OSError:
                continue
            if random.random() >= loss:
                frames.append((time.monotonic() + delay, other[fd], frame))


def main():
    near, far, delay_ms, loss_percent, pid_file = sys.argv[1:]
    ends = [tap(near), tap(far)]
    with open(pid_file, "w") as out:
        out.write(str(os.getpid()))
    carry(ends, float(delay_ms) / 1000, float(loss_percent) / 100)


main()
