// Training: jobs of the service, a curve that grows while it trains, and a spec to start one with.
import { json, events, pages, seg } from "./api.js";
import {
  address,
  el,
  clear,
  heading,
  panel,
  chip,
  empty,
  facts,
  busy,
  button,
  field,
  select,
  say,
  latest,
} from "./dom.js";
import { bytes, count, short, span, when, pretty } from "./format.js";
import { lineChart } from "./chart.js";
import { problemBox, jsonBox } from "./problems.js";
import { collections, forget } from "./state.js";

const stateKind = { queued: "", running: "accent", done: "good", failed: "bad", cancelled: "warn" };

// Specs to begin with; COLLECTION is the first that fits.
const templates = [
  [
    "Pictures of a collection",
    (c) => ({
      name: c + "-small",
      data: { collection: c, size: [28, 28], channels: 1, validation: 0.1 },
      network: { encoder: { type: "dense", hidden: [256], activation: "relu" }, decoder: "mirror" },
      code: { dimension: 32 },
      likelihood: "bernoulli",
      optimizer: { epochs: 5, batch: 128 },
    }),
  ],
  [
    "Pictures, variational",
    (c) => ({
      name: c + "-vae",
      data: { collection: c, size: [28, 28], channels: 1, validation: 0.1 },
      network: { encoder: { type: "dense", hidden: [256, 128], activation: "relu" }, decoder: "mirror" },
      code: { dimension: 16, type: "gaussian" },
      likelihood: "bernoulli",
      penalties: { beta: 1 },
      optimizer: { epochs: 10 },
    }),
  ],
  [
    "Pictures, denoising",
    (c) => ({
      name: c + "-clean",
      data: { collection: c, size: [28, 28], channels: 1, validation: 0.1 },
      network: { encoder: { type: "convolutional", channels: [16, 32], hidden: [128] }, decoder: "mirror" },
      code: { dimension: 32 },
      corruption: { type: "masking", level: 0.3 },
      optimizer: { epochs: 5 },
    }),
  ],
  [
    "A table (CSV below the data root)",
    () => ({
      name: "table",
      data: { format: "csv", path: "table.csv", validation: 0.2 },
      network: { encoder: { type: "dense", hidden: [128, 64], activation: "silu" }, decoder: "mirror" },
      code: { dimension: 5, type: "gaussian" },
      likelihood: "mixed",
      optimizer: { batch: 64, epochs: 60, rate: 0.002 },
    }),
  ],
  [
    "Recommendations (EASE)",
    (c) => ({
      name: c + "-ease",
      method: "ease",
      ridge: 500,
      data: { collection: c, format: "interactions", validation: 0 },
    }),
  ],
];

export async function show(root, ctx) {
  const list = el("nav", { class: "pick", "aria-label": "Jobs" });
  const detail = el("div", { class: "stack" });
  root.append(
    heading(
      "Training",
      "Jobs of the server. Loss curves grow as they train.",
      el("a", { class: "button", href: "#/training?new=1" }, "New training"),
    ),
    el("div", { class: "split" }, list, detail),
  );
  const again = latest(ctx.signal);
  let jobs = [];

  async function refresh(chosen) {
    jobs = await pages("/v1/jobs", "jobs", { most: 50, signal: ctx.signal });
    if (!jobs.length) clear(list, empty("No jobs yet."));
    else
      clear(
        list,
        jobs.map((job) =>
          el(
            "a",
            {
              href: address("training", { job: job.id }),
              "aria-current": job.id === chosen ? "true" : undefined,
            },
            el(
              "span",
              { class: "jobline" },
              el("strong", { class: "wrap" }, job.type + " " + (job.model || job.collection || "")),
              chip(job.state, stateKind[job.state]),
            ),
            el("span", { class: "dim small" }, when(job.created)),
          ),
        ),
      );
  }
  async function open(params) {
    const signal = again();
    const chosen =
      params.job || (!params.new && !params.spec ? jobs.find((j) => j.state === "running")?.id : undefined);
    await refresh(chosen);
    if (!chosen && !params.new && !params.spec && jobs[0]) return open({ job: jobs[0].id });
    if (chosen) await follow(detail, chosen, signal, () => refresh(chosen).catch(() => {}));
    else clear(detail, await starter(params.spec, (job) => ctx.go("training", { job: job.id })));
  }
  await open(ctx.params);
  return (params) =>
    open(params).catch((failure) => {
      const box = problemBox(failure);
      if (box) clear(detail, box);
    });
}

async function starter(given, started) {
  const all = await collections();
  const pictures = all.find((c) => c.items > 0 && c.model)?.name || "COLLECTION",
    users = all.find((c) => c.interactions > 0)?.name || "COLLECTION";
  const text = (make, c) => pretty(make(c));
  const spec = jsonBox("Spec", {
    rows: 18,
    value: given ? pretty(JSON.parse(given)) : text(templates[0][1], pictures),
    hint: "Every key but name and data has a default. Data: a collection, or a path below the server's data root.",
  });
  const template = select(
    templates.map(([name], i) => ({ value: String(i), label: name })),
    {
      onchange: () => {
        spec.input.value = text(templates[template.value][1], template.value === "4" ? users : pictures);
        spec.good();
      },
    },
  );
  const told = el("div");
  const form = el(
    "form",
    {
      class: "stack",
      onsubmit: async (event) => {
        event.preventDefault();
        clear(told);
        try {
          const job = await json("/v1/jobs", { json: { type: "train", spec: spec.read() ?? {} } });
          say("Training started");
          started(job);
        } catch (failure) {
          if (!failure.shown && !spec.fail(failure, "/spec")) clear(told, problemBox(failure));
        }
      },
    },
    field("Begin with", template),
    spec.node,
    told,
    el(
      "div",
      { class: "row" },
      el("button", { type: "submit", class: "primary" }, "Start training"),
      el("span", { class: "dim small" }, "Needs an admin key where the server has keys."),
    ),
  );
  return panel("New training", form);
}

function resultWords(name, value) {
  if (name === "model") return el("a", { href: address("models", { model: value }) }, value);
  if (name === "bytes") return bytes(value);
  if (name === "seconds") return span(value);
  return typeof value === "number" ? short(value, 5) : String(value);
}

// One job, live while it runs.
async function follow(box, id, signal, changed) {
  clear(box, busy());
  const path = "/v1/jobs/" + seg(id);
  const job = await json(path, { signal });
  const state = el("span"),
    bar = el("progress", { max: "1", value: String(job.progress), "aria-label": "Progress" }),
    now = el("div"),
    told = el("div"),
    tools = el("div", { class: "row" });
  const curve = new Map((job.curve || []).map((p) => [p.epoch, p]));
  const lines = (name) =>
    [...curve.values()].filter((p) => Number.isFinite(p[name])).map((p) => [p.epoch, p[name]]);
  const series = () => [
    { name: "training", points: lines("loss") },
    { name: "validation", points: lines("validation") },
  ];
  const chart =
    job.type === "train"
      ? lineChart({ what: "Loss by epoch", x: "epoch", y: "loss", series: series(), height: 260 })
      : null;

  let shown = job.state;
  // A job as the list has it, or what an event says of its progress: where the training stands lies flat in that.
  function present(j) {
    const t = j.training || j;
    if (j.state !== shown) changed();
    shown = j.state;
    clear(state, chip(j.state, stateKind[j.state]));
    bar.value = j.state === "done" ? 1 : j.progress;
    clear(
      now,
      facts([
        ["epoch", t.epochs && t.epoch + " of " + t.epochs],
        ["step", t.steps && count(t.step) + " of " + count(t.steps)],
        ["loss", t.loss !== undefined && t.loss !== null ? short(t.loss, 5) : undefined],
        [
          "validation",
          t.validation !== undefined && t.validation !== null ? short(t.validation, 5) : undefined,
        ],
        ["speed", t.items_per_second ? count(t.items_per_second) + " items a second" : undefined],
        ["left", j.eta_seconds ? span(j.eta_seconds) : undefined],
        ["note", j.note],
      ]),
    );
    const alive = j.state === "running" || j.state === "queued";
    tools.hidden = !alive;
    bar.hidden = !alive;
  }
  const cancel = (keep) => async () => {
    try {
      await json(path, { method: "DELETE", query: { keep } });
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  };
  tools.append(button("Cancel", cancel(undefined), "danger"));
  if (job.type === "train") tools.append(button("End now, keep the best", cancel("best")));
  const end = el("div", { class: "stack" });
  clear(
    box,
    panel(
      [job.type, job.model || job.collection].filter(Boolean).join(" "),
      el(
        "div",
        { class: "row" },
        state,
        el("span", { class: "dim small" }, "started " + when(job.started || job.created)),
        el("code", { class: "dim small" }, job.id),
      ),
      bar,
      now,
      tools,
      told,
      chart?.node,
      end,
      job.spec &&
        el(
          "details",
          {},
          el("summary", {}, "Spec"),
          el("pre", { class: "code", tabIndex: 0 }, pretty(job.spec)),
          el(
            "p",
            {},
            el(
              "a",
              { href: address("training", { spec: JSON.stringify(job.spec) }) },
              "Change it and train again",
            ),
          ),
        ),
    ),
  );
  const finish = (j) => {
    if (j.error)
      clear(
        end,
        el(
          "div",
          { class: "problem" },
          el("p", {}, el("strong", {}, "It failed. "), j.error.detail || j.error.title || j.error.code),
          j.error.errors?.map((e) => el("p", {}, el("code", { class: "pointer" }, e.pointer), " ", e.detail)),
        ),
      );
    else if (j.result)
      clear(
        end,
        facts(
          Object.entries(j.result)
            .filter(([, v]) => typeof v !== "object" && v !== 0)
            .map(([k, v]) => [k.replaceAll("_", " "), resultWords(k, v)]),
        ),
      );
  };
  present(job);
  if (!tools.hidden)
    watch().catch((failure) => {
      const shown = problemBox(failure);
      if (shown) clear(told, shown);
    });
  else finish(job);

  async function watch() {
    for await (const event of events(path + "/events", {
      signal,
      last: curve.size ? String(Math.max(...curve.keys())) : undefined,
    })) {
      const data = JSON.parse(event.data);
      if (event.type === "loss") {
        curve.set(data.epoch, data);
        chart?.update(series());
      } else present(data);
      if (event.type !== "done") continue;
      forget();
      finish(data);
      say(data.type + " " + data.state);
    }
  }
}
