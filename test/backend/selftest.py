#!/usr/bin/python3
"""Tests the test backend: what it must accept, what it must refuse, and each of its faults."""

import contextlib
import gzip
import http.client
import itertools
import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import samples
import wire

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, '../../docs/schema/metrics.schema.json')
ID = 'a0c2b3de-0000-5000-8000-000000000001'
sequences = itertools.count(1)


class Backend:
    """A running backend and a collector's way to speak to it."""

    def __init__(self, *options):
        self.handshakes_seen = 0
        self.scratch = tempfile.TemporaryDirectory()
        self.certs = os.path.join(self.scratch.name, 'certs')
        subprocess.run([os.path.join(HERE, 'make-certs'), self.certs], check=True)
        self.start(*options)

    def start(self, *options):
        self.state = os.path.join(self.scratch.name, 'state')
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, 'backend.py'), '--dir', self.state,
             '--certs', self.certs, *options], stdout=subprocess.PIPE, text=True)
        self.port, self.control_port = (int(self.process.stdout.readline().split()[2])
                                        for _ in range(2))
        self.secret = wire.read_secret(os.path.join(self.certs, 'jwt.secret'))

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def cleanup(self):
        self.stop()
        self.scratch.cleanup()

    def connect(self, client='client', version=ssl.TLSVersion.TLSv1_3, host='localhost'):
        context = ssl.create_default_context(cafile=os.path.join(self.certs, 'ca.crt'))
        context.minimum_version = context.maximum_version = version
        if client:
            context.load_cert_chain(os.path.join(self.certs, client + '.crt'),
                                    os.path.join(self.certs, 'client.key'))
        return http.client.HTTPSConnection(host, self.port, context=context, timeout=60)

    def request(self, method, path, body=None, connection=None, **headers):
        """(status, reply) of one request; reply is JSON where it can be."""
        own = connection or self.connect()
        headers = {name.replace('_', '-'): value for name, value in headers.items() if value}
        try:
            own.request(method, path, body, headers)
            reply = own.getresponse()
            data = reply.read()
        finally:
            if not connection:
                own.close()
        try:
            return reply.status, json.loads(data)
        except ValueError:
            return reply.status, data

    def bearer(self, secret=None, header=None, **claims):
        claims = wire.new_claims(ID, 'db.example') | claims
        return 'Bearer ' + wire.sign_token(secret or self.secret, claims, header)

    def push(self, body=None, token=None, key=None, encoding='gzip', **more):
        body = body or batch()
        data = body
        if not isinstance(body, bytes):
            data = json.dumps(body).encode()
            data = gzip.compress(data) if encoding == 'gzip' else data
        key = key or (body['batch_id'] if isinstance(body, dict) else 'x/1')
        return self.request('POST', '/api/v1/metrics/push', data, Content_Encoding=encoding,
                            Authorization=token or self.bearer(), Idempotency_Key=key, **more)

    def control(self, report='', **order):
        url = f'http://127.0.0.1:{self.control_port}/control{report}'
        data = json.dumps(order).encode() if order else None
        with urllib.request.urlopen(url, data) as reply:
            return json.load(reply)

    def requests(self):
        return self.control('/requests')

    def failed_handshake(self):
        """OpenSSL's reason for the next one; the client may know before the backend."""
        since = self.handshakes_seen
        while True:
            failures = [line for line in self.requests() if line.get('event') == 'handshake_failed']
            if len(failures) > since:
                self.handshakes_seen = len(failures)
                return failures[since]['error'].lower()


def batch(**changes):
    sequence = next(sequences)
    body = {'collector_id': ID, 'hostname': 'db.example', 'timestamp': '2026-02-20T10:30:00.000000Z',
            'version': '3.0.0', 'batch_id': f'{ID}/{sequence}', 'system_identifier': '7331',
            'server_version': '15.20', 'in_recovery': False, 'dropped_batches': 0,
            'collection_errors': [], 'metrics_count': 1,
            'metrics': [{'type': 'sysstat', 'timestamp': '2026-02-20T10:30:00.000000Z'}]}
    return body | changes


class BackendTest(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.backend = Backend(*cls.options)
        cls.addClassCleanup(cls.backend.cleanup)

    def setUp(self):
        self.backend.control(action='reset')

    def assertRefused(self, answer, status, message):
        self.assertEqual(answer[0], status, answer)
        self.assertIn(message, json.dumps(answer[1]))


class Push(BackendTest):
    def test_arrives_once(self):
        body = batch()
        self.assertEqual(self.backend.push(body)[1]['metrics_inserted'], 1)
        self.assertEqual(self.backend.push(body)[1]['metrics_inserted'], 0)
        with open(os.path.join(self.backend.state, 'requests.jsonl'), encoding='utf-8') as file:
            first, second = (json.loads(line) for line in file.readlines()[-2:])
        self.assertEqual((first['stored'], second['stored']), (True, False))
        self.assertEqual(first['body'], body)
        self.assertEqual(first['tls'], 'TLSv1.3')
        self.assertEqual(first['client'], 'commonName=pganalytics-collector')
        self.assertEqual(first['claims']['collector_id'], ID)
        self.assertEqual(first['headers']['Authorization'], 'present')

    def test_is_counted_by_type_and_database(self):
        metrics = [{'type': 'pg_stats', 'database': 'counted', 'timestamp': f'2026-02-2{day}T00:00:00Z'}
                   for day in (1, 3, 2)]
        self.backend.push(batch(metrics=metrics, metrics_count=3))
        counted = [line for line in self.backend.control('/store')['metrics']
                   if line['database'] == 'counted']
        self.assertEqual(counted, [{'type': 'pg_stats', 'database': 'counted', 'count': 3,
                                    'newest': '2026-02-23T00:00:00Z'}])
        self.assertEqual(self.backend.control('/metrics?type=pg_stats&database=counted'), metrics)

    def test_is_found_by_name(self):
        since = self.backend.control('/position')
        tables = [{'name': name} for name in 'abc']
        metric = {'type': 'pg_stats', 'timestamp': '2026-02-20T00:00:00Z', 'tables': tables}
        self.backend.push(batch(metrics=[metric, batch()['metrics'][0]], metrics_count=2))
        self.assertEqual(self.backend.control(f'/metrics?since={since}&name=b'),
                         [metric | {'tables': [{'name': 'b'}]}])
        self.assertEqual(self.backend.control(f'/metrics?since={since}&name=d'), [])

    def test_plain_json_is_accepted(self):
        self.assertEqual(self.backend.push(encoding=None)[0], 200)

    def test_connections_are_kept_and_numbered(self):
        connection = self.backend.connect()
        for _ in range(3):
            self.backend.push(connection=connection)
        connection.close()
        self.backend.push()
        numbers = [line['connection'] for line in self.backend.requests()[-4:]]
        self.assertEqual(len(set(numbers[:3])), 1)
        self.assertNotEqual(numbers[2], numbers[3])

    def test_survives_a_restart(self):
        body = batch()
        self.backend.push(body)
        self.backend.stop()
        self.backend.start(*self.options)
        self.assertEqual(self.backend.push(body)[1]['metrics_inserted'], 0)


class Refusals(BackendTest):
    def test_tokens(self):
        now = int(time.time())
        bearer = self.backend.bearer
        for message, token in {
                'bad signature': bearer(secret=b'x' * 32),
                'wrong header': bearer(header={'alg': 'none', 'typ': 'JWT'}),
                'expired': bearer(exp=now - 1),
                'not valid yet': bearer(nbf=now + 60, iat=now + 61),
                'issued in the future': bearer(iat=now + 60),
                'iss is not': bearer(iss='someone'),
                'sub does not name': bearer(sub='collector:other'),
                'type is not': bearer(type='refresh'),
                'hostname is empty': bearer(hostname=''),
                'jti is shorter': bearer(jti='1'),
                'claim exp': bearer(exp='soon'),
                'not a JWT': 'Bearer nonsense',
                'padded': bearer() + '=',
                'no bearer token': 'Basic eDp4'}.items():
            with self.subTest(message):
                self.assertRefused(self.backend.push(token=token), 401, message)

    def test_identities(self):
        other = ID.replace('1', '2')
        for status, message, push in (
                (403, 'token is for another', {'token': self.backend.bearer(
                    collector_id=other, sub=f'collector:{other}')}),
                (400, 'Idempotency-Key', {'key': f'{ID}/0'}),
                (400, 'does not begin with', {'body': batch(batch_id=f'{other}/1')}),
                (400, 'sequence', {'body': batch(batch_id=f'{ID}/one')}),
                (400, 'metrics_count', {'body': batch(metrics_count=2)})):
            with self.subTest(message):
                self.assertRefused(self.backend.push(**push), status, message)

    def test_bodies(self):
        whole = gzip.compress(json.dumps(batch()).encode())
        for status, message, body, encoding in (
                (400, 'not gzip', b'{}', 'gzip'),
                (400, 'not JSON', b'nonsense', None),
                (400, 'not an object', b'[]', None),
                (400, 'not an envelope', b'{}', None),
                (400, 'one complete', whole[:-4], 'gzip'),
                (400, 'one complete', whole + whole, 'gzip'),
                (415, 'encoding', b'{}', 'br')):
            with self.subTest(message):
                self.assertRefused(self.backend.push(body, encoding=encoding), status, message)

    def test_clients(self):
        for client, version, reason in (
                (None, ssl.TLSVersion.TLSv1_3, 'did not return a certificate'),
                ('client-other-ca', ssl.TLSVersion.TLSv1_3, 'verify failed'),
                ('client-expired', ssl.TLSVersion.TLSv1_3, 'verify failed'),
                ('client', ssl.TLSVersion.TLSv1_2, 'unsupported protocol')):
            with self.subTest(reason):
                connection = self.backend.connect(client, version)
                with self.assertRaises((OSError, http.client.HTTPException)):
                    self.backend.request('GET', '/api/v1/health', connection=connection)
                connection.close()
                self.assertIn(reason, self.backend.failed_handshake())

    def test_paths(self):
        self.assertEqual(self.backend.request('GET', '/')[0], 404)
        self.assertEqual(self.backend.request('GET', '/api/v1/metrics/push')[0], 405)
        self.assertEqual(self.backend.request('POST', '/api/v1/metrics/push')[0], 400)


class Endpoints(BackendTest):
    def register(self, **headers):
        request = {'name': 'db', 'hostname': 'db', 'version': '3.0.0', 'system_identifier': '7'}
        return self.backend.request('POST', '/api/v1/collectors/register', json.dumps(request),
                                    **headers)

    def test_registration_and_renewal(self):
        secret = wire.read_secret(os.path.join(self.backend.certs, 'registration.secret'))
        self.assertEqual(self.register(X_Registration_Secret='guess')[0], 401)
        status, reply = self.register(X_Registration_Secret=secret.decode())
        self.assertEqual(status, 201)
        token = 'Bearer ' + reply['token']
        status, renewed = self.backend.request('POST', '/api/v1/collectors/refresh-token', '{}',
                                               Authorization=token)
        self.assertEqual(status, 200)
        claims = wire.verify_token(self.backend.secret, 'Bearer ' + renewed['token'])
        self.assertEqual(claims['collector_id'], reply['collector_id'])
        self.assertNotIn(secret.decode(), json.dumps(self.backend.requests()))

    def test_configuration(self):
        path, token = f'/api/v1/config/{ID}', self.backend.bearer()
        document = {'version': 7, 'intervals': {'sysstat': 60}}
        self.assertEqual(self.backend.request('GET', path, Authorization=token)[0], 404)
        self.backend.control(action='config', document=document)
        self.assertEqual(self.backend.request('GET', path, Authorization=token), (200, document))
        self.assertEqual(self.backend.request('GET', path, Authorization=token,
                                              If_None_Match='"7"')[0], 304)
        self.assertEqual(self.backend.request('GET', path + 'x', Authorization=token)[0], 403)
        self.assertEqual(self.backend.push()[1]['next_config_version'], 7)

    def test_health(self):
        self.assertEqual(self.backend.request('GET', '/api/v1/health')[1]['status'], 'ok')


class Faults(BackendTest):
    def push_after(self, **order):
        self.backend.control(**order)
        return self.backend.push()

    def test_replies(self):
        for status in (200, 204, 301, 401, 403, 408, 413, 415, 425, 429, 500, 503):
            with self.subTest(status):
                self.assertEqual(self.push_after(action='status', status=status)[0], status)
        self.assertIn(b'<html>', self.push_after(action='html')[1])
        self.assertEqual(self.push_after(action='redirect', location='https://localhost/')[0], 307)
        self.assertEqual(len(self.push_after(action='huge_body', size=1 << 20)[1]['filler']), 1 << 20)
        with self.assertRaises(http.client.HTTPException):
            self.push_after(action='huge_header')

    def test_broken_connections(self):
        for order in ({'action': 'refuse'}, {'action': 'no_tls'}, {'action': 'garbage'},
                      *({'action': 'cut', 'after': after}
                        for after in ('head', 'request', 'body'))):
            with self.subTest(**order), self.assertRaises((OSError, http.client.HTTPException)):
                self.push_after(**order)
        self.assertEqual(self.push_after(action='cut', after='headers'), (200, b''))
        with self.assertRaises(ConnectionResetError):
            self.push_after(reset=True, action='refuse')
        with contextlib.suppress(ConnectionResetError):     # or an end, depending on Python's timing
            self.assertEqual(self.push_after(reset=True, action='cut', after='headers'), (200, b''))
        self.assertEqual(self.push_after(action='cut', after='reply')[0], 200)
        self.assertEqual(self.backend.push()[0], 200)

    def test_it_behaves_again(self):
        self.backend.control(action='status', status=503, times=None)
        self.backend.control(action='behave')
        self.assertEqual(self.backend.push()[0], 200)

    def test_another_fault_instead(self):
        self.backend.control(action='status', status=503, times=None)
        self.backend.control(action='status', status=413, instead=True)
        self.assertEqual([self.backend.push()[0] for _ in range(2)], [413, 200])

    def test_silence(self):
        for action in 'silence', 'no_handshake':
            self.backend.control(action=action)
            connection = self.backend.connect()
            connection.timeout = 0.3
            with self.subTest(action), self.assertRaises(TimeoutError):
                self.backend.push(connection=connection)
            connection.close()

    def test_slowness(self):
        for order in {'action': 'delay', 'seconds': 0.3}, {'action': 'drip', 'seconds': 0.001}:
            with self.subTest(**order):
                started = time.monotonic()
                self.assertEqual(self.push_after(**order)[1]['metrics_inserted'], 1)
                self.assertGreater(time.monotonic() - started, 0.2)

    def test_only_the_reply_is_lost(self):
        body = batch()
        self.backend.control(action='cut', after='request', process=True)
        with self.assertRaises(http.client.HTTPException):
            self.backend.push(body)
        self.assertTrue(self.backend.requests()[-1]['stored'])
        self.assertEqual(self.backend.push(body)[1]['metrics_inserted'], 0)

    def test_times_and_paths(self):
        self.backend.control(action='status', status=500, times=2, path='/api/v1/metrics')
        self.assertEqual(self.backend.request('GET', '/api/v1/health')[0], 200)
        self.assertEqual([self.backend.push()[0] for _ in range(3)], [500, 500, 200])
        self.backend.control(action='status', status=500, times=None)
        self.assertEqual([self.backend.push()[0] for _ in range(3)], [500, 500, 500])
        self.backend.control(action='reset')
        self.assertEqual(self.backend.push()[0], 200)

    def test_certificates(self):
        for name, reason in {'other-ca': 'issuer', 'self-signed': 'self-signed',
                             'expired': 'expired', 'other-host': 'mismatch'}.items():
            self.backend.control(action='certificate', name=name)
            with self.subTest(name), self.assertRaises(ssl.SSLCertVerificationError) as caught:
                self.backend.push()
            self.assertIn(reason, str(caught.exception))

    def test_tls_version(self):
        self.backend.control(action='tls_max', version='1.2')
        connection = self.backend.connect(version=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(self.backend.push(connection=connection)[0], 200)
        connection.close()
        with self.assertRaises(ssl.SSLError):
            self.backend.push()


class Schema(BackendTest):
    """The schema that is shipped says no to every field that is not as declared."""

    options = ('--schema', SCHEMA)

    def setUp(self):
        super().setUp()
        self.check = wire.EnvelopeCheck(SCHEMA)

    def whole(self):
        """A batch with every field; consistent where the schema cannot say it."""
        body = samples.sample(self.check.schema)
        return body | {'collector_id': ID, 'batch_id': f'{ID}/{next(sequences)}',
                       'metrics_count': len(body['metrics'])}

    def test_every_type_is_declared(self):
        types = {metric['type'] for metric in self.whole()['metrics']}
        self.assertLessEqual({'pg_stats', 'sysstat', 'disk_usage', 'pg_log'}, types)

    def test_a_whole_batch_is_accepted(self):
        self.assertEqual(self.backend.push(self.whole())[0], 200)

    def test_every_mutation_is_refused(self):
        number = 0
        for what, body in samples.mutations(self.check.schema, self.whole()):
            number += 1
            with self.subTest(what), self.assertRaises(wire.Refused):
                self.check(body)
        self.assertGreater(number, 500)

    def test_a_mutation_is_refused_by_the_backend(self):
        body = self.whole()
        body['metrics'][0]['surprise'] = 1
        self.assertRefused(self.backend.push(body), 400, 'does not match the schema')
        self.assertFalse(self.backend.requests()[-1].get('stored'))


class Plain(BackendTest):
    options = ('--plain-http',)

    def test_push(self):
        connection = http.client.HTTPConnection('127.0.0.1', self.backend.port, timeout=60)
        self.assertEqual(self.backend.push(connection=connection)[0], 200)
        connection.close()


if __name__ == '__main__':
    unittest.main(verbosity=2)
