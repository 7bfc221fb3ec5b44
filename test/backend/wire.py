"""What a backend demands of a request: its token, its encoding and its envelope (docs/api.md)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
import zlib

import jsonschema

MAX_BODY = 256 * 1024 * 1024
HEADER = {'alg': 'HS256', 'typ': 'JWT'}
CLAIMS = {'iss': str, 'sub': str, 'collector_id': str, 'hostname': str, 'type': str,
          'iat': int, 'nbf': int, 'exp': int, 'jti': str}


class Refused(Exception):
    """A request that gets an error as its answer."""

    def __init__(self, status, message, details=None):
        super().__init__(message)
        self.status, self.message, self.details = status, message, details

    def body(self):
        error = {'code': self.status, 'message': self.message}
        return error | ({'details': self.details} if self.details else {})


# ---- tokens ----

def read_secret(path):
    """The content of a file, without one trailing newline."""
    with open(path, 'rb') as file:
        return file.read().removesuffix(b'\n')


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def unbase64url(text):
    if '=' in text:
        raise ValueError('padded')
    return base64.b64decode(text + '=' * (-len(text) % 4), altchars=b'-_', validate=True)


def signature(secret, signed):
    return hmac.new(secret, signed.encode(), hashlib.sha256).digest()


def new_claims(collector_id, hostname, lifetime=900):
    now = int(time.time())
    return {'iss': 'pganalytics-collector', 'sub': f'collector:{collector_id}',
            'collector_id': collector_id, 'hostname': hostname, 'type': 'access',
            'iat': now, 'nbf': now - 30, 'exp': now + lifetime, 'jti': secrets.token_hex(16)}


def sign_token(secret, claims, header=None):
    signed = '.'.join(base64url(json.dumps(part).encode()) for part in (header or HEADER, claims))
    return f'{signed}.{base64url(signature(secret, signed))}'


def verify_token(secret, authorization):
    """The claims of a bearer token; Refused with 401 when anything about it is wrong."""
    scheme, _, token = (authorization or '').partition(' ')
    if scheme != 'Bearer':
        raise Refused(401, 'no bearer token')
    try:
        header, claims, signed_by = (unbase64url(part) for part in token.split('.'))
        header, claims = json.loads(header), json.loads(claims)
    except ValueError as error:
        raise Refused(401, 'token is not a JWT', str(error)) from error
    if header != HEADER:
        raise Refused(401, 'token has the wrong header', str(header))
    if not hmac.compare_digest(signature(secret, token.rpartition('.')[0]), signed_by):
        raise Refused(401, 'token has a bad signature')
    check_claims(claims, time.time())
    return claims


def claimed(authorization):
    """What a token says, whoever signed it; None where that cannot be read."""
    try:
        return json.loads(unbase64url((authorization or '').split('.')[1]))
    except (ValueError, IndexError):
        return None


def check_claims(claims, now):
    for name, kind in CLAIMS.items():
        if type(claims.get(name)) is not kind:
            raise Refused(401, f'claim {name} is missing or of the wrong type')
    rules = {
        'iss is not pganalytics-collector': claims['iss'] == 'pganalytics-collector',
        'sub does not name the collector': claims['sub'] == f"collector:{claims['collector_id']}",
        'type is not access': claims['type'] == 'access',
        'hostname is empty': claims['hostname'] != '',
        'jti is shorter than 128 bits': len(claims['jti']) >= 22,
        'token is not valid yet': claims['nbf'] <= now,
        'token was issued in the future': claims['iat'] <= now,
        'nbf is not before iat': claims['nbf'] <= claims['iat'],
        'token has expired': claims['exp'] > now,
    }
    for message, holds in rules.items():
        if not holds:
            raise Refused(401, message)


# ---- bodies ----

def decode_body(data, encoding):
    """The JSON of a request; gzip is inflated, but never beyond MAX_BODY."""
    if encoding == 'gzip':
        data = inflate(data)
    elif encoding not in (None, 'identity'):
        raise Refused(415, f'unknown content encoding {encoding}')
    try:
        return json.loads(data)
    except ValueError as error:
        raise Refused(400, 'body is not JSON', str(error)) from error


def inflate(data):
    stream = zlib.decompressobj(wbits=31)
    try:
        body = stream.decompress(data, MAX_BODY)
    except zlib.error as error:
        raise Refused(400, 'body is not gzip', str(error)) from error
    if stream.unconsumed_tail:
        raise Refused(413, 'body is too large')
    if not stream.eof or stream.unused_data:
        raise Refused(400, 'body is not one complete gzip member')
    return body


class EnvelopeCheck:
    """Checks a batch against the JSON Schema, and against what a schema cannot say."""

    def __init__(self, schema_path=None):
        self.schema = None
        self.validator = None
        if schema_path:
            with open(schema_path, encoding='utf-8') as file:
                self.schema = json.load(file)
            kind = jsonschema.validators.validator_for(self.schema)
            kind.check_schema(self.schema)
            self.validator = kind(self.schema)

    def __call__(self, body):
        if self.validator:
            worst = jsonschema.exceptions.best_match(self.validator.iter_errors(body))
            if worst:
                raise Refused(400, 'body does not match the schema',
                              f'{worst.json_path}: {worst.message[:500]}')
        try:
            id_of_batch, _, sequence = body['batch_id'].rpartition('/')
            rules = {
                'metrics_count is not the number of metrics':
                    body['metrics_count'] == len(body['metrics']),
                'batch_id does not begin with collector_id': id_of_batch == body['collector_id'],
                'batch_id does not end in a sequence number':
                    sequence.isascii() and sequence.isdigit(),
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise Refused(400, 'body is not an envelope', repr(error)) from error
        for message, holds in rules.items():
            if not holds:
                raise Refused(400, message)


def check_identity(body, claims, idempotency_key, known_as=()):
    """The batch, its key and the token must speak of the same collector."""
    if body['collector_id'] not in (claims['collector_id'], *known_as):
        raise Refused(403, 'token is for another collector')
    if idempotency_key != body['batch_id']:
        raise Refused(400, 'Idempotency-Key is not batch_id')
