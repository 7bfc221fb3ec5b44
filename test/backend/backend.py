#!/usr/bin/python3
"""A backend for pganalytics to push to: real TLS, real checks, and faults on request.

It demands TLS 1.3, a client certificate, a valid token and a body that matches the schema, writes
down every request (DIR/requests.jsonl), and can be told through its control port to misbehave.
README.md in this folder says how.
"""

import argparse
import json
import os
import signal
import ssl
import threading
import time
import uuid
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qsl, urlsplit

import wire
from faults import (CONNECTION_FAULTS, PROCESSED, REPLY_FAULTS, SENDING_FAULTS, Faults, Reply,
                    send_now)
from journal import Journal, Store
from server import Http, Server, json_reply
from wire import Refused

TLS_VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
TOKEN_LIFETIME = 900
NOTHING_DONE = Reply(200, {}, b'{"status":"success"}')
SECRET_HEADERS = {'authorization', 'x-registration-secret'}


class Backend(Server):
    """The state of the backend and its endpoints."""

    def __init__(self, options):
        self.options = options
        self.secret = wire.read_secret(self.cert('jwt.secret'))
        self.registration_secret = wire.read_secret(self.cert('registration.secret')).decode()
        self.check_envelope = wire.EnvelopeCheck(options.schema)
        self.journal = Journal(options.dir)
        self.store = Store(self.journal)
        self.faults = Faults()
        self.remote_config = None
        self.config_reply = {}      # parts of its reply that are given instead: body, headers
        self.replaced = {}          # collector id -> the ids it had before
        self.issued, self.revoked = set(), set()    # jti of tokens
        self.registration = {'new_ids': options.new_ids, 'token_lifetime': TOKEN_LIFETIME,
                             'certificate': 'client' if options.issue_certificate else None}
        self.renew_tls(certificate='server', version=options.tls_max)
        super().__init__((options.host, options.port), Connection)

    def cert(self, name):
        return os.path.join(self.options.certs, name)

    # ---- connections ----

    def renew_tls(self, **changes):
        """What new connections are offered; sessions of earlier ones cannot be resumed."""
        self.tls = getattr(self, 'tls', {}) | changes
        if self.options.plain_http:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = TLS_VERSIONS[self.tls['version']]
        context.load_cert_chain(self.cert(self.tls['certificate'] + '.crt'),
                                self.cert('server.key'))
        context.load_verify_locations(self.options.ca or self.cert('ca.crt'))
        if self.options.enrol:
            context.verify_mode = ssl.CERT_OPTIONAL
        elif not self.options.no_client_cert:
            context.verify_mode = ssl.CERT_REQUIRED
        self.context = context

    def greet(self, number, request):
        fault = self.faults.take(CONNECTION_FAULTS)
        if fault:
            self.journal.append(connection=number, event='connection', fault=fault['action'])
            CONNECTION_FAULTS[fault['action']](request, fault)
        return not fault

    def handshake_failed(self, number, error):
        self.journal.append(connection=number, event='handshake_failed', error=error)

    # ---- endpoints: function(request, body) -> reply ----

    def register(self, request, body):
        if request.headers.get('X-Registration-Secret') != self.registration_secret:
            raise Refused(401, 'wrong registration secret')
        for name in ('name', 'hostname', 'version', 'system_identifier'):
            if not isinstance(body.get(name), str):
                raise Refused(400, f'{name} is missing or no text')
        collector_id = former = body.get('collector_id')
        if former is None or self.registration['new_ids']:
            collector_id = str(uuid.uuid4())
            self.replaced[collector_id] = {former} | self.replaced.get(former, set())
        reply = {'collector_id': collector_id} | self.new_token(collector_id, body['hostname'])
        if self.registration['certificate']:
            reply |= {'certificate': read_text(self.cert(self.registration['certificate'] + '.crt')),
                      'private_key': read_text(self.cert('client.key'))}
        return json_reply(201, reply)

    def refresh_token(self, request, _body):
        claims = request.claims()
        return json_reply(200, self.new_token(claims['collector_id'], claims['hostname']))

    def new_token(self, collector_id, hostname):
        lifetime = self.registration['token_lifetime']
        expires = datetime.now(timezone.utc) + timedelta(seconds=lifetime)
        claims = wire.new_claims(collector_id, hostname, lifetime)
        self.issued.add(claims['jti'])
        return {'token': wire.sign_token(self.secret, claims),
                'expires_at': expires.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}

    def push(self, request, body):
        started = time.monotonic()
        claims = request.claims()
        self.check_envelope(body)
        wire.check_identity(body, claims, request.headers.get('Idempotency-Key'),
                            self.replaced.get(claims['collector_id'], ()))
        stored = request.entry['stored'] = self.store.add(body)
        reply = {'status': 'success', 'collector_id': body['collector_id'],
                 'metrics_inserted': body['metrics_count'] if stored else 0,
                 'bytes_received': request.entry['bytes'],
                 'processing_time_ms': round((time.monotonic() - started) * 1000, 3)}
        if 'version' in (self.remote_config or {}):
            reply['next_config_version'] = self.remote_config['version']
        return json_reply(200, reply)

    def config(self, request, _body):
        if request.path.rpartition('/')[2] != request.claims()['collector_id']:
            raise Refused(403, 'token is for another collector')
        if self.remote_config is None:
            # an answer, not a refusal: see docs/api.md
            return json_reply(404, {'code': 404, 'message': 'no configuration for this collector'})
        body = self.config_reply.get('body')
        body = json.dumps(self.remote_config) if body is None else body
        headers = {'ETag': f'"{self.remote_config.get("version")}"'} | self.config_reply.get('headers', {})
        if request.headers.get('If-None-Match') == headers['ETag']:
            return json_reply(304, None, headers)
        return Reply(200, headers, body.encode())

    def health(self, _request, _body):
        return json_reply(200, {'status': 'ok', 'batches': len(self.store.batches)})


ENDPOINTS = (
    ('POST', '/api/v1/metrics/push', Backend.push),
    ('POST', '/api/v1/collectors/register', Backend.register),
    ('POST', '/api/v1/collectors/refresh-token', Backend.refresh_token),
    ('GET', '/api/v1/config/', Backend.config),
    ('GET', '/api/v1/health', Backend.health),
)


# With --enrol: what may be asked for before there is a certificate.
WITHOUT_CERTIFICATE = {'/api/v1/collectors/register', '/api/v1/health'}


class Connection(Http):
    """One connection of a collector; a request is written down before it is answered."""

    def do_GET(self):
        self.entry = self.describe()
        fault = self.server.faults.take(Faults.REQUEST, self.path,
                                         self.headers.get('Idempotency-Key')) or {}
        action, body, reply = fault.get('action'), None, None
        try:
            if fault.get('after') != 'head':
                body = self.read_json()
            if not fault or fault.get('process', action in PROCESSED):
                reply = self.answer(body)
        except Refused as refused:
            reply = json_reply(refused.status, refused.body())
            self.entry['error'] = refused.body()
        if action in REPLY_FAULTS:
            reply = REPLY_FAULTS[action](reply, fault)
        self.server.journal.append(**self.entry, status=reply and reply.status, fault=action,
                                   body=body)
        SENDING_FAULTS.get(action, send_now)(self, reply or NOTHING_DONE, fault)

    do_POST = do_PUT = do_DELETE = do_GET

    def describe(self):
        """What is known of a request before its body; never a secret."""
        sock, headers = self.connection, dict(self.headers.items())
        entry = {'connection': self.number, 'method': self.command, 'path': self.path,
                 'headers': {name: 'present' if name.lower() in SECRET_HEADERS else value
                             for name, value in headers.items()},
                 'bytes': int(self.headers.get('Content-Length', 0)), 'error': None}
        if isinstance(sock, ssl.SSLSocket):
            subject = (sock.getpeercert() or {}).get('subject', ())
            entry |= {'tls': sock.version(), 'resumed': sock.session_reused,
                      'client': ','.join(f'{name}={value}' for (name, value), in subject) or None}
        return entry

    def read_json(self):
        data = self.read()
        if not data:
            return None
        body = wire.decode_body(data, self.headers.get('Content-Encoding'))
        if not isinstance(body, dict):
            raise Refused(400, 'body is not an object')
        return body

    def claims(self):
        """Of the bearer token, once it has been found good."""
        authorization = self.headers.get('Authorization')
        self.entry['claims'] = wire.claimed(authorization)      # true or not, for the journal
        self.entry['claims'] = wire.verify_token(self.server.secret, authorization)
        if self.entry['claims']['jti'] in self.server.revoked:
            raise Refused(401, 'token has been revoked')
        return self.entry['claims']

    def answer(self, body):
        for method, path, endpoint in ENDPOINTS:
            if self.path == path or path.endswith('/') and self.path.startswith(path):
                if self.command != method:
                    raise Refused(405, f'{method} only')
                if self.server.options.enrol and not (
                        path in WITHOUT_CERTIFICATE or self.entry.get('client')):
                    raise Refused(403, 'no client certificate')
                if method == 'POST' and body is None:
                    raise Refused(400, 'no body')
                return endpoint(self.server, self, body)
        raise Refused(404, 'no such endpoint')


# ---- the control port ----

def order_config(backend, order):
    backend.remote_config = order['document']
    backend.config_reply = {key: order[key] for key in ('body', 'headers') if key in order}


def order_registration(backend, order):
    backend.registration |= {key: order[key] for key in backend.registration if key in order}


def order_reset(backend, _order):
    backend.faults.reset()
    order_config(backend, {'document': None})
    backend.renew_tls(certificate='server', version=backend.options.tls_max)
    backend.disconnect()


ORDERS = {
    'behave': lambda backend, order: backend.faults.reset(),
    'reset': order_reset,
    'disconnect': lambda backend, order: backend.disconnect(),
    'certificate': lambda backend, order: backend.renew_tls(certificate=order['name']),
    'tls_max': lambda backend, order: backend.renew_tls(version=order['version']),
    'config': order_config,
    'registration': order_registration,
    'revoke': lambda backend, order: backend.revoked.update(backend.issued),
} | {action: lambda backend, order: backend.faults.add(order)
     for action in Faults.CONNECTION | Faults.REQUEST}

REPORTS = {
    '/control/position': lambda backend: len(backend.journal),
    '/control/requests': lambda backend, **filters: list(backend.journal.requests(**filters)),
    '/control/metrics': lambda backend, **filters: list(backend.journal.metrics(**filters)),
    '/control/store': lambda backend: backend.store.summary(),
}


class ControlPort(Server):
    def __init__(self, address, backend):
        self.backend = backend
        super().__init__(address, Control)


class Control(Http):
    def do_GET(self):
        url = urlsplit(self.path)
        filters = dict(parse_qsl(url.query))
        if 'since' in filters:
            filters['since'] = int(filters['since'])
        self.send(json_reply(200, REPORTS[url.path](self.server.backend, **filters)))

    def do_POST(self):
        order = json.loads(self.read())
        action = ORDERS.get(order.get('action'))
        if action:
            action(self.server.backend, order)
        self.send(json_reply(200 if action else 400, {'known': sorted(ORDERS)}))


# ---- the program ----

def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--dir', required=True, help='state: requests.jsonl, port, control_port')
    parser.add_argument('--certs', required=True, help='what make-certs made')
    parser.add_argument('--schema', help='JSON Schema that batches must match')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=0, help='0: any free one')
    parser.add_argument('--control-port', type=int, default=0, help='plain HTTP on 127.0.0.1')
    parser.add_argument('--ca', help="signs the clients' certificates (CERTS/ca.crt)")
    parser.add_argument('--tls-max', default='1.3', choices=TLS_VERSIONS)
    parser.add_argument('--no-client-cert', action='store_true')
    parser.add_argument('--plain-http', action='store_true')
    parser.add_argument('--enrol', action='store_true',
                        help='no client certificate is needed to register')
    parser.add_argument('--new-ids', action='store_true', help='registration gives a new id')
    parser.add_argument('--issue-certificate', action='store_true', help='at registration')
    return parser.parse_args()


def write_file(path, text):
    """Whoever sees the file sees all of it."""
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)
    os.rename(path + '.new', path)


def read_text(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def main():
    options = arguments()
    os.makedirs(options.dir, exist_ok=True)
    backend = Backend(options)
    control = ControlPort(('127.0.0.1', options.control_port), backend)
    for name, server in (('port', backend), ('control_port', control)):
        write_file(os.path.join(options.dir, name), f'{server.port}\n')
    print(f'listening on {backend.port}\ncontrol on {control.port}', flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    threading.Thread(target=control.serve_forever, daemon=True).start()
    try:
        backend.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
