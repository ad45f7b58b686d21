"""A real Postfix and a real Dovecot: two hosts of MX, one for mail programs, accounts for round trips."""

import pathlib
import pwd
import shutil
import socket
import subprocess

from . import space

MX, MAIL = ("127.53.3.1", "127.53.3.2"), "127.53.3.3"
ACCOUNTS = {"alice@good.test": "wonderland", "bob@second.test": "builder"}
MASTER = pathlib.Path("/usr/share/postfix/master.cf.dist")


def dovecot(folder, bundle):
    """IMAP, POP3, and what Postfix needs: passwords and delivery."""
    home = folder / "dovecot"
    for part in ("run", "state", "mail"):
        (home / part).mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    shutil.chown(home / "mail", nobody.pw_uid, nobody.pw_gid)
    (home / "users").write_text("".join(f"{user}:{{PLAIN}}{password}\n" for user, password in ACCOUNTS.items()))
    listeners = "".join(
        f"service {service}-login {{\n  inet_listener {service} {{\n    address = {MAIL}\n    port = {plain}\n  }}\n"
        f"  inet_listener {service}s {{\n    address = {MAIL}\n    port = {secure}\n    ssl = yes\n  }}\n}}\n"
        for service, plain, secure in (("imap", 143, 993), ("pop3", 110, 995)))
    (home / "dovecot.conf").write_text(
        f"base_dir = {home}/run\nstate_dir = {home}/state\nprotocols = imap pop3 lmtp\nlog_path = {folder}/dovecot.log\n"
        f"ssl = required\nssl_cert = <{bundle}\nssl_key = <{bundle}\nauth_mechanisms = plain login\n"
        "disable_plaintext_auth = yes\n"
        f"mail_location = maildir:{home}/mail/%u\nmail_uid = {nobody.pw_uid}\nmail_gid = {nobody.pw_gid}\n"
        f"passdb {{\n  driver = passwd-file\n  args = username_format=%u {home}/users\n}}\n"
        f"userdb {{\n  driver = static\n  args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={home}/mail/%u\n}}\n"
        "namespace inbox {\n  inbox = yes\n  separator = /\n  mailbox Junk {\n    special_use = \\Junk\n    auto = create\n  }\n"
        "  mailbox Sent {\n    special_use = \\Sent\n    auto = create\n  }\n}\n"
        f"service auth {{\n  unix_listener {folder}/sasl {{\n    mode = 0666\n  }}\n}}\n"
        f"service lmtp {{\n  unix_listener {folder}/lmtp {{\n    mode = 0666\n  }}\n}}\n"
        + listeners)
    with (folder / "dovecot.log").open("ab") as log:
        subprocess.Popen([space.program("dovecot"), "-F", "-c", str(home / "dovecot.conf")], stdin=subprocess.DEVNULL,
                         stdout=log, stderr=log)


def postfix(folder, bundle, served):
    """Takes the mail of the domains in `served`, and sends that of those who log in."""
    home = folder / "postfix"
    for part in ("etc", "queue", "data"):
        (home / part).mkdir(parents=True)
    shutil.chown(home / "data", "postfix")
    settings = {
        "compatibility_level": "3.6", "queue_directory": home / "queue", "data_directory": home / "data",
        "maillog_file": folder / "postfix.log", "maillog_file_prefixes": folder,
        "command_directory": "/usr/sbin", "daemon_directory": "/usr/lib/postfix/sbin",
        "mail_owner": "postfix", "setgid_group": "postdrop", "myhostname": "mx1.good.test", "mydestination": "",
        # Everybody here comes from 127.0.0.1, who must not be trusted for that.
        "mynetworks": "127.0.0.254/32", "inet_protocols": "ipv4", "alias_maps": "",
        "virtual_mailbox_domains": f"texthash:{home}/domains",
        "virtual_mailbox_maps": f"texthash:{home}/boxes",
        "virtual_alias_maps": f"regexp:{home}/aliases",
        "virtual_transport": f"lmtp:unix:{folder}/lmtp",
        "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
        "smtpd_tls_security_level": "may", "smtpd_tls_chain_files": bundle, "smtpd_tls_auth_only": "yes",
        "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": folder / "sasl",
        "smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec", "smtp_bind_address": MX[0],
        "disable_vrfy_command": "yes", "smtpd_client_connection_count_limit": "0",
    }
    (home / "domains").write_text("".join(f"{domain} yes\n" for domain in served))
    (home / "boxes").write_text("".join(f"{user} yes\n" for user in ACCOUNTS))
    (home / "aliases").write_text("/^(postmaster|abuse|hostmaster|dmarc|tlsrpt)@/ alice@good.test\n")
    etc = home / "etc"
    for file in ("postfix-files", "dynamicmaps.cf"):
        shutil.copy(f"/etc/postfix/{file}", etc)
    (etc / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in settings.items()))
    (etc / "master.cf").write_text("\n".join(_services()) + "\n")
    with (folder / "postfix.log").open("ab") as log:
        subprocess.Popen([space.program("postfix"), "-c", str(etc), "start-fg"], stdin=subprocess.DEVNULL, stdout=log,
                         stderr=log)


def _services():
    for line in MASTER.read_text().splitlines():
        columns = line.split()
        if not line[:1].isalnum() or len(columns) < 8:
            if line[:1] not in ("#", ""):
                yield line
            continue
        columns[4] = "n"  # no chroot: it would need a copy of the system's files
        if columns[:2] != ["smtp", "inet"]:
            yield " ".join(columns)
            continue
        for number, address in enumerate(MX, 1):
            yield f"{address}:25 {' '.join(columns[1:])} -o myhostname=mx{number}.good.test"
        for port, option in ((587, "smtpd_tls_security_level=encrypt"), (465, "smtpd_tls_wrappermode=yes")):
            yield (f"{MAIL}:{port} {' '.join(columns[1:])} -o myhostname=mail.good.test -o {option} "
                   "-o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject")


def start(folder, bundle, served):
    dovecot(folder, bundle)
    postfix(folder, bundle, served)


def wait():
    """Until both answer."""
    doors = [(address, 25) for address in MX] + [(MAIL, port) for port in (465, 587, 143, 993, 110, 995)]
    for door in doors:
        space.wait_for(lambda door=door: _open(door), f"{door}")


def _open(door):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(door) == 0
