"""Debian's Postfix as a receiving host, with its own configuration and queue."""

import email
import email.policy
import pathlib
import pwd
import shutil

MASTER = pathlib.Path("/usr/share/postfix/master.cf.dist")


class Postfix:
    """Takes mail for the addresses in `boxes`, each kept in a Maildir; all others are refused."""

    def __init__(self, scene, name, boxes, address, port):
        scene.need_root("Postfix is started by root")
        scene.need("postfix")
        if not MASTER.exists():
            scene.skip("postfix is not Debian's; e2e/install does it")
        self.address, self.port = address, port
        self.folder = scene.folder / "postfix"
        for part in ("etc", "queue", "data", "mail"):
            (self.folder / part).mkdir(parents=True)
        user = pwd.getpwnam("postfix")
        scene.run(["chown", "postfix", self.folder / "data"])
        # The delivery agent does not write as Postfix's own user, nor as root.
        nobody = pwd.getpwnam("nobody")
        scene.run(["chown", "nobody", self.folder / "mail"])
        assert user.pw_uid != nobody.pw_uid
        key, certificate = scene.certificate(name)
        self._write(name, boxes, key, certificate, nobody)
        process = scene.spawn_as_root("postfix", [scene.need("postfix"), "-c", self.folder / "etc", "start-fg"])
        scene.wait_for_port(address, port, process)

    def _write(self, name, boxes, key, certificate, owner):
        domains = sorted({box.rpartition("@")[2] for box in boxes})
        maps = ", ".join(f"{{ {box} = {box}/ }}" for box in boxes)
        settings = {
            "compatibility_level": "3.6",
            "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data",
            "maillog_file": self.folder.parent / "postfix-mail.log",
            "maillog_file_prefixes": self.folder.parent,
            "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "myhostname": name,
            "mydestination": "",
            "mynetworks": "127.0.0.254/32",
            "inet_interfaces": "loopback-only",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "smtputf8_enable": "yes",
            "virtual_mailbox_domains": ", ".join(domains),
            "virtual_mailbox_base": self.folder / "mail",
            "virtual_mailbox_maps": f"inline:{{ {maps} }}",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "smtpd_relay_restrictions": "reject_unauth_destination",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_key_file": key,
            "smtpd_tls_cert_file": certificate,
            "smtpd_tls_received_header": "yes",
        }
        etc = self.folder / "etc"
        for file in ("postfix-files", "dynamicmaps.cf"):
            shutil.copy(f"/etc/postfix/{file}", etc)
        (etc / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
        services = []
        for line in MASTER.read_text().splitlines():
            columns = line.split()
            if line[:1].isalnum() and len(columns) >= 8:
                columns[4] = "n"  # no chroot: it would need a copy of the system's files
                if columns[:2] == ["smtp", "inet"]:
                    columns[0] = f"{self.address}:{self.port}"
                line = " ".join(columns)
            services.append(line)
        (etc / "master.cf").write_text("\n".join(services) + "\n")

    def mails(self, box):
        """The messages in a Maildir."""
        files = sorted((self.folder / "mail" / box / "new").glob("*"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
