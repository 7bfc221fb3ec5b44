"""Figures, as a table and as JSON."""

import json


class Report:
    def __init__(self, benchmark, **parameters):
        self.benchmark, self.parameters = benchmark, parameters
        self.figures, self.limits = {}, {}
        self.lines = []

    def section(self, text):
        self.lines.append(f'\n{text}')

    def add(self, name, text, value, unit='', limit=None):
        """One figure; a limit is what it may be at most."""
        self.figures[name] = round(value, 4)
        line = f'  {text:<58} {value:>10.{2 if value < 100 else 0}f} {unit:<6}'
        if limit is not None:
            self.limits[name] = limit
            line += f' at most {limit}: {"yes" if value <= limit else "NO"}'
        self.lines.append(line.rstrip())

    def passed(self):
        return all(self.figures[name] <= limit for name, limit in self.limits.items())

    def print(self):
        """Prints it and returns the exit status."""
        about = ', '.join(f'{name} {value}' for name, value in self.parameters.items())
        print(f'{self.benchmark} ({about})', *self.lines, '', sep='\n')
        print(json.dumps({'benchmark': self.benchmark, 'parameters': self.parameters,
                          'figures': self.figures, 'limits': self.limits,
                          'passed': self.passed()}), flush=True)
        return 0 if self.passed() else 1
