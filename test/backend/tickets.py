"""A peer that completes the handshake of TLS 1.3 and then sends session tickets, as fast as it can and
for ever.  No TLS library lets a server do that, so the records are made here, with the keys of the connection."""

import ctypes
import ctypes.util
import hashlib
import hmac
import os
import ssl
import struct
import tempfile

# a ticket of one byte, "x", good for an hour; and as many of them as a record holds
TICKET = b'\x04\x00\x00\x0e' + struct.pack('!IIBHcH', 3600, 0, 0, 1, b'x', 0)
HANDSHAKE = b'\x16'                 # the type of what is in the record
CONTENT = TICKET * (16000 // len(TICKET)) + HANDSHAKE
TAG_SIZE = 16
GET_TAG = 16                        # EVP_CTRL_AEAD_GET_TAG

crypto = ctypes.CDLL(ctypes.util.find_library('crypto'))
for name in ('EVP_CIPHER_CTX_new', 'EVP_aes_128_gcm', 'EVP_aes_256_gcm'):
    getattr(crypto, name).restype = ctypes.c_void_p


class Sealer:
    """Makes the records of one direction of a connection, from the first one on."""

    def __init__(self, secret, cipher):
        self.digest = hashlib.sha384 if cipher.endswith('SHA384') else hashlib.sha256
        self.cipher = crypto.EVP_aes_256_gcm() if '_256_GCM' in cipher else crypto.EVP_aes_128_gcm()
        self.key = self.expand(secret, b'key', 32 if '_256_GCM' in cipher else 16)
        self.iv = self.expand(secret, b'iv', 12)
        self.context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
        self.number = 0

    def expand(self, secret, label, size):
        """HKDF-Expand-Label of RFC 8446, 7.1, with an empty context."""
        label = b'tls13 ' + label
        info = struct.pack('!HB', size, len(label)) + label + b'\0'
        return hmac.new(secret, info + b'\1', self.digest).digest()[:size]

    def record(self, content):
        head = b'\x17\x03\x03' + struct.pack('!H', len(content) + TAG_SIZE)
        nonce = bytes(a ^ b for a, b in zip(self.iv, self.number.to_bytes(12, 'big')))
        sealed, tag = (ctypes.create_string_buffer(size) for size in (len(content), TAG_SIZE))
        size = ctypes.c_int()
        crypto.EVP_EncryptInit_ex(self.context, ctypes.c_void_p(self.cipher), None, self.key, nonce)
        crypto.EVP_EncryptUpdate(self.context, None, ctypes.byref(size), head, len(head))
        crypto.EVP_EncryptUpdate(self.context, sealed, ctypes.byref(size), content, len(content))
        crypto.EVP_EncryptFinal_ex(self.context, tag, ctypes.byref(size))
        crypto.EVP_CIPHER_CTX_ctrl(self.context, GET_TAG, TAG_SIZE, tag)
        self.number += 1
        return head + sealed.raw + tag.raw


def traffic_secret(path):
    """The server's, of the one connection that the file is about."""
    with open(path, encoding='ascii') as lines:
        return next(bytes.fromhex(line.split()[2]) for line in lines
                    if line.startswith('SERVER_TRAFFIC_SECRET_0'))


def connection_tickets(sock, fault):
    certs = fault['certs']
    with tempfile.TemporaryDirectory() as directory:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f'{certs}/server.crt', f'{certs}/server.key')
        context.num_tickets = 0     # the first record is ours
        context.keylog_filename = os.path.join(directory, 'keys')
        with context.wrap_socket(sock.dup(), server_side=True) as tls:
            tls.recv(1)             # the request has begun
            sealer = Sealer(traffic_secret(context.keylog_filename), tls.cipher()[0])
            while True:
                sock.sendall(sealer.record(CONTENT))
