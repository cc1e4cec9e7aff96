"""Many connections that have made one request each and then say nothing."""
import select
import socket

from processes import Failure

# A source address has about 28,000 ports for one destination (ip_local_port_range, 32768 to 60999).
EACH_ADDRESS = 20_000
AT_ONCE = 64                    # as many requests in flight as in the other rows
IP_BIND_ADDRESS_NO_PORT = 24    # linux/in.h; the port is chosen when the destination is known


def open_connections(proxy, count):
    """Returns the sockets, for close(). Each has had its answer."""
    request = f"GET /small HTTP/1.1\r\nHost: 127.0.0.1:{proxy.plain}\r\n\r\n".encode()
    sockets = []
    try:
        while len(sockets) < count:
            fresh = range(len(sockets), min(len(sockets) + AT_ONCE, count))
            for index in fresh:
                one = socket.socket()
                sockets.append(one)
                one.settimeout(10)
                one.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                one.bind((f"127.0.1.{1 + index // EACH_ADDRESS}", 0))
                one.connect(("127.0.0.1", proxy.plain))
                one.sendall(request)
            for index in fresh:
                _receive(sockets[index])
    except OSError as error:
        close(sockets)
        raise Failure(f"{proxy.name} at {len(sockets)} of {count} connections: {error}") from error
    return sockets


def closed(sockets):
    """How many have been closed by the other side. Whole answers were read, so there is nothing else to read."""
    poll = select.epoll()
    try:
        for one in sockets:
            poll.register(one, select.EPOLLIN)
        return len(poll.poll(0, len(sockets)))
    finally:
        poll.close()


def close(sockets):
    for one in sockets:
        one.close()


def _receive(one):
    answer = b""
    while not (b"\r\n\r\n" in answer and answer.endswith(b"}")):    # the body is one object of JSON, and the only place for a brace
        more = one.recv(4096)
        if not more:
            raise OSError(f"closed after {answer[:40]!r}")
        answer += more
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise OSError(f"answered {answer[:40]!r}")
