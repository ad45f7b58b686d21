"""What mail programs are told: SRV, autoconfig, autodiscover; and what listens there."""


def settings(domain, host, imap=993, submission=465):
    """SRV records and both documents, all of the same opinion."""
    domain.set("_imaps._tcp", "SRV", f"0 1 {imap} {host}.").set("_submissions._tcp", "SRV", f"0 1 {submission} {host}.")
    domain.set("_submission._tcp", "SRV", f"10 1 587 {host}.").set("_imap._tcp", "SRV", f"10 1 143 {host}.")
    domain.set("_pop3s._tcp", "SRV", f"20 1 995 {host}.")
    return documents(domain, {"host": host})


def documents(domain, opinion):
    """The documents that the web server gives, under the usual names."""
    domain.client = opinion
    for label in ("autoconfig", "autodiscover"):
        domain.set(label, "A", "127.53.4.1")
    return domain


def fill(lab):
    settings(lab.add("ok-client"), "mail.good.test")
    lab.add("ok-client-ports").host("client-good")
    settings(lab.domains["ok-client-ports.test"], "mx.ok-client-ports.test")
    wrong = settings(lab.add("cl-srv-nohost"), "mail.good.test")
    wrong.set("_imaps._tcp", "SRV", "0 1 993 imap.gone.test.")
    refused = settings(lab.add("cl-srv-port"), "mail.good.test")
    refused.set("_imaps._tcp", "SRV", "0 1 9993 mail.good.test.")
    documents(settings(lab.add("cl-auto-differs"), "mail.good.test"), {"host": "imap.elsewhere.test"})
    documents(settings(lab.add("cl-auto-broken"), "mail.good.test"), {"host": "mail.good.test", "mood": "broken"})
    settings(lab.add("cl-mode").host("client-swapped"), "mx.cl-mode.test")
    settings(lab.add("cl-closed").host("good"), "mx.cl-closed.test")
    settings(lab.add("cl-cert").host("client-certificate", certificate="other"), "mx.cl-cert.test")
    settings(lab.add("cl-bye").host("client-bye"), "mx.cl-bye.test")
