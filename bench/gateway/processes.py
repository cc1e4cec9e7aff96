"""Starts, watches and ends the processes under measurement; reads their cost from /proc."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """Something outside this program is not as it must be; the text says what."""


class Process:
    """A child pinned to one core, in its own session so that Ctrl-C reaches only the bench, which then ends it."""

    def __init__(self, name, command, core, folder, environment=None, keep_output=True):
        """keep_output: standard output goes into the log too, beside standard error; else to /dev/null."""
        self.name = name
        self.log = pathlib.Path(folder, f"{name}.log")
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log if keep_output else subprocess.DEVNULL,
                stderr=log, start_new_session=True,
                env={**os.environ, **(environment or {})}, preexec_fn=lambda: os.sched_setaffinity(0, {core}))

    def wait_for(self, port, seconds):
        """Returns when the port accepts connections."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.child.poll() is not None:
                raise Failure(f"{self.name} ended with exit code {self.child.returncode}: {self.last_words()}")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failure(f"{self.name} does not listen on {port} after {seconds} s: {self.last_words()}")

    def last_words(self):
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:]) or "nothing logged"

    def family(self):
        """Ids of the child and everything below it: nginx works in a child of its master."""
        parents = {}
        for entry in os.listdir("/proc"):
            fields = _stat(entry) if entry.isdigit() else None
            if fields:
                parents[int(entry)] = int(fields[1])
        found = {self.child.pid}
        while True:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            if not more:
                return found
            found |= more

    def cpu_seconds(self):
        """User and system time used so far by the family, those that have ended included. Resolution: one clock tick, 10 ms as a rule."""
        user = system = 0
        for pid in self.family():
            fields = _stat(pid)
            if fields:
                user += int(fields[11]) + int(fields[13])
                system += int(fields[12]) + int(fields[14])
        return user / TICKS, system / TICKS

    def resident_bytes(self):
        """Sum over the family; pages that master and worker share count twice."""
        total = 0
        for pid in self.family():
            try:
                # Not statm: since Linux 6.2 its count may be off by some hundred KiB.
                total += 1024 * int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])
            except (OSError, TypeError):
                pass    # it has ended, or is a zombie without memory
        return total

    def end(self):
        family = self.family()
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                pass
        for pid in family:
            # A reaped id could already belong to someone else: only ids still in our session are ended.
            try:
                if os.getsid(pid) == self.child.pid:
                    os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.child.wait()


def _stat(pid):
    """Fields of /proc/PID/stat after the command name, which may itself hold spaces and brackets. [1] parent, [11] utime, [12] stime,
    [13], [14] the same of children that have ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
