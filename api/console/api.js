// Asking the service: keys, problem details, server-sent events. The key lives in sessionStorage and goes with every
// request; when the server wants one (401) the sign-in box opens, and what was asked is asked again.

const KEY = "latentd-key";

export const key = () => sessionStorage.getItem(KEY) || "";
export function setKey(text) {
  if (text) sessionStorage.setItem(KEY, text);
  else sessionStorage.removeItem(KEY);
}

// An error reply (RFC 9457), or no reply at all: status 0.
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "HTTP " + status);
    this.status = status;
    this.title = body.title || "";
    this.code = body.code || "";
    this.errors = body.errors || [];
    this.results = body.results;
    this.requestId = body.request_id || "";
    this.retryAfter = body.retryAfter;
  }
}

let asking = null;
let signIn = () => Promise.resolve(false);
// `ask(problem)` resolves to whether there is another key now; the shell sets it.
export function onUnauthorised(ask) {
  signIn = ask;
}

async function problemOf(reply) {
  let body = {};
  try {
    body = await reply.json();
  } catch {
    body = {
      detail: "The server answered " + reply.status + " " + reply.statusText + " without saying more.",
    };
  }
  body.retryAfter = reply.headers.get("Retry-After");
  return new Problem(reply.status, body);
}

async function once(url, options) {
  const headers = new Headers(options.headers);
  if (options.accept) headers.set("Accept", options.accept);
  if (options.json !== undefined) headers.set("Content-Type", "application/json");
  else if (options.type) headers.set("Content-Type", options.type);
  if (key()) headers.set("X-API-Key", key());
  try {
    return await fetch(url, {
      method: options.method || (options.json !== undefined || options.body ? "POST" : "GET"),
      headers,
      signal: options.signal,
      body: options.json !== undefined ? JSON.stringify(options.json) : options.body,
    });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Problem(0, { code: "no_answer", detail: "The server does not answer. Is it running?" });
  }
}

// The reply, if it is a good one. options: method, query, json or body with type, accept, signal, quiet (no sign-in).
export async function ask(path, options = {}) {
  const query = new URLSearchParams(
    Object.entries(options.query || {}).filter(
      ([, v]) => v !== undefined && v !== null && v !== "" && v !== false,
    ),
  );
  const url = query.size ? path + "?" + query : path;
  for (;;) {
    const sent = key();
    const reply = await once(url, options);
    if (reply.ok) return reply;
    const problem = await problemOf(reply);
    if (problem.status !== 401 || options.quiet) throw problem;
    if (key() !== sent) continue; // another request has signed in meanwhile
    asking ||= signIn(problem).finally(() => {
      asking = null;
    });
    if (!(await asking)) throw problem;
  }
}

export const json = async (path, options = {}) => (await ask(path, options)).json();

// Every page of a list, up to `most` of its elements.
export async function pages(path, member, { most = Infinity, query = {}, signal, onpage } = {}) {
  const all = [];
  let cursor;
  do {
    const page = await json(path, {
      signal,
      query: { ...query, cursor, limit: Math.min(1000, most - all.length) },
    });
    all.push(...page[member]);
    cursor = page.next_cursor;
    onpage?.(all);
  } while (cursor && all.length < most);
  all.more = Boolean(cursor);
  return all;
}

// Server-sent events over fetch, which, unlike EventSource, sends a key.
export async function* events(path, { signal, last } = {}) {
  const reply = await ask(path, {
    signal,
    accept: "text/event-stream",
    headers: last ? { "Last-Event-ID": last } : {},
  });
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const event = { type: "message", data: "", id: undefined };
      for (const line of block.split("\n")) {
        const [, name, rest] = line.match(/^([^:]*):? ?(.*)$/);
        if (name === "event") event.type = rest;
        else if (name === "data") event.data += rest;
        else if (name === "id") event.id = rest;
      }
      if (event.data) yield event;
    }
  }
}

export const seg = encodeURIComponent;
export const collectionPath = (name, below = "") => "/v1/collections/" + seg(name) + below;
export const itemPath = (name, id, below = "") => collectionPath(name, "/items/" + seg(id) + below);
export const modelPath = (reference, below = "") =>
  "/v1/models/" + encodeURIComponent(reference).replace("%40", "@") + below;

function floats(base64) {
  const raw = atob(base64),
    bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

// The code of an item, as numbers or in base64.
export const codeOf = (item) =>
  typeof item.code === "string" ? floats(item.code) : Float32Array.from(item.code);

export async function base64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}

// How long the server says it took, in milliseconds; undefined if it does not.
export function serverTime(reply) {
  const parts = [...(reply.headers.get("Server-Timing") || "").matchAll(/dur=([\d.]+)/g)].map((m) =>
    Number(m[1]),
  );
  return parts.length ? parts.reduce((a, b) => a + b, 0) : undefined;
}
