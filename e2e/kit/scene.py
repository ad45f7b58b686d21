"""A scene: one folder, free addresses, and the processes started in it."""

import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

SKIPPED = 77
PATIENCE_S = 30
POLL_S = 0.05


class Scene:
    """Used as `with Scene() as scene`. All that was started in it is ended at its end."""

    def __init__(self):
        self.folder = pathlib.Path(os.environ["FOLDER"])
        self.peers = pathlib.Path(os.environ["PEERS"])
        self._processes = []
        # A host number of its own for each scene that runs, so that hosts can share a port.
        self._hosts = itertools.count(10)
        self._net = f"127.{os.getpid() % 200 + 20}.{os.getpid() // 200 % 250}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def address(self):
        """A loopback address that nothing else here has."""
        return f"{self._net}.{next(self._hosts)}"

    @staticmethod
    def port(address="127.0.0.1"):
        """A port that is free at the moment, above those that other programs are given by chance."""
        with socket.socket() as probe:
            probe.bind((address, 0))
            return probe.getsockname()[1]

    def spawn(self, name, command, **how):
        """Starts a process; its output goes to NAME.log."""
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=subprocess.STDOUT, **how)
        self._processes.append(process)
        return process

    def run(self, command, stdin="", ok=(0,), timeout=90, **how):
        """Runs a command to its end; another exit code than those in `ok` fails the scenario."""
        done = subprocess.run([str(word) for word in command], input=stdin, capture_output=True, text=True,
                              timeout=timeout, check=False, **how)
        if ok is not None and done.returncode not in ok:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def wait_for(self, condition, what, seconds=PATIENCE_S):
        """Waits until `condition()` is true, and gives what it gave."""
        deadline = time.monotonic() + seconds
        while True:
            result = condition()
            if result:
                return result
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s in vain for {what}")
            time.sleep(POLL_S)

    def wait_for_port(self, address, port, process):
        def open_or_dead():
            if process.poll() is not None:
                raise AssertionError(f"{process.args} ended with {process.returncode}")
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex((address, port)) == 0

        self.wait_for(open_or_dead, f"{address}:{port}")

    @staticmethod
    def need_root(why):
        if os.geteuid() != 0:
            Scene.skip(f"needs root: {why}")

    @staticmethod
    def need(program):
        """The path of a program; without it the scenario is skipped."""
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
        if not path:
            Scene.skip(f"{program} is not installed; e2e/install does it")
        return path

    @staticmethod
    def skip(reason):
        print(reason)
        sys.exit(SKIPPED)

    def spawn_as_root(self, name, command, **how):
        """Starts a server that starts others: in a namespace that takes them all along when it ends."""
        self.need_root(f"{name} does not run as an ordinary user")
        process = self.spawn(name, ["unshare", "--mount", "--pid", "--fork", *command], **how)

        def end_all():
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)  # the first one in the namespace, and so all others

        process.terminate = process.kill = end_all  # unshare itself does not listen
        return process

    def certificate(self, name):
        """A key and a self-signed certificate for a host name; gives both paths."""
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        self.run([self.need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                  "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                  "-keyout", key, "-out", certificate])
        return key, certificate
