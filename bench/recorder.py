"""A backend that only counts: TLS 1.3 with client certificates, HTTP/1.1, every request answered 200."""

import socket
import ssl
import threading
import time

REPLY = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}'


class Recorder:
    """Listens on a free port; "requests" holds (time, connection, key, bytes) of each."""

    def __init__(self, certs):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(certs / 'server.crt', certs / 'server.key')
        self.context.load_verify_locations(certs / 'ca.crt')
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.handshakes = 0
        self.requests = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.handshakes += 1
                self.converse(connection, self.handshakes)
        except OSError:
            pass

    def take(self, body):
        """For who wants to know what is in it."""

    def converse(self, connection, number):
        stream = connection.makefile('rb', buffering=256 * 1024)
        while stream.readline():
            headers = {}
            while (line := stream.readline().strip()):
                name, _, value = line.partition(b':')
                headers[name.lower()] = value.strip().decode()
            size = int(headers.get(b'content-length', '0'))
            self.take(stream.read(size))
            self.requests.append((time.monotonic(), number, headers.get(b'idempotency-key'), size))
            connection.sendall(REPLY)
