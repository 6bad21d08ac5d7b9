// A client generated from /openapi.json works against the server. That this file compiles shows that the types say what
// the server means; the rest, that they are true.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client } from './generated/client.gen';
import * as latentd from './generated/sdk.gen';

client.setConfig({ baseUrl: process.env.LATENTD_URL ?? '', headers: { Authorization: `Bearer ${process.env.LATENTD_KEY}` } });
const c = 'generated';

test('a collection from its making to its end', async () => {
  const made = await latentd.putCollection({ path: { c }, body: { dimension: 3, metric: 'cosine' } });
  assert.equal(made.response.status, 201);
  const put = await latentd.putItems({
    path: { c },
    body: { items: [{ id: 'a', code: [1, 0, 0], metadata: { colour: 'red' } }, { id: 'b/ä', code: [0, 1, 0] }] },
  });
  assert.equal(put.error, undefined);
  assert.ok(put.data && 'succeeded' in put.data, 'a batch, not a job');
  assert.equal(put.data.succeeded, 2);
  const found = await latentd.search({ path: { c }, body: { code: [1, 0.1, 0], k: 2, include: ['metadata'] } });
  assert.deepEqual(found.data?.results.map((hit) => hit.id), ['a', 'b/ä']);
  assert.deepEqual(found.data?.results[0]?.metadata, { colour: 'red' });
  const item = await latentd.getItem({ path: { c, id: 'b/ä' }, query: { include: 'code' } });
  assert.deepEqual(item.data?.code, [0, 1, 0]);
  const listed = await latentd.listItems({ path: { c }, query: { limit: 1 } });
  assert.equal(listed.data?.items.length, 1);
  assert.equal(typeof listed.data?.next_cursor, 'string');
  assert.equal((await latentd.deleteItem({ path: { c, id: 'a' } })).response.status, 204);
  assert.equal((await latentd.deleteCollection({ path: { c } })).response.status, 204);
});

test('models and their codes', async () => {
  const models = await latentd.listModels();
  const line = models.data?.models.find((model) => model.name === 'line');
  assert.equal(line?.state, 'ready');
  const codes = await latentd.encode({ path: { m: 'line' }, body: { inputs: [{ vector: [1, 2, 3, 4] }] } });
  assert.equal(codes.error, undefined);
});

test('failures are problems', async () => {
  const missing = await latentd.getCollection({ path: { c: 'nobody' } });
  assert.equal(missing.response.status, 404);
  assert.equal(missing.error?.code, 'collection_not_found');
  const bad = await latentd.search({ path: { c: 'nobody' }, body: { code: [1], k: 1 } });
  assert.equal(bad.response.status, 404);
});
