"""Sockets, TLS and HTTP/1.1: what a connection is before anybody asks what it is for."""

import itertools
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from faults import Reply
from wire import MAX_BODY, Refused

HANDSHAKE_TIMEOUT = 30


class Server(ThreadingHTTPServer):
    """Each connection has a number and a thread, which also does its TLS handshake."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64
    context = None                  # plain HTTP

    def __init__(self, address, handler):
        self.address_family = socket.AF_INET6 if ':' in address[0] else socket.AF_INET
        self.numbers = itertools.count(1)
        self.open = {}              # number of connection -> socket
        self.closing = threading.Lock()     # or another socket could have the descriptor already
        super().__init__(address, handler)

    @property
    def port(self):
        return self.server_address[1]

    def finish_request(self, request, client_address):
        number = next(self.numbers)
        self.open[number] = request
        try:
            if self.greet(number, request):
                request = self.open[number] = self.secure(number, request)
                self.RequestHandlerClass(request, client_address, self, number)
        finally:
            with self.closing:
                self.open.pop(number).close()

    def greet(self, _number, _request):
        """False: the connection is done with before it began."""
        return True

    def secure(self, number, request):
        if not self.context:
            return request
        try:
            request.settimeout(HANDSHAKE_TIMEOUT)
            request = self.context.wrap_socket(request, server_side=True)
            request.settimeout(None)
            return request
        except OSError as error:
            self.handshake_failed(number, str(error))
            raise

    def handshake_failed(self, number, error):
        pass

    def disconnect(self):
        """Closes all connections as a crash would."""
        with self.closing:
            for sock in list(self.open.values()):
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def handle_error(self, request, client_address):
        """A peer that goes away is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Http(BaseHTTPRequestHandler):
    """One write a reply, and no log on standard error."""

    protocol_version = 'HTTP/1.1'

    def __init__(self, sock, address, server, number):
        self.number = number
        super().__init__(sock, address, server)

    def log_message(self, *_args):
        pass

    def read(self):
        """The bytes of the request's body."""
        length = self.headers.get('Content-Length', '0')
        if 'Transfer-Encoding' in self.headers or not length.isdigit():
            self.close_connection = True
            raise Refused(411, 'Content-Length is needed')
        if int(length) > MAX_BODY:
            self.close_connection = True
            raise Refused(413, 'body is too large')
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError('the request was cut short')     # and is none
        return body

    def encode(self, reply):
        """The head and the body of a reply as they go out."""
        headers = {'Content-Type': 'application/json', 'Content-Length': len(reply.body)}
        if self.close_connection:
            headers['Connection'] = 'close'
        reason = self.responses.get(reply.status, ('-',))[0]
        lines = [f'{self.protocol_version} {reply.status} {reason}',
                 f'Server: {self.version_string()}', f'Date: {self.date_time_string()}']
        lines += [f'{name}: {value}' for name, value in (headers | reply.headers).items()]
        return '\r\n'.join(lines + ['', '']).encode(), reply.body

    def send(self, reply):
        self.wfile.write(b''.join(self.encode(reply)))

    def cut(self):
        """Ends the connection without a word: no reply, no TLS close_notify."""
        self.close_connection = True


def json_reply(status, value, headers=None):
    return Reply(status, headers or {}, b'' if value is None else json.dumps(value).encode())
