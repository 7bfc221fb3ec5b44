"""The program that makes up a server log, and reads one as the collector does (log_speed.c)."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def build(directory):
    """The program and those modules that it needs, of the ones that need no server."""
    sources = [source for folder in ('log', 'base') for source in (ROOT / 'src' / folder).glob('*.c')
               if '"postgres.h"' not in source.read_text()]
    compiler = [os.environ.get('CC', 'cc'), '-O2', '-std=gnu11', f'-I{ROOT}/src']
    objects = [directory / f'{source.parent.name}_{source.stem}.o' for source in sources]
    for source, target in zip(sources, objects):
        subprocess.run([*compiler, '-c', '-o', target, source], check=True)
    subprocess.run(['ar', 'rc', directory / 'modules.a', *objects], check=True)
    program = directory / 'log_speed'
    subprocess.run([*compiler, '-o', program, ROOT / 'bench/log_speed.c', directory / 'modules.a', '-lm'],
                   check=True)
    return program


def generate(program, style, entries, path):
    with path.open('wb') as out:
        subprocess.run([program, 'generate', style, str(entries)], check=True, stdout=out)


def read(program, style, path):
    result = subprocess.run([program, 'read', style, path], check=True, capture_output=True)
    return json.loads(result.stdout)
