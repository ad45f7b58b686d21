"""What registries say: RDAP in six moods, domains that are expired or held, and a WHOIS chain."""


def fill(lab):
    for mood in ("404", "429", "500", "html", "broken", "slow"):
        lab.add(f"ok-rdap-{mood}").registry = {"mood": mood}
    lab.add("expired").registry = {"expires_days": -12, "status": ["redemption period"]}
    lab.add("expired-active").registry = {"expires_days": -3}
    lab.add("expires-soon").registry = {"expires_days": 9}
    held = lab.add("hold")
    held.delegated, held.registry = False, {"status": ["client hold", "client transfer prohibited"]}
    server = lab.add("serverhold")
    server.delegated, server.registry = False, {"status": ["server hold"]}
    deleted = lab.add("pending-delete")
    deleted.delegated, deleted.registry = False, {"status": ["pending delete"], "expires_days": -50}
    lab.add("changed").registry = {"changed_hours": 3}
    lab.add("nsmatch").registry = {"servers": ["ns1.old-host.test", "ns2.old-host.test"]}
    lab.add("reg-ds").registry = {"ds": "4711 13 2 " + "7f" * 32}
    # The top-level domain `lab` has no RDAP; its WHOIS server is found from the root's.
    lab.add("ok-whois.lab")
    lab.add("expired.lab").registry = {"expires_days": -20}
