#!/usr/bin/python3
"""Tests docs/openapi.yaml: that it is sound, and that it and the test backend describe the same API."""

import json
import os
import re
import unittest

import jsonschema
import yaml

import backend as program
from selftest import HERE, ID, BackendTest, batch

DOCUMENT = os.path.join(HERE, '../../docs/openapi.yaml')
METHODS = {'get', 'post', 'put', 'delete', 'patch', 'head', 'options'}


def read_document():
    with open(DOCUMENT, encoding='utf-8') as file:
        return yaml.safe_load(file)


def walk(value, path='#'):
    """Every value in it, with its JSON pointer."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, f'{path}/{key}')


class Document:
    """What both kinds of tests need of the document."""

    def setUp(self):
        super().setUp()
        self.document = read_document()

    def resolve(self, reference):
        self.assertTrue(reference.startswith('#/'), reference)
        value = self.document
        for key in reference[2:].split('/'):
            value = value[key]
        return value

    def validator(self, schema):
        """Of a schema that refers to others in the document."""
        return jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver('', self.document),
            format_checker=jsonschema.FormatChecker())

    def operations(self):
        for path, item in self.document['paths'].items():
            for method in METHODS & item.keys():
                yield method.upper(), path, item[method]


class OpenApi(Document, unittest.TestCase):
    """The document by itself."""

    def test_is_openapi_3_1(self):
        self.assertRegex(self.document['openapi'], r'^3\.1\.\d+$')
        self.assertLessEqual({'title', 'version'}, self.document['info'].keys())
        self.assertEqual([], [key for key in self.document
                              if key not in ('openapi', 'info', 'servers', 'tags', 'security', 'paths',
                                             'components')])

    def test_references_lead_somewhere(self):
        references = [value['$ref'] for _, value in walk(self.document)
                      if isinstance(value, dict) and '$ref' in value]
        self.assertGreater(len(references), 10)
        for reference in references:
            with self.subTest(reference):
                self.resolve(reference)

    def test_schemas_are_schemas(self):
        for path, value in walk(self.document):
            if path.endswith('/schema') or re.search('/schemas/[A-Za-z]+$', path):
                with self.subTest(path):
                    jsonschema.Draft202012Validator.check_schema(value)

    def test_examples_match_their_schemas(self):
        count = 0
        for path, value in walk(self.document):
            if isinstance(value, dict) and 'example' in value and 'schema' in value:
                with self.subTest(path):
                    self.validator(value['schema']).validate(value['example'])
                    count += 1
        self.assertGreater(count, 8)

    def test_operations_are_complete(self):
        names = set()
        for method, path, operation in self.operations():
            with self.subTest(f'{method} {path}'):
                self.assertLessEqual({'operationId', 'summary', 'responses', 'tags'}, operation.keys())
                names.add(operation['operationId'])
                parameters = {parameter['name'] for parameter in operation.get('parameters', ())
                              if parameter['in'] == 'path'}
                self.assertEqual(parameters, set(re.findall(r'\{(\w+)\}', path)))
                for response in operation['responses'].values():
                    response = self.resolve(response['$ref']) if '$ref' in response else response
                    self.assertIn('description', response)
        self.assertEqual(len(names), len(list(self.operations())))

    def test_the_backend_has_the_same_endpoints(self):
        described = {(method, re.sub(r'\{\w+\}$', '', path)) for method, path, _ in self.operations()}
        self.assertEqual(described, {(method, path) for method, path, _ in program.ENDPOINTS})


class Examples(Document, BackendTest):
    """The examples, sent to the test backend; its replies, as the document describes them."""

    def check_reply(self, path, method, status, reply):
        responses = self.document['paths'][path][method]['responses']
        response = responses.get(str(status)) or responses['default']
        response = self.resolve(response['$ref']) if '$ref' in response else response
        self.validator(response['content']['application/json']['schema']).validate(reply)
        return reply

    def example(self, path):
        return self.document['paths'][path]['post']['requestBody']['content']['application/json']['example']

    def post(self, path, body, **headers):
        status, reply = self.backend.request('POST', path, json.dumps(body), **headers)
        return status, self.check_reply(path, 'post', status, reply)

    def secret(self):
        with open(os.path.join(self.backend.certs, 'registration.secret'), encoding='ascii') as file:
            return file.read().strip()

    def test_register_and_refresh(self):
        path = '/api/v1/collectors/register'
        status, reply = self.post(path, self.example(path), X_Registration_Secret=self.secret())
        self.assertEqual(status, 201)
        self.assertEqual(self.post(path, self.example(path), X_Registration_Secret='wrong')[0], 401)
        path = '/api/v1/collectors/refresh-token'
        self.assertEqual(self.post(path, self.example(path), Authorization='Bearer ' + reply['token'])[0], 200)

    def test_push(self):
        path = '/api/v1/metrics/push'
        body = self.example(path)
        claims = {'collector_id': body['collector_id'], 'sub': 'collector:' + body['collector_id']}
        self.backend.control(action='config', document={'version': 7})
        status, reply = self.backend.push(body, token=self.backend.bearer(**claims))
        self.assertEqual((status, reply['next_config_version']), (200, 7))
        self.check_reply(path, 'post', status, reply)
        self.validator(self.document['components']['schemas']['Envelope']).validate(batch())

    def test_config(self):
        path = '/api/v1/config/{collector_id}'
        document = self.document['paths'][path]['get']['responses']['200']['content']['application/json']['example']
        headers = {'Authorization': self.backend.bearer()}
        status, reply = self.backend.request('GET', f'/api/v1/config/{ID}', **headers)
        self.assertEqual(status, 404)
        self.check_reply(path, 'get', status, reply)
        self.backend.control(action='config', document=document)
        status, reply = self.backend.request('GET', f'/api/v1/config/{ID}', **headers)
        self.assertEqual((status, reply), (200, document))
        self.check_reply(path, 'get', status, reply)

    def test_health(self):
        status, reply = self.backend.request('GET', '/api/v1/health')
        self.check_reply('/api/v1/health', 'get', status, reply)


if __name__ == '__main__':
    unittest.main(verbosity=2)
