// The Open Inference Protocol over the network. Replies are held against the protocol's objects as its REST
// specification lists them (Data Plane 2.0 of the KServe project): required members and their types, nothing of ours.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv } from 'ajv';

const base = process.env.LATENTD_URL;
const key = { authorization: `Bearer ${process.env.LATENTD_KEY}` };
const text = { type: 'string' };
const whole = { type: 'array', items: { type: 'integer' } };
const object = (required, properties) => ({ type: 'object', required, properties });
const described = object(['name', 'datatype', 'shape'], { name: text, datatype: text, shape: whole });
const tensor = (hasData) =>
  object(hasData ? ['name', 'shape', 'datatype', 'data'] : ['name', 'shape', 'datatype'], {
    name: text, datatype: text, shape: whole, parameters: { type: 'object' },
    data: { type: 'array', items: { type: ['array', 'number', 'string', 'boolean'] } },
  });
const reply = (hasData) =>
  object(['model_name', 'outputs'], {
    model_name: text, model_version: text, id: text, parameters: { type: 'object' },
    outputs: { type: 'array', items: tensor(hasData) },
  });
const shapes = {
  server: object(['name', 'version', 'extensions'], { name: text, version: text, extensions: { type: 'array', items: text } }),
  model: object(['name', 'platform'], {
    name: text, platform: text, versions: { type: 'array', items: text },
    inputs: { type: 'array', items: described }, outputs: { type: 'array', items: described },
  }),
  inference: reply(true),
  binary: reply(false),
  error: object(['error'], { error: text }),
};
const ajv = new Ajv({ allowUnionTypes: true });
function conforms(shape, value) {
  const validate = ajv.compile(shapes[shape]);
  assert.ok(validate(value), `${shape}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(value)}`);
  return value;
}
async function ask(path, options = {}) {
  const response = await fetch(base + path, { ...options, headers: { ...key, ...options.headers } });
  return { response, body: response.headers.get('content-type')?.includes('json') ? await response.json() : null };
}
const post = (path, body) =>
  ask(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });

test('health and metadata', async () => {
  for (const path of ['/v2/health/live', '/v2/health/ready']) assert.equal((await fetch(base + path)).status, 200);
  const server = conforms('server', (await ask('/v2')).body);
  assert.ok(server.extensions.includes('binary_tensor_data'));
  const model = conforms('model', (await ask('/v2/models/line')).body);
  assert.deepEqual(model, (await ask(`/v2/models/line/versions/${model.versions[0]}`)).body);
  assert.equal((await ask('/v2/models/line/ready')).response.status, 200);
});

test('inference: nested and flat data, and bytes, agree with each other and with /encode', async () => {
  const { inputs, outputs } = (await ask('/v2/models/line')).body;
  const rows = [[1, 2, 3, 4], [0.5, -1, 0, 2]];
  const input = { name: inputs[0].name, shape: [2, 4], datatype: inputs[0].datatype };
  const nested = await post('/v2/models/line/infer', { id: '42', inputs: [{ ...input, data: rows }] });
  const flat = await post('/v2/models/line/infer', { inputs: [{ ...input, data: rows.flat() }], outputs: [{ name: outputs[0].name }] });
  conforms('inference', nested.body);
  assert.equal(nested.body.id, '42');
  const codes = nested.body.outputs.find((one) => one.name === outputs[0].name);
  assert.deepEqual(flat.body.outputs[0].data, codes.data);

  const head = Buffer.from(JSON.stringify({
    inputs: [{ ...input, parameters: { binary_data_size: 32 } }],
    outputs: [{ name: outputs[0].name, parameters: { binary_data: true } }],
  }));
  const bytes = Buffer.from(Float32Array.from(rows.flat()).buffer);
  const { response } = await ask('/v2/models/line/infer', {
    method: 'POST',
    body: Buffer.concat([head, bytes]),
    headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) },
  });
  assert.equal(response.status, 200);
  const whole = Buffer.from(await response.arrayBuffer());
  const front = Number(response.headers.get('inference-header-content-length'));
  const said = conforms('binary', JSON.parse(whole.subarray(0, front).toString()));
  const size = said.outputs[0].parameters.binary_data_size;
  assert.equal(whole.length, front + size);
  const floats = new Float32Array(new Uint8Array(whole.subarray(front)).buffer);
  assert.equal(floats.length, codes.data.length);
  floats.forEach((value, i) => assert.ok(Math.abs(value - codes.data[i]) < 1e-6));
});

test('failures have the protocol\'s shape', async () => {
  for (const [path, body] of [
    ['/v2/models/nobody/infer', { inputs: [] }],
    ['/v2/models/line/infer', {}],
    ['/v2/models/line/infer', { inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }] }],
  ]) {
    const { response, body: problem } = await post(path, body);
    assert.ok(response.status >= 400 && response.status < 500);
    conforms('error', problem);
  }
  const stranger = await fetch(`${base}/v2/models/line`, { headers: { authorization: 'Bearer somebody-else' } });
  assert.equal(stranger.status, 401);
  conforms('error', await stranger.json());
});
