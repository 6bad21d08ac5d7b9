// Operations: health, throughput, latency and queue from /metrics every two seconds; collections, jobs, snapshots.
import { ask, json, pages, key } from "./api.js";
import {
  address,
  el,
  clear,
  heading,
  panel,
  chip,
  facts,
  table,
  button,
  empty,
  say,
  download,
} from "./dom.js";
import { bytes, count, short, span, when } from "./format.js";
import { spark } from "./plot.js";
import { problemBox, notOffered } from "./problems.js";

const EVERY = 2000,
  FIRST = 400;

// Prometheus text: name → [{labels, value}].
function parseMetrics(text) {
  const families = new Map();
  for (const line of text.split("\n")) {
    const found = line.match(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/);
    if (!found) continue;
    const labels = Object.fromEntries(
      [...(found[2] || "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map((m) => [m[1], m[2]]),
    );
    if (!families.has(found[1])) families.set(found[1], []);
    families.get(found[1]).push({ labels, value: found[3] === "+Inf" ? Infinity : Number(found[3]) });
  }
  return families;
}

const sum = (families, name, pass = () => true) =>
  (families.get(name) || []).filter((s) => pass(s.labels)).reduce((a, s) => a + s.value, 0);

// The value below which `share` of what was observed since `before` lies, by the buckets of a histogram.
function quantile(before, after, name, share, pass = () => true) {
  const per = new Map();
  for (const [families, sign] of [
    [after, 1],
    [before, -1],
  ])
    for (const s of families?.get(name + "_bucket") || [])
      if (pass(s.labels)) {
        const le = s.labels.le === "+Inf" ? Infinity : Number(s.labels.le);
        per.set(le, (per.get(le) || 0) + sign * s.value);
      }
  const edges = [...per].sort((a, b) => a[0] - b[0]),
    total = edges.at(-1)?.[1] || 0;
  if (total <= 0) return NaN;
  let low = 0,
    below = 0;
  for (const [edge, upTo] of edges) {
    if (upTo >= share * total)
      return edge === Infinity ? low : low + ((edge - low) * (share * total - below)) / (upTo - below || 1);
    low = edge;
    below = upTo;
  }
  return low;
}

// What people did; the console's own questions are not what is measured.
const real = (labels) => !/\/metrics|\/readyz|\/livez|\/console/.test(labels.route || "");

export async function show(root, ctx) {
  const rate = (n) => short(n, 3) + " /s";
  const plots = {
    requests: spark({ label: "Requests", format: rate }),
    latency: spark({ label: "Latency, median", format: span }),
    tail: spark({ label: "Latency, 99th percentile", format: span }),
    queue: spark({ label: "Waiting for a worker", format: count }),
    searches: spark({ label: "Searches", format: rate }),
    infer: spark({ label: "Engine runs", format: rate }),
    writes: spark({ label: "Items written", format: rate }),
    errors: spark({ label: "Refused or failed", format: rate }),
  };
  const info = el("div", { class: "stack" }),
    told = el("div"),
    stores = el("div", { class: "stack" }),
    snaps = el("div", { class: "stack" });
  root.append(
    heading("Operations", "Measured every two seconds while this page is open."),
    told,
    el(
      "div",
      { class: "tiles" },
      Object.values(plots).map((p) => p.node),
    ),
    panel(
      "Collections",
      stores,
      el("p", { class: "hint" }, "Lag: changes that the index file does not hold yet; the database does."),
    ),
    el("div", { class: "halves" }, panel("Snapshots", snaps), panel("Server", info)),
  );

  let before = null,
    at = 0,
    ready = null;
  async function measure() {
    if (document.hidden) {
      before = null;
      return;
    }
    try {
      const now = parseMetrics(await (await ask("/metrics", { signal: ctx.signal })).text()),
        time = performance.now();
      if (before) {
        const dt = (time - at) / 1000,
          per = (name, pass) => Math.max(0, sum(now, name, pass) - sum(before, name, pass)) / dt;
        plots.requests.push(per("latentd_requests_total", real));
        plots.errors.push(per("latentd_requests_total", (l) => real(l) && Number(l.status) >= 400));
        plots.latency.push(quantile(before, now, "latentd_request_seconds", 0.5, real));
        plots.tail.push(quantile(before, now, "latentd_request_seconds", 0.99, real));
        plots.searches.push(per("latentd_search_seconds_count"));
        plots.infer.push(per("latentd_infer_seconds_count"));
        plots.writes.push(per("latentd_item_writes_total"));
      }
      plots.queue.push(
        sum(now, "latentd_queue_length"),
        count(sum(now, "latentd_queue_length")) +
          " · " +
          count(Math.max(0, sum(now, "latentd_requests_active") - 1)) +
          " active",
      );
      before = now;
      at = time;
      clear(told);
      if (ready === false) {
        ready = true;
        say("The server answers again");
      }
    } catch (failure) {
      before = null;
      if (failure.name === "AbortError") return;
      if (ready !== false) clear(told, problemBox(failure));
      ready = false;
    }
  }
  await Promise.all([describe(info, ctx), tables(stores, ctx), snapshots(snaps, ctx), measure()]);
  setTimeout(measure, FIRST);
  const timer = setInterval(measure, EVERY),
    slow = setInterval(() => tables(stores, ctx), 5 * EVERY);
  ctx.signal.addEventListener("abort", () => {
    clearInterval(timer);
    clearInterval(slow);
  });
}

async function describe(box, ctx) {
  const i = await json("/v1/info", { signal: ctx.signal });
  const limit = (name, value) =>
    name.endsWith("_bytes")
      ? [name.replace("_bytes", ""), bytes(value)]
      : name.endsWith("_ms")
        ? [name.replace("_ms", ""), span(value / 1000)]
        : [name.replaceAll("_", " "), count(value)];
  clear(
    box,
    facts([
      ["version", i.version],
      ["started", when(i.started) + " (" + span((Date.now() - new Date(i.started)) / 1000) + " ago)"],
    ]),
    el("h3", {}, "Limits"),
    facts(Object.entries(i.limits).map(([k, v]) => limit(k, v))),
    el("details", {}, el("summary", {}, "Libraries"), facts(Object.entries(i.libraries))),
  );
}

async function tables(box, ctx) {
  if (document.hidden) return;
  try {
    const all = await pages("/v1/collections", "collections", { signal: ctx.signal });
    if (!all.length) return void clear(box, empty("No collections."));
    clear(
      box,
      table(
        "Collections",
        ["name", "model", "#items", "#users", "index", "state", "#lag", "#dead", "#bytes"],
        all.map((c) => [
          c.items > 0 ? el("a", { href: address("search", { collection: c.name }) }, c.name) : c.name,
          c.model ||
            (c.dimension
              ? c.dimension + " numbers"
              : "interactions" + (c.recommender ? ", " + c.recommender : "")),
          count(c.items),
          count(c.users),
          c.dimension ? c.index?.kind || "–" : "–",
          chip(c.index?.state || "–", c.index?.state === "ready" ? "good" : "warn"),
          count(c.lag),
          count(c.index?.dead),
          bytes(c.bytes),
        ]),
      ),
    );
  } catch (failure) {
    const shown = problemBox(failure);
    if (shown && !box.childElementCount) clear(box, shown);
  }
}

async function snapshots(box, ctx) {
  const told = el("div");
  const make = async () => {
    try {
      const job = await json("/v1/snapshots", { method: "POST" });
      say("A snapshot is being made");
      clear(
        told,
        el(
          "p",
          {},
          "It is being made: ",
          el("a", { href: address("training", { job: job.id }) }, "job"),
          ". ",
          button("Look again", () => snapshots(box, ctx), "quiet"),
        ),
      );
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  };
  // A link cannot send a key: with one, the file is fetched and saved from memory.
  const save = (s) => async () => {
    try {
      const file = await ask("/v1/snapshots/" + s.id, { signal: ctx.signal });
      download(await file.blob(), s.id + ".latentd");
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  };
  const remove = (s) => async () => {
    if (!confirm("Delete the snapshot of " + when(s.created) + "?")) return;
    try {
      await ask("/v1/snapshots/" + s.id, { method: "DELETE" });
      snapshots(box, ctx);
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  };
  try {
    const all = await pages("/v1/snapshots", "snapshots", { signal: ctx.signal });
    clear(
      box,
      el(
        "div",
        { class: "row" },
        button("Make a snapshot", make),
        el(
          "span",
          { class: "dim small" },
          "Consistent, while the server serves. Restored by latentd restore.",
        ),
      ),
      told,
      all.length
        ? table(
            "Snapshots",
            ["created", "state", "#bytes", "SHA-256", ""],
            all.map((s) => [
              when(s.created),
              chip(s.state, s.state === "ready" ? "good" : s.state === "failed" ? "bad" : "warn"),
              bytes(s.bytes),
              s.sha256 ? el("code", { title: s.sha256 }, s.sha256.slice(0, 12) + "…") : "–",
              el(
                "span",
                { class: "row" },
                s.state === "ready" &&
                  (key()
                    ? button("Save", save(s), "quiet")
                    : el("a", { href: "/v1/snapshots/" + s.id, download: s.id + ".latentd" }, "Save")),
                s.state !== "making" &&
                  el(
                    "button",
                    {
                      type: "button",
                      class: "quiet danger",
                      "aria-label": "Delete the snapshot of " + when(s.created),
                      onclick: remove(s),
                    },
                    "Delete",
                  ),
              ),
            ]),
          )
        : empty("No snapshots yet."),
    );
  } catch (failure) {
    clear(box, notOffered(failure) ? empty("This server makes no snapshots.") : problemBox(failure));
  }
}
