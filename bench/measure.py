"""What the kernel knows about processes (Linux)."""

import os
import re
import threading
import time

TICK_MS = 1000 / os.sysconf('SC_CLK_TCK')


def cpu_ms(pid):
    """CPU time that a process and its threads have used: clock_getcpuclockid(3) of it."""
    return time.clock_gettime_ns((~pid << 3) | 2) / 1e6


def cpu_of_children_ms(pid):
    """The same of its children that have ended, to the clock tick."""
    with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
        fields = file.read().rpartition(')')[2].split()
    return (int(fields[13]) + int(fields[14])) * TICK_MS


def children(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='utf-8') as file:
        return {int(child) for child in file.read().split()}


def title(pid):
    """What ps shows; empty: it has ended."""
    try:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def processes_in(directory):
    """Those whose working directory it is: a server's, also when the postmaster is gone."""
    found = []
    for name in filter(str.isdigit, os.listdir('/proc')):
        try:
            if os.readlink(f'/proc/{name}/cwd') == str(directory):
                found.append(int(name))
        except OSError:
            pass
    return found


def context_switches(pid):
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return sum(int(line.split()[1]) for line in file if 'ctxt_switches' in line)


MAPPING = re.compile(rb'^[0-9a-f]+-[0-9a-f]+ ', re.MULTILINE)
PRIVATE = re.compile(rb'^Private_\w+: +(\d+) kB', re.MULTILINE)
SHARED_FLAG = re.compile(rb'^VmFlags:.* sh\b', re.MULTILINE)


def private_bytes(pid):
    """Private_* of the mappings that are not shared; 0: it has ended."""
    try:
        with open(f'/proc/{pid}/smaps', 'rb') as file:
            text = file.read()
    except OSError:
        return 0
    return 1024 * sum(sum(map(int, PRIVATE.findall(mapping))) for mapping in MAPPING.split(text)
                      if not SHARED_FLAG.search(mapping))


class PeakMemory(threading.Thread):
    """Highest private memory of the workers of a server, by kind, looked at all the time."""

    KINDS = ('collector', 'sender', 'visitor')

    def __init__(self, postmaster):
        super().__init__(daemon=True)
        self.postmaster = postmaster
        self.peak = dict.fromkeys(self.KINDS, 0)
        self.samples = dict.fromkeys(self.KINDS, 0)
        self.going_on = True

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.going_on = False
        self.join()

    def run(self):
        kinds = {}
        while self.going_on:
            for pid in children(self.postmaster):
                kind = kinds.get(pid) or self.kind(pid)
                if kind:
                    kinds[pid] = kind
                if kind in self.KINDS:
                    self.peak[kind] = max(self.peak[kind], private_bytes(pid))
                    self.samples[kind] += 1
            time.sleep(0.001)

    def kind(self, pid):
        """None while it has not said what it is."""
        name = title(pid)
        for kind in self.KINDS:
            if f'pganalytics {kind}' in name:
                return kind
        return 'other' if name.startswith('postgres: ') else None
