"""OpenSMTPD as a receiving host. It is only unpacked, and its paths are compiled in, so it runs
in a mount namespace of its own in which they are there; what it takes it hands to `keeper`."""

import os


class OpenSmtpd:
    """Takes mail for `domain` and hands it on to a MailHost."""

    def __init__(self, scene, name, domain, address, port, keeper):
        scene.need_root("OpenSMTPD runs in a mount namespace of its own")
        unpacked = scene.peers / "opensmtpd"
        daemon = unpacked / "usr/sbin/smtpd"
        if not daemon.exists():
            scene.skip("opensmtpd is not unpacked; e2e/install does it")
        key, certificate = scene.certificate(name)
        config = scene.folder / "smtpd.conf"
        config.write_text(
            f'pki "{name}" cert "{certificate}"\npki "{name}" key "{key}"\n'
            f'listen on {address} port {port} tls pki "{name}" hostname "{name}"\n'
            f'action "keep" relay host "smtp://{keeper.address}:{keeper.port}"\n'
            f'match from any for domain "{domain}" action "keep"\n')
        config.chmod(0o600)
        key.chmod(0o600)
        prepare = (
            "set -e\n"
            "mount -t tmpfs tmpfs /run\n"
            "mount -t tmpfs tmpfs /var/spool\n"
            "mount -t tmpfs tmpfs /var/lib\n"
            "mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd\n"
            "chmod 711 /var/spool/smtpd\n"
            "cd /var/spool/smtpd\n"
            "for part in corrupt incoming purge queue temporary; do mkdir -m 700 $part; chown opensmtpq:root $part; done\n"
            "mkdir -m 770 offline; chown root:opensmtpq offline\n"
            'exec "$0" -d -v -f "$1"\n')
        libraries = sorted({str(path.parent) for path in unpacked.glob("**/*.so*")})
        environment = dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))
        process = scene.spawn_as_root("opensmtpd", ["sh", "-c", prepare, daemon, config], env=environment)
        scene.wait_for_port(address, port, process)
