"""Batch files of the spool, made without a server: see src/spool/format.c."""

import gzip
import json
import os
import random
import struct

HEADER = struct.Struct('<IIHHIQQQqQ56x')
MAGIC = 0x42414750
VERSION = 2
SEALED = 1


def crc_table():
    table = []
    for number in range(256):
        for _ in range(8):
            number = (number >> 1) ^ (0x82f63b78 if number & 1 else 0)
        table.append(number)
    return table


TABLE = crc_table()


def crc32c(*parts):
    crc = 0xffffffff
    for part in parts:
        for byte in part:
            crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >> 8)
    return crc ^ 0xffffffff


def body(collector_id, sequence, size):
    """The lines of a batch with one metric, about that large when compressed."""
    filler = random.Random(sequence).randbytes(size // 2).hex()
    head = {'collector_id': collector_id, 'hostname': 'bench', 'version': '3.0.0'}
    return (f'{{"batch_id":"{collector_id}/{sequence}",\n'
            f'{json.dumps(head)[1:-1]},"metrics":[\n'
            f'{{"type":"sysstat","filler":"{filler}"}}\n'
            f'],"collection_errors":[],\n'
            f'"timestamp":"2026-01-01T00:00:00.000000Z","dropped_batches":0,"metrics_count":1}}\n'
            ).encode()


def write_sealed(folder, collector_id, sequence, size):
    """One sealed batch of about that size; returns the path."""
    raw = body(collector_id, sequence, size * 2)
    sealed = gzip.compress(raw, 1, mtime=0)

    def header(crc):
        return HEADER.pack(MAGIC, crc, VERSION, HEADER.size, SEALED, len(sealed), len(raw),
                           sequence, sequence, 0)

    path = os.path.join(folder, f'{sequence:020d}.batch')
    with open(path, 'wb') as file:
        file.write(header(crc32c(sealed, header(0)[8:])) + sealed)
    os.chmod(path, 0o600)
    return path
