"""A name server that has the zone and no record in it, as one that has not heard of a change."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message


@contextmanager
def deaf_server(address: str, port: int) -> Iterator[None]:
    """It answers everything with nothing, by UDP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    data, sender = listener.recvfrom(4096)
                    if not data:
                        return
                    answer = dns.message.make_response(dns.message.from_wire(data))
                    listener.sendto(answer.to_wire(), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (address, port))
            thread.join()
