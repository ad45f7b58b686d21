"""The relay under test: its process, its verbs, its events."""

import json
import os
import signal


class Relay:
    """Started by flags alone, or with a configuration file when `config` has text."""

    def __init__(self, scene, *flags, config=None, wrap=(), name="relay"):
        self.scene = scene
        self.name = name
        self.binary = os.environ["POSTRIDER"]
        self.data = scene.folder / f"{name}-data"
        self.address = "127.0.0.1"
        self.port = scene.port()
        self.flags = ["--set", "delivery.private_addresses=true", "--set", "hostname=relay.test", "--http", "off"]
        self.flags += [str(flag) for flag in flags]
        self.wrap = list(wrap)
        self.config = scene.folder / f"{name}.toml"
        if config is not None:
            self.configure(config)
        self.start()

    def configure(self, text):
        self.config.write_text(text)
        if "--config" not in self.flags:
            self.flags = ["--config", str(self.config), *self.flags]

    def start(self):
        command = [*self.wrap, self.binary, "serve", "--data", self.data, "--smtp", f"{self.address}:{self.port}"]
        self.process = self.scene.spawn(self.name, [*command, *self.flags])
        self.scene.wait_for_port(self.address, self.port, self.process)

    def stop(self):
        """Ends it gracefully; that it comes to an end by itself is part of every scenario."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(40) == 0, f"the relay ended with {self.process.returncode}"

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def verb(self, *words, stdin="", ok=(0,)):
        """Runs another verb of the binary on this relay's data; gives what it printed."""
        return self.done(*words, stdin=stdin, ok=ok).stdout

    def done(self, *words, stdin="", ok=(0,)):
        verb, *rest = words
        inside = ["nsenter", "--mount", "--target", self.process.pid] if self.wrap else []
        return self.scene.run([*inside, self.binary, verb, "--data", self.data, *rest], stdin=stdin, ok=ok)

    def events(self, kind=None):
        """What has been told so far, of one kind or all."""
        path = self.data / "events" / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        events = [json.loads(line) for line in lines if line.endswith("}")]
        return [event for event in events if kind in (None, event["event"])]
