// Anomalies: what a collection's model gives back worst, and why: bars of contributions, or a map of the pixels.
import { ask, json, base64, collectionPath, itemPath, modelPath } from "./api.js";
import {
  address,
  roomy,
  el,
  clear,
  heading,
  panel,
  chip,
  empty,
  button,
  field,
  select,
  facts,
  busy,
  latest,
} from "./dom.js";
import { count, short, percent } from "./format.js";
import { drift } from "./drift.js";
import { hitGrid } from "./grid.js";
import { dropBox, loadImage, picture, pixels, dataPng } from "./picture.js";
import { bars, density } from "./plot.js";
import { problemBox, notOffered } from "./problems.js";
import { collectionChoice, modelOf, detailOf, reference, can } from "./state.js";

const verdict = (p) =>
  p === undefined || p === null
    ? null
    : p < 0.01
      ? chip("p " + short(p, 2), "bad")
      : p < 0.05
        ? chip("p " + short(p, 2), "warn")
        : chip("p " + short(p, 2), "");

export async function show(root, ctx) {
  const choice = await collectionChoice(
    ctx,
    (c, model) => c.items > 0 && can(model, "score"),
    () => {
      ctx.set({ collection: choice.value });
      fill();
    },
  );
  root.append(heading("Anomalies", "What the model gives back worst is what it has not seen the like of."));
  if (!choice.any)
    return void root.append(
      empty(
        "No collection whose model can score.",
        "Scores need a decoder and a calibration; models that latentd trains have both.",
      ),
    );
  const rate = select(
    [
      ["0.01", "1 %"],
      ["0.05", "5 %"],
      ["0.001", "0.1 %"],
    ].map(([value, label]) => ({ value, label })),
    {
      onchange: () => {
        if (repeat) repeat();
      },
    },
  );
  const list = el("div", { class: "stack" }),
    detail = el("div", { class: "stack" }),
    moved = el("div");
  let model,
    repeat = null,
    signal;
  const again = latest(ctx.signal);
  const drop = dropBox({
    label: "Score a picture",
    signal: ctx.signal,
    onpicture: async (file) =>
      explain({
        name: file.name || "Your picture",
        input: { image: await base64(file) },
        source: URL.createObjectURL(file),
      }),
  });
  root.append(
    el("div", { class: "row ends" }, field("Collection", choice.node), field("False alarms", rate)),
    el("div", { class: "split wide" }, list, el("div", { class: "stack" }, detail, drop, moved)),
  );

  async function fill() {
    signal = again();
    model = await modelOf(choice.collection);
    drop.hidden = model.input.kind !== "image";
    repeat = null;
    clear(detail, el("p", { class: "dim" }, "Choose one to see why."));
    clear(
      list,
      busy("Loading …  What was never scored is scored now; of many items that takes some seconds."),
    );
    clear(moved);
    try {
      await page(undefined, []);
      const told = await drift(choice.value, signal);
      if (told) clear(moved, told);
    } catch (failure) {
      const box = notOffered(failure)
        ? empty("This server keeps no list of anomalies.")
        : problemBox(failure);
      if (box) clear(list, box);
    }
  }
  async function page(cursor, shown) {
    const mine = signal;
    const answer = await json(collectionPath(choice.value, "/anomalies"), {
      signal,
      query: { limit: 24, cursor },
    });
    if (mine.aborted) return;
    shown.push(...answer.results);
    if (!shown.length && answer.complete)
      return void clear(
        list,
        empty("No item has a score.", "Items that are stored as bare codes cannot have one."),
      );
    clear(
      list,
      !answer.complete &&
        el(
          "p",
          { class: "dim", role: "status" },
          "Scores are still being made: what follows is the worst of those that are there.",
        ),
      hitGrid({
        collection: choice.collection,
        hits: shown,
        label: "Anomalies, worst first",
        onpick: why,
        note: (r) => el("span", {}, verdict(r.p_value)),
        by: "error",
        large: true,
      }),
      answer.next_cursor &&
        button("Show more", () => page(answer.next_cursor, shown).catch((f) => clear(list, problemBox(f)))),
    );
    if (!answer.complete && !cursor) await page(undefined, []);
  }

  async function why(result) {
    const reply = await ask(itemPath(choice.value, result.id, "/input"), { signal }).catch((failure) => {
      const b = problemBox(failure);
      if (b) clear(detail, b);
    });
    if (!reply) return;
    const isImage = model.input.kind === "image";
    const input = isImage
      ? { image: await base64(await reply.blob()) }
      : await inputOf(reply, model.input.kind);
    explain({
      id: result.id,
      name: result.id,
      result,
      input,
      source: isImage ? itemPath(choice.value, result.id, "/input") : null,
    });
  }

  async function explain(one) {
    repeat = () => explain(one);
    clear(detail, busy());
    if (!roomy()) detail.scrollIntoView({ block: "start" });
    try {
      const ref = reference(model);
      const [scored, made, about] = await Promise.all([
        json(modelPath(ref, "/score"), {
          signal,
          json: { inputs: [one.input], false_alarm_rate: Number(rate.value) },
        }),
        one.source ? json(modelPath(ref, "/reconstruct"), { signal, json: { inputs: [one.input] } }) : null,
        detailOf(ref, signal),
      ]);
      const r = scored.results[0];
      clear(
        detail,
        panel(
          null,
          el("h2", { class: "wrap" }, one.name),
          el(
            "p",
            { class: "row" },
            r.anomalous === undefined
              ? null
              : chip(r.anomalous ? "anomalous" : "not anomalous", r.anomalous ? "bad" : "good"),
            verdict(r.p_value),
          ),
          one.source && made ? await pixelMap(one.source, dataPng(made.outputs[0].image), model.input) : null,
          facts([
            ["error", short(r.error)],
            ["score", r.score !== undefined && r.score !== r.error ? short(r.score) : undefined],
            [
              "threshold",
              r.threshold !== undefined
                ? short(r.threshold) + " at " + percent(Number(rate.value)) + " false alarms"
                : undefined,
            ],
            ["percentile", r.percentile !== undefined ? short(r.percentile) : undefined],
          ]),
          about.calibration?.quantiles &&
            (r.score ?? r.error) !== undefined &&
            density(about.calibration.quantiles, {
              value: r.score ?? r.error,
              what: "Where its score " + short(r.score ?? r.error) + " lies among those of calibration",
            }),
          !one.source &&
            r.contributions?.length > 0 && [
              el("h3", {}, "Where it comes from"),
              contributions(r.contributions),
            ],
          one.id &&
            el(
              "p",
              {},
              el(
                "a",
                { href: address("search", { collection: choice.value, id: one.id }) },
                "Its neighbours",
              ),
            ),
        ),
      );
    } catch (failure) {
      const box = notOffered(failure) ? empty("This server does not score.") : problemBox(failure);
      if (box) clear(detail, box);
    }
  }

  fill();
}

async function inputOf(reply, kind) {
  if (/json/.test(reply.headers.get("Content-Type") || "")) return reply.json();
  const values = [...new Float32Array(await reply.arrayBuffer())];
  return kind === "sequence" ? { sequence: values } : { vector: values };
}

function contributions(list) {
  const rows = list.slice(0, 12);
  const most = Math.max(...rows.map((c) => c.share), 1e-9),
    text = (v) =>
      typeof v === "number" ? short(v) : Array.isArray(v) ? JSON.stringify(v) : String(v ?? "–");
  return [
    bars(
      "Contributions to the error",
      rows.map((c) => ({
        name: String(c.feature),
        share: c.share / most,
        value: percent(c.share, 2),
        note:
          c.observed !== undefined
            ? "observed " + text(c.observed) + ", expected " + text(c.expected)
            : undefined,
      })),
      "bad",
    ),
    list.length > rows.length &&
      el("p", { class: "dim small" }, "and " + count(list.length - rows.length) + " smaller ones"),
  ];
}

// Original, what comes back, and the squared difference pixel by pixel, the same mean as the error.
async function pixelMap(original, made, input) {
  const [a, b] = await Promise.all([loadImage(original), loadImage(made)]);
  if (!a || !b) return null;
  const { width, height } = input,
    one = pixels(a, width, height).data,
    two = pixels(b, width, height).data;
  const canvas = el("canvas", {
    width,
    height,
    role: "img",
    "aria-label": "Map of the error: bright pixels are those the model did not expect",
  });
  const pen = canvas.getContext("2d"),
    out = pen.createImageData(width, height),
    errors = new Float32Array(width * height);
  for (let i = 0; i < errors.length; i++)
    for (let c = 0; c < 3; c++) errors[i] += ((one[4 * i + c] - two[4 * i + c]) / 255) ** 2 / 3;
  const most = Math.max(...errors, 1e-6);
  for (let i = 0; i < errors.length; i++) {
    const t = Math.sqrt(errors[i] / most);
    out.data.set(
      [Math.min(255, 420 * t), Math.max(0, 340 * (t - 0.35)), Math.max(0, 60 + 500 * (t - 0.72)), 255],
      4 * i,
    );
  }
  pen.putImageData(out, 0, 0);
  const of = (node, words) => el("figure", {}, node, el("figcaption", {}, words));
  return el(
    "div",
    { class: "triple" },
    of(picture(original, { alt: "The original", large: true }), "original"),
    of(picture(made, { alt: "What its code gives back", large: true }), "expected"),
    of(canvas, "error"),
  );
}
