"""What arrived: every request as a line of JSON on disk, and the metrics of each batch once."""

import json
import os
import threading
from datetime import datetime, timezone


def now():
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def only_named(metric, name):
    """The metric with no other elements in its arrays than those of that name; None: there are none."""
    arrays = {key: [item for item in value if isinstance(item, dict) and item.get('name') == name]
              for key, value in metric.items() if isinstance(value, list)}
    return metric | arrays if any(arrays.values()) else None


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

    def __len__(self):
        return len(self.offsets) - 1

    def entries(self, since=0):
        """The entries from number "since" on."""
        with self.lock:
            offset = self.offsets[min(max(since, 0), len(self))]
            data = os.pread(self.file.fileno(), self.offsets[-1] - offset, offset)
        return map(json.loads, data.splitlines())

    def requests(self, since=0):
        """The same, but of the metrics only type, database and timestamp."""
        for entry in self.entries(since):
            if entry.get('body') and 'metrics' in entry['body']:
                entry['body']['metrics'] = [
                    {key: metric[key] for key in ('type', 'database', 'timestamp') if key in metric}
                    for metric in entry['body']['metrics']]
            yield entry

    def metrics(self, since=0, collector=None, type=None, database=None, name=None):
        """What was stored of a collector, type and database; with a name only what is called so."""
        batches = (entry['body'] for entry in self.entries(since) if entry.get('stored'))
        for body in batches:
            if collector not in (None, body['collector_id']):
                continue
            for metric in body['metrics']:
                if type in (None, metric['type']) and database in (None, metric.get('database')):
                    metric = metric if name is None else only_named(metric, name)
                    if metric:
                        yield metric


class Store:
    """The metrics by type and database; a batch that comes again changes nothing."""

    def __init__(self, journal):
        self.lock = threading.Lock()
        self.batches = set()
        self.received = {}
        for entry in journal.entries():
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
                entry = self.received.setdefault(key, {'count': 0, 'newest': ''})
                entry['count'] += 1
                entry['newest'] = max(entry['newest'], metric['timestamp'])
            return True

    def summary(self):
        with self.lock:
            kinds = sorted(self.received.items(), key=lambda item: (item[0][0], item[0][1] or ''))
            return {'batches': len(self.batches),
                    'metrics': [{'type': kind, 'database': database} | entry
                                for (kind, database), entry in kinds]}
