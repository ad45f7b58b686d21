"""A real name server: Knot on loopback, with the zones of one scenario."""


class Names:
    """`zones` maps a domain to its records, as text of a zone file without SOA and NS."""

    def __init__(self, scene, zones):
        self.address, self.port = "127.0.0.1", scene.port()
        folder = scene.folder / "knot"
        folder.mkdir()
        for domain, records in zones.items():
            start = f"$ORIGIN {domain}.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
            (folder / f"{domain}.zone").write_text(start + records + "\n")
        listed = "".join(f"  - domain: {domain}\n" for domain in zones)
        (folder / "knot.conf").write_text(
            f"server:\n  rundir: {folder}\n  listen: {self.address}@{self.port}\n"
            f"log:\n  - target: stderr\n    any: info\n"
            f"database:\n  storage: {folder}\n"
            f"template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n"
            f"    zonefile-sync: -1\n    journal-content: none\n"
            f"zone:\n{listed}")
        process = scene.spawn("knot", [scene.need("knotd"), "--config", folder / "knot.conf"])
        scene.wait_for_port(self.address, self.port, process)

    @property
    def resolver(self):
        return f"{self.address}:{self.port}"
