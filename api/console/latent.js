// A walk through the codes of a model: sliders along the main directions of a collection's codes (or along the bare
// numbers), decoded while they move: one request under way, always for the newest position.
import { ask, json, codeOf, collectionPath, itemPath, modelPath } from "./api.js";
import { el, clear, panel, button, field, select, framed, newest, say } from "./dom.js";
import { short, percent } from "./format.js";
import { packed, principal } from "./pca.js";
import { codeStrip } from "./plot.js";
import { problemBox } from "./problems.js";
import { reference } from "./state.js";

const SLIDERS = 12,
  SAMPLE = 1000;

// One decimal, and no minus before nothing.
const tenths = (x) => (Math.round(x * 10) / 10 || 0).toFixed(1);

async function sample(collection, signal) {
  const { items } = await json(collectionPath(collection, "/items"), {
    signal,
    query: { include: "code", encoding: "base64", limit: SAMPLE },
  });
  const coded = items.filter((i) => i.code),
    rows = coded.map(codeOf);
  return { ids: coded.map((i) => i.id), rows, ...packed(rows) };
}

export function walk(model, collection, signal) {
  const d = model.code_dimension;
  const image = el("img", { alt: "What the code decodes to" }),
    frame = el("div", { class: "picture" }, image),
    strip = el("div", { class: "strip" });
  const sliders = el("div", { class: "sliders" }),
    told = el("div");
  const start = el("input", { placeholder: "id of an item", autocomplete: "off", spellcheck: "false" });
  const kind = select(
    collection
      ? [
          { value: "main", label: "main directions" },
          { value: "bare", label: "single numbers" },
        ]
      : [{ value: "bare", label: "single numbers" }],
    { onchange: () => build() },
  );
  let origin = new Float64Array(d),
    axes = [],
    from = null;

  // The axes: {name, vector or index, sigma, note}.
  function build() {
    axes =
      kind.value === "main" && from?.pca
        ? from.pca.axes.map((vector, i) => ({
            name: "PC " + (i + 1),
            vector,
            sigma: from.pca.sigma[i],
            note: percent(from.pca.share[i], 2) + " of the variance",
          }))
        : bare();
    clear(
      sliders,
      axes.map((axis) => {
        const value = el("output", { class: "num dim" }, "0"),
          at = position(axis, origin);
        const input = el("input", {
          type: "range",
          min: "-3.5",
          max: "3.5",
          step: "0.05",
          value: String(at),
          "aria-label": axis.name + ", " + axis.note + ", in standard deviations",
        });
        axis.start = at;
        axis.input = input;
        value.textContent = tenths(at);
        input.addEventListener("input", () => {
          value.textContent = tenths(Number(input.value));
          move();
        });
        input.addEventListener("dblclick", () => {
          input.value = String(axis.start);
          input.dispatchEvent(new Event("input"));
        });
        return el("label", { class: "slider", title: axis.note }, el("span", {}, axis.name), input, value);
      }),
    );
    move();
  }
  // Those numbers of the code that vary most.
  function bare() {
    const spread = Array.from({ length: d }, (_, j) => {
      const n = from?.rows.length || 0;
      if (n < 2) return { j, mean: 0, sigma: 1 };
      let sum = 0,
        square = 0;
      for (const row of from.rows) {
        sum += row[j];
        square += row[j] * row[j];
      }
      return { j, mean: sum / n, sigma: Math.sqrt(Math.max(square / n - (sum / n) ** 2, 1e-12)) };
    })
      .sort((a, b) => b.sigma - a.sigma)
      .slice(0, SLIDERS);
    return spread.map((s) => ({
      name: "z" + (s.j + 1),
      index: s.j,
      mean: s.mean,
      sigma: s.sigma,
      note: "number " + (s.j + 1) + " of the code, deviation " + short(s.sigma, 3),
    }));
  }
  const position = (axis, code) =>
    axis.vector
      ? axis.vector.reduce((sum, v, j) => sum + v * (code[j] - from.pca.mean[j]), 0) / (axis.sigma || 1)
      : (code[axis.index] - axis.mean) / axis.sigma;

  function code() {
    const next = Float64Array.from(origin);
    for (const axis of axes) {
      const by = (Number(axis.input.value) - Math.min(Math.max(axis.start, -3.5), 3.5)) * axis.sigma;
      if (axis.vector) for (let j = 0; j < d; j++) next[j] += axis.vector[j] * by;
      else next[axis.index] += by;
    }
    return next;
  }
  const decode = newest(async () => {
    if (signal.aborted) return;
    try {
      const reply = await ask(modelPath(reference(model), "/decode"), {
        signal,
        accept: "image/png",
        json: { codes: [[...code()].map((v) => Number(v.toFixed(5)))] },
      });
      const url = URL.createObjectURL(await reply.blob());
      image.onload = () => {
        URL.revokeObjectURL(url);
        image.classList.toggle("tiny", image.naturalWidth <= 48);
      };
      image.src = url;
      clear(told);
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  });
  const move = framed(() => {
    clear(strip, codeStrip(code(), "The code"));
    decode();
  });

  async function begin(id) {
    try {
      if (id)
        origin = Float64Array.from(
          (await json(itemPath(collection.name, id), { signal, query: { include: "code" } })).code,
        );
      else origin = Float64Array.from(from?.pca?.mean || new Float64Array(d));
      build();
      say(id ? "Starting at " + id : "Starting at the mean");
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  }
  (async () => {
    if (collection) {
      from = await sample(collection.name, signal);
      from.pca = await principal(from.codes, from.rows.length, from.d, SLIDERS, signal);
      start.value = from.ids[Math.floor(from.ids.length / 3)];
      await begin(start.value);
    } else build();
  })().catch((failure) => {
    const box = problemBox(failure);
    if (box) clear(told, box);
  });

  const form = el(
    "form",
    {
      class: "row ends",
      onsubmit: (event) => {
        event.preventDefault();
        begin(start.value.trim());
      },
    },
    field("Directions", kind),
    collection && field("Start at", start),
    collection && el("button", { type: "submit" }, "Go"),
    collection &&
      button("Random", () => {
        start.value = from.ids[Math.floor(Math.random() * from.ids.length)];
        begin(start.value);
      }),
    button("Mean", () => begin("")),
    button("Back", () => build()),
  );
  return panel(
    "Walk the latent code",
    el(
      "p",
      { class: "dim small" },
      "Each slider moves the code along one direction, in standard deviations; the picture is decoded as you drag. A double click puts a slider back.",
    ),
    form,
    el("div", { class: "walk" }, el("div", { class: "shown" }, frame, strip), sliders),
    told,
  );
}
