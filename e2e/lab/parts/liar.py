"""A name server that misbehaves, one way per address. For the rest it asks a healthy one."""

import selectors
import socket
import struct
import threading

UPSTREAM = ("127.53.1.1", 53)
REFUSED, SERVFAIL, NO_AUTHORITY, UPWARD = "127.53.2.3", "127.53.2.5", "127.53.2.6", "127.53.2.7"
NO_TCP, NO_TCP_EITHER = "127.53.2.8", "127.53.2.28"
NO_EDNS, GARBAGE, WRONG_ID, LYING_LENGTH = "127.53.2.9", "127.53.2.10", "127.53.2.11", "127.53.2.12"
ALIAS, ALIAS_TOO = "127.53.2.13", "127.53.2.33"
TLSA_SERVFAIL, TLSA_SERVFAIL_TOO = "127.53.2.14", "127.53.2.34"
DROPS_TXT, DROPS_TXT_TOO = "127.53.2.15", "127.53.2.35"

A, NS, CNAME, SOA, MX, TXT, AAAA, TLSA = 1, 2, 5, 6, 15, 16, 28, 52
FORMERR_CODE, SERVFAIL_CODE, REFUSED_CODE = 1, 2, 5


def question(query):
    """Where the question ends, and its type."""
    at = 12
    while query[at]:
        at += query[at] + 1
    return at + 5, struct.unpack_from(">H", query, at + 1)[0]


def bare(query, rcode, flags=0x8000, sections=b"\0\0\0\0\0\0", records=b""):
    """An answer with the question and little else."""
    end, _ = question(query)
    kept = struct.unpack_from(">H", query, 2)[0] & 0x7910
    return query[:2] + struct.pack(">HH", kept | flags | rcode, 1) + sections + query[12:end] + records


def ask(query, stream):
    """The healthy server's answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM) as upstream:
        upstream.settimeout(3)
        upstream.connect(UPSTREAM)
        if not stream:
            upstream.send(query)
            return upstream.recv(65535)
        upstream.sendall(struct.pack(">H", len(query)) + query)
        return read_message(upstream)


def read_exactly(connection, size):
    got = b""
    while len(got) < size:
        more = connection.recv(size - len(got))
        if not more:
            raise ConnectionError
        got += more
    return got


def read_message(connection):
    return read_exactly(connection, struct.unpack(">H", read_exactly(connection, 2))[0])


def without(bit):
    """The healthy answer without a bit of its header."""
    def lie(query, stream):
        answer = ask(query, stream)
        return answer[:2] + struct.pack(">H", struct.unpack_from(">H", answer, 2)[0] & ~bit) + answer[4:]
    return lie


def code(rcode):
    return lambda query, stream: bare(query, rcode)


def upward(query, stream):
    """A referral to the root, as servers do that do not know the zone."""
    root = b"\0" + struct.pack(">HHIH", NS, 1, 518400, 20) + b"\1a\x0croot-servers\3net\0"
    return bare(query, 0, sections=struct.pack(">HHH", 0, 1, 0), records=root)


def no_edns(query, stream):
    return bare(query, FORMERR_CODE) if query[11] else ask(query, stream)


def garbage(query, stream):
    return query[:2] + b"\x84\x00\xff\xff\xff\xff" + b"\xc0" * 40


def wrong_id(query, stream):
    answer = ask(query, stream)
    return bytes([answer[0] ^ 0x55]) + answer[1:]


def lying_length(query, stream):
    """Counts more records than there are, and cuts the last one."""
    answer = ask(query, stream)
    return answer[:6] + struct.pack(">H", struct.unpack_from(">H", answer, 6)[0] + 3) + answer[8:-3]


def alias(query, stream):
    """An alias at the top of the zone, beside the SOA and the NS."""
    end, kind = question(query)
    labels = query[12:query.index(b"\0", 12)].lower()
    if not labels.startswith(b"\x0acname-apex") or kind in (SOA, NS):
        return ask(query, stream)
    target = b"\4good\4test\0"
    record = b"\xc0\x0c" + struct.pack(">HHIH", CNAME, 1, 3600, len(target)) + target
    return bare(query, 0, flags=0x8400, sections=struct.pack(">HHH", 1, 0, 0), records=record)


def fails_for(kind):
    return lambda query, stream: bare(query, SERVFAIL_CODE) if question(query)[1] == kind else ask(query, stream)


def drops(kind):
    return lambda query, stream: None if question(query)[1] == kind else ask(query, stream)


LIES = {
    REFUSED: code(REFUSED_CODE), SERVFAIL: code(SERVFAIL_CODE), NO_AUTHORITY: without(0x0400), UPWARD: upward,
    NO_TCP: ask, NO_TCP_EITHER: ask, NO_EDNS: no_edns, GARBAGE: garbage, WRONG_ID: wrong_id,
    LYING_LENGTH: lying_length, ALIAS: alias, ALIAS_TOO: alias, TLSA_SERVFAIL: fails_for(TLSA),
    TLSA_SERVFAIL_TOO: fails_for(TLSA), DROPS_TXT: drops(TXT), DROPS_TXT_TOO: drops(TXT),
}


def _datagram(server, lie):
    query, peer = server.recvfrom(4096)

    def answer():
        try:
            said = lie(query, False)
            if said is not None:
                server.sendto(said, peer)
        except (OSError, IndexError, struct.error):
            pass  # a question of no use, or the healthy server is gone
    threading.Thread(target=answer, daemon=True).start()


def _stream(server, lie):
    connection, _ = server.accept()

    def answer():
        with connection:
            connection.settimeout(10)
            try:
                while True:
                    said = lie(read_message(connection), True)
                    if said is not None:
                        connection.sendall(struct.pack(">H", len(said)) + said)
            except (OSError, IndexError, struct.error):
                pass
    threading.Thread(target=answer, daemon=True).start()


def start():
    """One thread for all addresses."""
    selector = selectors.DefaultSelector()
    for address, lie in LIES.items():
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind((address, 53))
        selector.register(udp, selectors.EVENT_READ, (_datagram, lie))
        if address not in (NO_TCP, NO_TCP_EITHER):
            tcp = socket.create_server((address, 53))
            selector.register(tcp, selectors.EVENT_READ, (_stream, lie))

    def loop():
        while True:
            for key, _ in selector.select():
                how, lie = key.data
                how(key.fileobj, lie)
    threading.Thread(target=loop, daemon=True).start()
