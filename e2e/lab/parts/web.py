"""The web server: MTA-STS policies and client settings over HTTPS, RDAP over HTTP. Faulty ones are told by name."""

import http.server
import json
import ssl
import threading
import time

ADDRESS, RDAP = "127.53.4.1", "127.53.5.1"
# Moods of a policy that are faults of its certificate.
CERTIFICATES = {"wrong-name": "other", "expired": "expired-web"}


class Quiet(http.server.BaseHTTPRequestHandler):
    """Without a log, and with short answers."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def give(self, status, kind, body, **headers):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Pages(Quiet):
    """Policies, autoconfig and autodiscover, by the host that was asked for."""

    def do_GET(self):
        label, _, domain = (self.headers.get("Host") or "").partition(":")[0].partition(".")
        found = self.server.domains.get(domain)
        path = self.path.partition("?")[0]
        if found is None:
            self.give(404, "text/plain", "nothing here\n")
        elif label == "mta-sts" and path == "/.well-known/mta-sts.txt" and found.policy:
            self.policy(*found.policy)
        elif label == "autoconfig" and path.endswith("/config-v1.1.xml") and hasattr(found, "client"):
            self.xml(autoconfig(domain, **found.client), found.client)
        else:
            self.give(404, "text/plain", "nothing here\n")

    def do_POST(self):
        label, _, domain = (self.headers.get("Host") or "").partition(":")[0].partition(".")
        self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 65536))
        found = self.server.domains.get(domain)
        if label == "autodiscover" and self.path.lower().endswith("/autodiscover.xml") and hasattr(found, "client"):
            self.xml(autodiscover(**found.client), found.client)
        else:
            self.give(404, "text/plain", "nothing here\n")

    def xml(self, document, client):
        self.give(200, "text/xml", document[:len(document) // 2] if client.get("mood") == "broken" else document)

    def policy(self, mood, policy):
        if mood == "404":
            self.give(404, "text/plain", "no policy\n")
        elif mood == "500":
            self.give(500, "text/plain", "try later\n")
        elif mood == "redirect":
            self.give(301, "text/plain", "", Location="https://mta-sts.good.test/.well-known/mta-sts.txt")
        elif mood == "html":
            self.give(200, "text/html", "<!doctype html><title>Welcome</title><p>This domain is for sale.\n")
        elif mood == "big":
            self.give(200, "text/plain", policy + "x: " + "y" * 2_000_000 + "\r\n")
        elif mood == "hang":
            time.sleep(90)
        else:
            self.give(200, "text/plain", policy)


def server_block(kind, tag, host, port, mode):
    return (f'<{tag} type="{kind}"><hostname>{host}</hostname><port>{port}</port><socketType>{mode}</socketType>'
            f"<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></{tag}>")


def autoconfig(domain, host, **_):
    return (f'<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="{domain}"><domain>{domain}</domain>'
            f"<displayName>{domain}</displayName>{server_block('imap', 'incomingServer', host, 993, 'SSL')}"
            f"{server_block('smtp', 'outgoingServer', host, 465, 'SSL')}</emailProvider></clientConfig>")


def autodiscover(host, **_):
    protocols = "".join(f"<Protocol><Type>{kind}</Type><Server>{host}</Server><Port>{port}</Port><SSL>on</SSL>"
                        f"<AuthRequired>on</AuthRequired></Protocol>" for kind, port in (("IMAP", 993), ("SMTP", 465)))
    schema = "http://schemas.microsoft.com/exchange/autodiscover"
    return (f'<?xml version="1.0"?><Autodiscover xmlns="{schema}/responseschema/2006">'
            f'<Response xmlns="{schema}/outlook/responseschema/2006a"><Account><AccountType>email</AccountType>'
            f"<Action>settings</Action>{protocols}</Account></Response></Autodiscover>")


class Rdap(Quiet):
    """Domains as a registry has them; six moods."""

    def do_GET(self):
        name = self.path.rstrip("/").rpartition("/")[2].lower()
        domain = self.server.domains.get(name)
        mood = domain.registry.get("mood", "fine") if domain else "404"
        if mood == "404":
            problem = {"rdapConformance": ["rdap_level_0"], "errorCode": 404, "title": "Not Found"}
            self.give(404, "application/rdap+json", json.dumps(problem))
        elif mood == "429":
            self.give(429, "application/rdap+json", json.dumps({"errorCode": 429, "title": "Slow down"}), Retry_After="3600")
        elif mood == "500":
            self.give(500, "text/plain", "internal error\n")
        elif mood == "html":
            self.give(200, "text/html", "<!doctype html><html><body>Please prove that you are human.</body></html>")
        elif mood == "broken":
            self.give(200, "application/rdap+json", json.dumps(registration(domain))[:120])
        else:
            if mood == "slow":
                time.sleep(40)
            self.give(200, "application/rdap+json", json.dumps(registration(domain)))


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def registration(domain):
    """The RDAP object of RFC 9083."""
    said = domain.registry
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Lab Registrar B.V."]]]
    abuse = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", "Abuse desk"],
                       ["email", {}, "text", "abuse@registrar.test"]]]
    servers = said.get("servers") or [server.rstrip(".") for server, _ in domain.servers]
    answer = {
        "rdapConformance": ["rdap_level_0"], "objectClassName": "domain", "handle": f"D-{domain.name}",
        "ldhName": domain.name, "status": said.get("status", ["active"]),
        "events": [
            {"eventAction": "registration", "eventDate": "2009-05-04T10:00:00Z"},
            {"eventAction": "expiration", "eventDate": stamp(86400 * said.get("expires_days", 400))},
            {"eventAction": "last changed", "eventDate": stamp(-3600 * said.get("changed_hours", 9000))},
        ],
        "nameservers": [{"objectClassName": "nameserver", "ldhName": server} for server in servers],
        "entities": [{"objectClassName": "entity", "handle": "292", "roles": ["registrar"], "vcardArray": card,
                      "publicIds": [{"type": "IANA Registrar ID", "identifier": "9999"}],
                      "entities": [{"objectClassName": "entity", "roles": ["abuse"], "vcardArray": abuse}]}],
        "secureDNS": {"delegationSigned": bool(domain.digests or "ds" in said)},
    }
    if digests := domain.digests + ([said["ds"]] if "ds" in said else []):
        answer["secureDNS"]["dsData"] = [
            dict(zip(("keyTag", "algorithm", "digestType", "digest"), (*map(int, digest.split()[:3]), digest.split()[3])))
            for digest in digests]
    return answer


class Server(http.server.ThreadingHTTPServer):
    """Many connections at once; a peer that breaks off is no trouble."""

    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, *_):
        pass

    def finish_request(self, request, client_address):
        if hasattr(self, "tls"):
            request.settimeout(30)
            request = self.tls.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)


def start(domains, contexts):
    """HTTPS and HTTP of the pages, and the registry's."""
    def certificate(connection, name, _):
        label, _, domain = (name or "").partition(".")
        found = domains.get(domain)
        if found is not None and label == "mta-sts" and found.policy:
            connection.context = contexts(CERTIFICATES.get(found.policy[0], "web"))

    secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secure.load_cert_chain(contexts.bundle("web"))
    secure.sni_callback = certificate
    for address, port, handler, tls in ((ADDRESS, 443, Pages, secure), (ADDRESS, 80, Pages, None), (RDAP, 80, Rdap, None)):
        server = Server((address, port), handler)
        server.domains = domains
        if tls:
            server.tls = tls
        threading.Thread(target=server.serve_forever, daemon=True).start()
