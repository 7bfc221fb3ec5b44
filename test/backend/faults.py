"""The ways in which the backend can misbehave, and the queue of those that were ordered.

A fault is {"action": name, …}, and with it may come
    times    how many connections or requests it takes (1; null: until reset)
    path     only requests whose path begins with this
    key      only requests with this Idempotency-Key
    process  do the work first, so that only the reply is lost or late
    instead  those that were ordered before are over, without a moment in between
"""

import gzip
import json
import select
import socket
import struct
import threading
import zlib
from collections import namedtuple

from tickets import connection_tickets

Reply = namedtuple('Reply', 'status headers body')

GZIP_HEADER = b'\x1f\x8b\x08' + bytes(7)
EMPTY_BLOCK = b'\0\0\0\xff\xff'        # of a deflated stream


# ---- of a connection, before TLS: function(socket, fault) ----

def connection_refuse(sock, fault):
    reset_at_close(sock, fault)


def reset_at_close(sock, fault):
    """With "reset", what follows is not the end of the stream but a reset."""
    if fault.get('reset'):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def connection_silence(sock, _fault):
    while sock.recv(65536):
        pass


def connection_garbage(sock, fault):
    sock.recv(65536)
    sock.sendall(fault.get('bytes', 'SSH-2.0-OpenSSH_9.2\r\n').encode())


CONNECTION_FAULTS = {
    'refuse': connection_refuse,
    'no_handshake': connection_silence,
    'no_tls': connection_garbage,
    'tickets': connection_tickets,
}


# ---- of a reply's content: function(reply, fault) -> reply; by default nothing is processed ----

def reply_status(_reply, fault):
    body = fault.get('body', {'code': fault['status'], 'message': 'as ordered'})
    body = body if isinstance(body, str) else json.dumps(body)
    return Reply(fault['status'], fault.get('headers', {}), body.encode())


def reply_html(_reply, fault):
    page = '<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1></body></html>\n'
    return Reply(fault.get('status', 200), {'Content-Type': 'text/html'}, page.encode())


def reply_compressed(_reply, fault):
    return Reply(fault.get('status', 200), {'Content-Encoding': 'gzip'}, gzip.compress(b'{}'))


def deflated(data):
    """A piece that can stand anywhere in a deflated stream."""
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)


def reply_bomb(_reply, fault):
    """Under its layers of gzip there is nothing, but with four it takes hours to find that out."""
    head, part = GZIP_HEADER, EMPTY_BLOCK * 10000
    for _ in range(fault['layers'] - 1):
        head, part = GZIP_HEADER + deflated(head), deflated(part) * 500
    encodings = ', '.join(['gzip'] * fault['layers'])
    return Reply(fault.get('status', 200), {fault['header']: encodings}, head + part)


def reply_huge_body(_reply, fault):
    filler = b'x' * fault.get('size', 64 * 1024 * 1024)
    return Reply(fault.get('status', 200), {}, b'{"filler":"' + filler + b'"}')


def reply_huge_header(_reply, fault):
    return Reply(fault.get('status', 200), {'X-Filler': 'x' * fault.get('size', 1024 * 1024)},
                 b'{}')


def reply_redirect(_reply, fault):
    return Reply(fault.get('status', 307), {'Location': fault['location']}, b'')


REPLY_FAULTS = {
    'status': reply_status,
    'html': reply_html,
    'compressed': reply_compressed,
    'bomb': reply_bomb,
    'huge_body': reply_huge_body,
    'huge_header': reply_huge_header,
    'redirect': reply_redirect,
}


# ---- of the way a reply is sent: function(connection, reply, fault) ----

def send_now(connection, reply, _fault):
    connection.send(reply)


def send_late(connection, reply, fault):
    if not wait_for_close(connection.connection, fault.get('seconds', 1)):
        connection.send(reply)


def send_nothing(connection, _reply, _fault):
    wait_for_close(connection.connection)
    connection.cut()


def send_part(connection, reply, fault):
    """Ends the connection "after" the request's head, the request, half of the reply's headers
    or body, or all of the reply."""
    head, body = connection.encode(reply)
    parts = {'headers': head[:len(head) // 2], 'body': head + body[:len(body) // 2],
             'reply': head + body}
    connection.wfile.write(parts.get(fault.get('after'), b''))
    reset_at_close(connection.connection, fault)
    connection.cut()


def send_slowly(connection, reply, fault):
    for byte in b''.join(connection.encode(reply)):
        if wait_for_close(connection.connection, fault.get('seconds', 0.1)):
            return connection.cut()
        connection.wfile.write(bytes([byte]))
    return None


def send_for_ever(connection, _reply, _fault):
    connection.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    chunk = b'%x\r\n%s\r\n' % (1 << 16, b'{"filler":"'.ljust(1 << 16, b'x'))
    while not wait_for_close(connection.connection, 0):
        connection.wfile.write(chunk)
    connection.cut()


def send_trailers(connection, _reply, fault):
    connection.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n')
    for number in range(fault.get('size', 1024 * 1024) // 1000):
        connection.wfile.write(b'X-%d: %s\r\n' % (number, b'x' * 1000))
    connection.wfile.write(b'\r\n')


def send_garbage(connection, _reply, fault):
    connection.wfile.write(fault.get('bytes', 'this is not HTTP\r\n\r\n').encode())
    connection.cut()


def send_two(connection, reply, fault):
    """The second one is to no request."""
    connection.send(reply)
    connection.send(reply_status(None, fault))
    connection.server.journal.append(connection=connection.number, event='unasked')


SENDING_FAULTS = {
    'delay': send_late,
    'silence': send_nothing,
    'cut': send_part,
    'drip': send_slowly,
    'endless': send_for_ever,
    'trailers': send_trailers,
    'garbage': send_garbage,
    'unasked': send_two,
}

PROCESSED = {'delay', 'drip', 'unasked'}       # by default


def wait_for_close(sock, seconds=None):
    """True when the peer closed (or spoke out of turn), or a reset did, within that time."""
    try:
        return bool(select.select([sock], [], [], seconds)[0])
    except (OSError, ValueError):
        return True


class Faults:
    """The faults that were ordered, in order; each is used up after its "times"."""

    CONNECTION, REQUEST = CONNECTION_FAULTS.keys(), REPLY_FAULTS.keys() | SENDING_FAULTS.keys()

    def __init__(self):
        self.lock = threading.Lock()
        self.queue = []

    def add(self, fault):
        with self.lock:
            if fault.get('instead'):
                self.queue.clear()
            self.queue.append({'times': 1} | fault)

    def reset(self):
        with self.lock:
            self.queue.clear()

    def take(self, actions, path='', key=None):
        """The first fault of those actions that is meant for the path and the batch; None: behave."""
        with self.lock:
            for fault in self.queue:
                if (fault['action'] in actions and path.startswith(fault.get('path', '')) and
                        fault.get('key', key) == key):
                    if fault['times'] is not None:
                        fault['times'] -= 1
                        if fault['times'] <= 0:
                            self.queue.remove(fault)
                    return fault
        return None
