// OpenAI's own client asks for embeddings.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: `${process.env.LATENTD_URL}/v1`, apiKey: process.env.LATENTD_KEY });
const vectors = [[1, 2, 3, 4], [4, 3, 2, 1]];
const close = (a, b) => a.length === b.length && a.every((x, i) => Math.abs(x - b[i]) < 1e-6);

test('embeddings of numbers, one and several, as floats and as base64', async () => {
  // Without a word about the format the client asks for base64 and decodes it.
  const decoded = await client.embeddings.create({ model: 'line', input: vectors });
  const floats = await client.embeddings.create({ model: 'line', input: vectors, encoding_format: 'float' });
  const one = await client.embeddings.create({ model: 'line', input: vectors[1], encoding_format: 'float' });
  assert.equal(decoded.object, 'list');
  assert.equal(decoded.data.length, 2);
  assert.deepEqual(decoded.data.map((row) => row.index), [0, 1]);
  assert.match(decoded.model, /^line@\d+$/);
  assert.equal(decoded.usage.prompt_tokens, 2);
  for (let i = 0; i < 2; i++) assert.ok(close(decoded.data[i].embedding, floats.data[i].embedding), `row ${i}`);
  assert.ok(close(one.data[0].embedding, floats.data[1].embedding));
  assert.ok(!close(floats.data[0].embedding, floats.data[1].embedding));
});

test('embeddings of a picture', async () => {
  const picture = (await readFile(process.env.LATENTD_PICTURE)).toString('base64');
  const reply = await client.embeddings.create({ model: 'emoji', input: `data:image/png;base64,${picture}` });
  assert.equal(reply.data[0].embedding.length, 64);
  assert.ok(reply.data[0].embedding.every(Number.isFinite));
});

test('failures are what the client knows', async () => {
  await assert.rejects(client.embeddings.create({ model: 'nobody', input: [1] }), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError, String(error));
    assert.equal(error.status, 404);
    assert.ok(error.requestID, 'the id of the request');
    return true;
  });
  await assert.rejects(client.embeddings.create({ model: 'line', input: [1, 2] }), (error) => error.status === 422);
  const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: 'somebody-else' });
  await assert.rejects(stranger.embeddings.create({ model: 'line', input: vectors[0] }), OpenAI.AuthenticationError);
});
