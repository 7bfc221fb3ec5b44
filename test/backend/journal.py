"""What arrived: every request as a line of JSON on disk, and the metrics of each batch once."""

import json
import os
import threading
from datetime import datetime, timezone


def now():
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


class Journal:
    """requests.jsonl in the state directory; survives a restart of the backend."""

    def __init__(self, directory):
        self.lock = threading.Lock()
        self.file = open(os.path.join(directory, 'requests.jsonl'), 'a+b')
        self.file.seek(0)
        self.offsets = [0]
        for line in self.file:
            self.offsets.append(self.offsets[-1] + len(line))

    def append(self, **entry):
        with self.lock:
            line = json.dumps({'n': len(self.offsets) - 1, 'received': now()} | entry)
            data = line.encode() + b'\n'
            self.file.write(data)
            self.file.flush()
            self.offsets.append(self.offsets[-1] + len(data))

    def lines(self, since=0):
        """The lines from number "since" on, as bytes that end in newlines."""
        with self.lock:
            first = self.offsets[max(0, min(since, len(self.offsets) - 1))]
            return os.pread(self.file.fileno(), self.offsets[-1] - first, first)


class Store:
    """The metrics by type and database; a batch that comes again changes nothing."""

    def __init__(self, journal):
        self.lock = threading.Lock()
        self.batches = set()
        self.received = {}
        for line in journal.lines().splitlines():
            entry = json.loads(line)
            if entry.get('stored'):
                self.add(entry['body'])

    def add(self, body):
        """True when the batch is new."""
        with self.lock:
            if body['batch_id'] in self.batches:
                return False
            self.batches.add(body['batch_id'])
            for metric in body['metrics']:
                key = metric['type'], metric.get('database')
                entry = self.received.setdefault(key, {'count': 0, 'newest': '', 'latest': None})
                entry['count'] += 1
                if metric['timestamp'] >= entry['newest']:
                    entry |= {'newest': metric['timestamp'], 'latest': metric}
            return True

    def summary(self):
        with self.lock:
            kinds = sorted(self.received.items(), key=lambda item: (item[0][0], item[0][1] or ''))
            return {'batches': len(self.batches),
                    'metrics': [{'type': kind, 'database': database,
                                 'count': entry['count'], 'newest': entry['newest']}
                                for (kind, database), entry in kinds]}

    def latest(self, kind, database=None):
        with self.lock:
            return self.received.get((kind, database), {}).get('latest')
