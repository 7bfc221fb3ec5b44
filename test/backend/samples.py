"""Batches made from the JSON Schema: one that holds every field, and all its mutations."""

TIME = '2026-02-20T10:30:00.000000Z'

# What a type is replaced by to be wrong.
WRONG = {'string': (1, None), 'integer': ('1', 1.5, True), 'number': ('1', True), 'boolean': ('true', 1),
         'array': ({}, 'text'), 'object': ([], 'text')}


def kind_of(schema):
    """The type of a value that is not null."""
    kinds = schema['type'] if isinstance(schema['type'], list) else [schema['type']]
    return next(kind for kind in kinds if kind != 'null')


def variants(schema):
    """The schemas of an array's elements."""
    return schema['items'].get('oneOf', [schema['items']])


def sample(schema):
    """A value with every field that the schema knows."""
    if 'const' in schema:
        return schema['const']
    if 'enum' in schema:
        return schema['enum'][0]
    kind = kind_of(schema)
    if kind == 'object':
        if isinstance(schema.get('additionalProperties'), dict):
            return {'any': sample(schema['additionalProperties'])}
        return {name: sample(field) for name, field in schema.get('properties', {}).items()}
    if kind == 'array':
        return [sample(variant) for variant in variants(schema)]
    return {'string': TIME if 'pattern' in schema else 'text',
            'integer': 1, 'number': 1.5, 'boolean': True}[kind]


def mutations(schema, value, path=''):
    """(what was done, the mutated value) for every field below, each wrong in every way."""
    if 'const' in schema:
        yield f'{path} is something else', 'something else'
        return
    kind = kind_of(schema)
    for wrong in WRONG[kind]:
        if wrong is not None or 'null' not in schema['type']:
            yield f'{path} is {wrong!r}', wrong
    if 'pattern' in schema:
        yield f'{path} is no time', 'yesterday'
    if kind == 'array':
        for index, variant in enumerate(variants(schema)):
            for what, element in mutations(variant, value[index], f'{path}[{index}]'):
                yield what, [element]
    if kind == 'object':
        yield from mutations_of_object(schema, value, path)


def mutations_of_object(schema, value, path):
    if isinstance(schema.get('additionalProperties'), dict):
        for what, element in mutations(schema['additionalProperties'], value['any'], f'{path}.any'):
            yield what, {'any': element}
        return
    if 'properties' not in schema:
        return  # any keys
    yield f'{path}.unknown is there', value | {'unknown': 1}
    for name, field in schema['properties'].items():
        if name in schema.get('required', ()):
            yield f'{path}.{name} is missing', {key: value[key] for key in value if key != name}
        for what, mutated in mutations(field, value[name], f'{path}.{name}'):
            yield what, value | {name: mutated}
