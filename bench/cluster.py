"""A throw-away PostgreSQL server with pganalytics that pushes to a test backend.

    with Cluster({'pganalytics.interval': '1h'}) as cluster:
        cluster.psql('SELECT 1')

Both are stopped and their files removed whatever happens. PostgreSQL does not run as root: root
starts it as the user "postgres".
"""

import getpass
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER_USER = 'postgres' if os.geteuid() == 0 else getpass.getuser()
PORT = 5432                 # names the socket only: the server listens nowhere else
DATABASE = 'postgres'
PATIENCE_S = 180

# Nothing else starts while something is measured.
SETTINGS = {
    'listen_addresses': '',
    'port': PORT,
    'shared_preload_libraries': 'pganalytics',
    'logging_collector': 'on',
    'autovacuum': 'off',
    'max_wal_size': '8GB',
    'checkpoint_timeout': '1d',
    'synchronous_commit': 'off',
    'pganalytics.database': DATABASE,
    'pganalytics.spool_min_free': '0',
}


def wait_until(what, condition, seconds=PATIENCE_S, pause=0.02):
    """The first true value of condition()."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f'waited {seconds} s for this in vain: {what}')
        time.sleep(pause)
    return value


class Backend:
    """The test backend (test/backend) on a free port."""

    def __init__(self, directory):
        self.directory = directory
        self.certs = directory / 'certs'
        self.process = None

    def start(self):
        programs = ROOT / 'test' / 'backend'
        subprocess.run([programs / 'make-certs', self.certs], check=True)
        if os.geteuid() == 0:       # a key belongs to who uses it, and the backend is root
            shutil.chown(self.certs, SERVER_USER)
            for file in self.certs.iterdir():
                shutil.chown(file, SERVER_USER)
        with open(self.directory / 'output', 'wb') as output:
            self.process = subprocess.Popen(
                [programs / 'backend.py', '--certs', self.certs, '--dir', self.directory],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        wait_until('the backend listens', self.has_started)
        self.port, self.control_port = (int((self.directory / name).read_text())
                                        for name in ('port', 'control_port'))

    def has_started(self):
        if self.process.poll() is not None:
            raise RuntimeError('the backend: ' + (self.directory / 'output').read_text())
        return (self.directory / 'control_port').exists()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def order(self, **order):
        """Has it misbehave: see its README.md."""
        urllib.request.urlopen(f'http://127.0.0.1:{self.control_port}/control',
                               json.dumps(order).encode()).close()

    def settings(self):
        return {
            'pganalytics.backend_url': f'https://localhost:{self.port}',
            'pganalytics.tls_ca_file': self.certs / 'ca.crt',
            'pganalytics.tls_cert_file': self.certs / 'client.crt',
            'pganalytics.tls_key_file': self.certs / 'client.key',
            'pganalytics.jwt_secret_file': self.certs / 'jwt.secret',
        }

    def batches(self):
        """(bytes on the wire, envelope) of each batch that was stored."""
        with open(self.directory / 'requests.jsonl', encoding='utf-8') as file:
            for entry in map(json.loads, file):
                if entry.get('stored'):
                    yield entry['bytes'], entry['body']


class Session:
    """A psql that stays connected."""

    MARK = '-- done --'

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def run(self, sql):
        self.process.stdin.write(f'{sql};\n\\echo {self.MARK}\n')
        self.process.stdin.flush()
        lines = []
        for line in self.process.stdout:
            if line.rstrip() == self.MARK:
                return ''.join(lines).rstrip('\n')
            lines.append(line)
        raise RuntimeError(f'{sql}: {self.process.stderr.read()}')

    def close(self):
        self.process.communicate()


class Cluster:
    def __init__(self, settings):
        self.extra = settings
        os.environ.setdefault('PGCTLTIMEOUT', '300')
        self.bindir = pathlib.Path(subprocess.check_output(
            [os.environ.get('PG_CONFIG', 'pg_config'), '--bindir'], text=True).strip())

    # ---- life ----

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='pganalytics-bench.'))
        self.directory.chmod(0o755)
        self.data = self.directory / 'server' / 'data'
        for name in 'server', 'backend':
            (self.directory / name).mkdir()
        shutil.chown(self.directory / 'server', SERVER_USER)
        self.backend = Backend(self.directory / 'backend')
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if (self.data / 'postmaster.pid').exists():
                self.stop('immediate')
        finally:
            self.backend.stop()
            shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        self.backend.start()
        self.run('initdb', '--no-sync', '--auth=trust', '--username=postgres', '--encoding=UTF8',
                 '--locale=C', self.data)
        self.configure({'unix_socket_directories': self.directory / 'server'} | SETTINGS
                       | self.backend.settings() | self.extra)
        self.start_server()
        self.psql('CREATE EXTENSION pganalytics')

    def start_server(self):
        self.run('pg_ctl', '-D', self.data, '-l', self.directory / 'server' / 'log', 'start')
        self.postmaster = int((self.data / 'postmaster.pid').read_text().split()[0])

    def stop(self, mode):
        self.run('pg_ctl', '-D', self.data, '-m', mode, 'stop')

    def restart(self, settings):
        """Starts anew with other settings."""
        self.stop('fast')
        self.configure(settings)
        self.start_server()

    def configure(self, settings):
        with open(self.data / 'postgresql.conf', 'a', encoding='utf-8') as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def run(self, program, *arguments):
        as_user = ({'user': SERVER_USER, 'group': SERVER_USER, 'extra_groups': []}
                   if os.geteuid() == 0 else {})
        done = subprocess.run([self.bindir / program, *arguments], cwd='/', check=False, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, **as_user)
        if done.returncode != 0:
            raise RuntimeError(f'{program}: {done.stdout}')
        return done.stdout

    # ---- SQL ----

    def psql_command(self, *options):
        return [self.bindir / 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres',
                '-h', self.directory / 'server', '-p', str(PORT), '-d', DATABASE, *options]

    def psql(self, sql, *options):
        done = subprocess.run(self.psql_command(*options, '-c', sql), check=False, text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f'{sql}: {done.stderr}')
        return done.stdout.rstrip('\n')

    def session(self):
        return Session(self.psql_command())

    def visit(self, collector='pg_stats'):
        """A complete cycle of a collector, or of all.

        A server that has read nothing yet may be too slow for the time that a visit has; the
        next one finds more in memory.
        """
        def completes():
            try:
                self.psql(f"SELECT pganalytics_collect('{collector}')")
            except RuntimeError as error:
                if not any(text in str(error) for text in ('ran out of time', 'timeout')):
                    raise
                return False
            return True

        wait_until('a visit is completed', completes)

    def deliver(self):
        if self.psql("SELECT pganalytics_flush('2min')") != 't':
            raise RuntimeError('the batches were not delivered')

    def status(self):
        return json.loads(self.psql('SELECT pganalytics_status()'))

    def worker(self, name):
        """The process id of a worker, once it runs."""
        return wait_until(f'the {name} runs', lambda: self.status()['workers'][name].get('pid'))
