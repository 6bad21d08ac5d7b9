// Models: what is loaded; of one its manifest, calibration and record, what it gives back, and a walk through its codes.
import { json, collectionPath, itemPath, modelPath } from "./api.js";
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
  table,
  latest,
} from "./dom.js";
import { count, short, span, when, percent, pretty } from "./format.js";
import { thumb } from "./grid.js";
import { walk } from "./latent.js";
import { pack } from "./pack.js";
import { picture } from "./picture.js";
import { lineChart } from "./chart.js";
import { density } from "./plot.js";
import { problemBox } from "./problems.js";
import { models, collections, detailOf, reference, can, forget } from "./state.js";

const stateKind = { ready: "good", loading: "warn", unavailable: "bad" };

function inputWords(input) {
  if (!input) return "unknown";
  if (input.kind === "image")
    return `pictures, ${input.width} × ${input.height}, ${input.channels === 1 ? "gray" : "colour"}`;
  if (input.kind === "sequence") return `sequences, ${input.length} steps of ${input.features}`;
  return (
    { vector: "vectors of ", table: "table rows of ", interactions: "histories over " }[input.kind] +
    count(input.dimension) +
    { vector: " numbers", table: " elements", interactions: " items" }[input.kind]
  );
}

export async function show(root, ctx) {
  const all = await models(true);
  root.append(
    heading(
      "Models",
      "One latent code a picture, row or history; every verb of the service answers from it.",
    ),
  );
  if (!all.length)
    return void root.append(
      empty(
        "No models.",
        "Train one, or put a package into the models folder and load it: ",
        el("code", {}, "POST /v1/models/NAME/load"),
        ".",
      ),
    );
  const list = el("nav", { class: "pick", "aria-label": "Models" });
  const detail = el("div", { class: "stack" });
  root.append(
    el(
      "div",
      { class: "split" },
      el(
        "div",
        { class: "stack" },
        list,
        loader(() => ctx.go("models", {})),
      ),
      detail,
    ),
  );
  const again = latest(ctx.signal);

  async function open(params) {
    const signal = again();
    const chosen =
      all.find((m) => reference(m) === params.model) || all.find((m) => m.state === "ready") || all[0];
    clear(
      list,
      all.map((m) =>
        el(
          "a",
          {
            href: address("models", { model: reference(m) }),
            "aria-current": m === chosen ? "true" : undefined,
          },
          el(
            "span",
            { class: "row" },
            el("strong", {}, reference(m)),
            m.state !== "ready" && chip(m.state, stateKind[m.state]),
          ),
          el("span", { class: "dim small" }, inputWords(m.input)),
        ),
      ),
    );
    clear(detail, busy());
    try {
      await describe(detail, chosen, signal);
    } catch (failure) {
      const box = problemBox(failure);
      if (box) clear(detail, box);
    }
  }
  await open(ctx.params);
  return open;
}

// A package put into the models folder while serving is found by its name.
function loader(done) {
  const name = el("input", {
    placeholder: "name or name@version",
    "aria-label": "Model to load",
    autocomplete: "off",
    spellcheck: "false",
  });
  const told = el("div");
  const act = (verb) => async () => {
    if (!name.value) return name.focus();
    try {
      await json(modelPath(name.value, "/" + verb), { method: "POST" });
      forget();
      done();
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  };
  return el(
    "details",
    {},
    el("summary", {}, "Load or unload"),
    el(
      "div",
      { class: "stack" },
      name,
      el("div", { class: "row" }, button("Load", act("load")), button("Unload", act("unload"))),
      told,
    ),
  );
}

async function describe(box, model, signal) {
  const ref = reference(model);
  const detail = await detailOf(ref, signal);
  const input = detail.input,
    m = detail.manifest || {},
    all = await collections(),
    users = all.filter((c) => c.model === ref),
    served = all.filter((c) => [ref, model.name].includes(c.recommender));
  const links = (view, list) =>
    list.map((c, i) => [i ? ", " : "", el("a", { href: address(view, { collection: c.name }) }, c.name)]);
  clear(
    box,
    panel(
      ref,
      detail.reason && el("p", { class: "problem" }, detail.reason),
      el(
        "p",
        { class: "chips" },
        detail.capabilities.map((c) => chip(c, "accent")),
      ),
      facts([
        ["state", chip(detail.state, stateKind[detail.state])],
        ["input", inputWords(input)],
        [
          "code",
          detail.code_dimension && count(detail.code_dimension) + " numbers, " + (m.code?.metric || "l2"),
        ],
        ["likelihood", m.likelihood],
        ["collections", users.length ? links("search", users) : served.length === 0 && "none"],
        ["recommends for", served.length > 0 && links("recommend", served)],
      ]),
    ),
  );
  const source = users.find((c) => c.items > 0 && c.keep_inputs);
  if (can(model, "decode") && input?.kind === "image" && source)
    box.append(await lineup(model, source, signal));
  if (can(model, "decode") && input?.kind === "image")
    box.append(
      walk(
        model,
        users.find((c) => c.items > 2),
        signal,
      ),
    );
  if (can(model, "compress") && input?.kind === "image") {
    const first =
      source &&
      (await json(collectionPath(source.name, "/items"), { signal, query: { limit: 60 } })).items.at(-1);
    box.append(pack(model, first ? { collection: source.name, id: first.id } : null, signal));
  }
  const halves = el("div", { class: "halves" });
  if (detail.training) halves.append(record(detail.training));
  if (detail.calibration?.quantiles?.length > 1) halves.append(calibration(detail.calibration));
  if (halves.childElementCount) box.append(halves);
  if (m.input?.columns) box.append(columns(m.input.columns));
  box.append(
    panel(
      "Manifest",
      el(
        "details",
        {},
        el("summary", {}, "As it stands in the package"),
        el(
          "pre",
          { class: "code", tabIndex: 0 },
          pretty({
            ...m,
            calibration: m.calibration && {
              ...m.calibration,
              quantiles: "… " + (m.calibration.quantiles || []).length + " numbers",
            },
            training: undefined,
          }),
        ),
      ),
    ),
  );
}

// Stored pictures over what their codes give back.
async function lineup(model, collection, signal) {
  const { items } = await json(collectionPath(collection.name, "/items"), { signal, query: { limit: 400 } });
  const step = Math.max(1, Math.floor(items.length / 12)),
    some = items.filter((_, i) => i % step === 0).slice(0, 12);
  return panel(
    "Originals, and what their codes give back",
    el(
      "p",
      { class: "dim small" },
      "From " +
        collection.name +
        ": above the stored picture, below " +
        count(model.code_dimension) +
        " numbers decoded.",
    ),
    el(
      "div",
      { class: "lineup" },
      some.map((item) =>
        el(
          "figure",
          {},
          thumb(collection.name, item.id, { alt: "Original " + item.id }),
          picture(itemPath(collection.name, item.id, "/reconstruction"), {
            alt: "Its reconstruction",
            instead: "–",
          }),
          item.error !== undefined &&
            item.error !== null &&
            el("figcaption", {}, "error " + short(item.error, 3)),
        ),
      ),
    ),
  );
}

function record(training) {
  const curve = training.curve || [],
    metrics = training.metrics || {};
  const lines = (name) => curve.filter((p) => Number.isFinite(p[name])).map((p) => [p.epoch, p[name]]);
  return panel(
    "Training record",
    curve.length > 1 &&
      lineChart({
        what: "Loss by epoch",
        x: "epoch",
        y: "loss",
        series: [
          { name: "training", points: lines("loss") },
          { name: "validation", points: lines("validation") },
        ],
      }).node,
    facts([
      ["finished", training.finished && when(training.finished)],
      ["took", training.seconds > 0 && span(training.seconds)],
      [
        "epochs",
        training.epochs > 0 &&
          training.epochs +
            (training.best_epoch ? ", best " + training.best_epoch : "") +
            (training.ended ? ", ended by " + training.ended : ""),
      ],
      [
        "data",
        training.data?.items &&
          count(training.data.items) +
            " items" +
            (training.data.validation ? ", " + count(training.data.validation) + " held out" : ""),
      ],
      ...Object.entries(metrics)
        .filter(([, v]) => typeof v === "number")
        .map(([k, v]) => [k.replaceAll("_", " "), short(v, 5)]),
    ]),
    training.spec &&
      el(
        "details",
        {},
        el("summary", {}, "Spec"),
        el("pre", { class: "code", tabIndex: 0 }, pretty(training.spec)),
        el(
          "p",
          {},
          el(
            "a",
            { href: address("training", { spec: JSON.stringify(training.spec) }) },
            "Train with it again",
          ),
        ),
      ),
  );
}

function calibration(c) {
  const at = (share) => c.quantiles[Math.round((c.quantiles.length - 1) * share)];
  return panel(
    "Calibration",
    el(
      "p",
      { class: "dim small" },
      "Reconstruction errors of " +
        count(c.n) +
        (c.id?.startsWith("train-") ? " items of the training set" : " items that training did not see") +
        ". p-values are places in this distribution.",
    ),
    density(c.quantiles, { what: "Distribution of calibration errors, median " + short(at(0.5)) }),
    table(
      "Quantiles of the error",
      ["share", "#error above which it lies"],
      [0.5, 0.1, 0.05, 0.01].map((rate) => [percent(rate), short(at(1 - rate))]),
    ),
    facts([["id", el("code", {}, c.id)]]),
  );
}

function columns(list) {
  return panel(
    "Columns",
    el(
      "ul",
      { class: "columns", role: "list" },
      list.map((c) =>
        el(
          "li",
          {},
          el("span", { class: "wrap" }, c.name),
          el(
            "span",
            { class: "dim small" },
            c.categories
              ? c.categories.length > 6
                ? count(c.categories.length) + " words"
                : c.categories.join(", ")
              : (c.type && c.type !== "numeric" ? c.type + ", " : "") + "mean " + short(c.mean ?? 0),
          ),
        ),
      ),
    ),
  );
}
