// Generation: samples from the prior, the way from one item to another, and attributes added and taken away.
import { json, base64, collectionPath, modelPath } from "./api.js";
import { el, clear, heading, panel, empty, button, field, number, say } from "./dom.js";
import { count, short } from "./format.js";
import { thumb } from "./grid.js";
import { dataPng } from "./picture.js";
import { problemBox, notOffered } from "./problems.js";
import { modelChoice, collections, reference, can } from "./state.js";

// Any output as something to look at.
function shown(output, words) {
  if (output.image) {
    const img = el("img", { alt: words, src: dataPng(output.image) });
    img.addEventListener("load", () => img.classList.toggle("tiny", img.naturalWidth <= 48));
    return el("span", { class: "picture" }, img);
  }
  const value = output.row || output.vector || output.sequence || output.scores || output;
  return el(
    "pre",
    { class: "code" },
    JSON.stringify(value, (_, v) => (typeof v === "number" ? Number(short(v)) || v : v), 1),
  );
}

const fail = (box) => (failure) => {
  const node = notOffered(failure) ? empty("This server does not do that.") : problemBox(failure);
  if (node) clear(box, node);
};

export async function show(root, ctx) {
  const choice = await modelChoice(
    ctx,
    (m) => can(m, "decode"),
    () => {
      ctx.set({ model: choice.value });
      open();
    },
  );
  root.append(heading("Generation", "New items out of the latent space: drawn, walked to, or calculated."));
  if (!choice.any) return void root.append(empty("No model with a decoder is ready."));
  const body = el("div", { class: "stack" });
  root.append(el("div", { class: "row ends" }, field("Model", choice.node)), body);
  let stop = new AbortController();
  async function open() {
    stop.abort();
    stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, ctx.signal]);
    const model = choice.model,
      home = (await collections()).find((c) => c.model === reference(model) && c.items > 1);
    const first = home
      ? (await json(collectionPath(home.name, "/items"), { signal, query: { limit: 1000 } })).items
      : [];
    clear(
      body,
      can(model, "generate")
        ? samples(model, signal)
        : panel(
            "Samples",
            empty(
              "This model cannot be drawn from.",
              "Only models with a gaussian code know how likely a code is. What follows works with any decoder.",
            ),
          ),
      way(model, home, first, signal),
      sums(model, home, first, signal),
    );
  }
  await open();
}

function samples(model, signal) {
  const n = number({ value: "24", min: "1", max: "200" }),
    seed = number({ placeholder: "random", min: "0", step: "1" }),
    heat = el("input", { type: "range", min: "0", max: "1.5", step: "0.05", value: "1" });
  heat.setAttribute("aria-valuetext", "1");
  heat.addEventListener("input", () => {
    heat.setAttribute("aria-valuetext", heat.value);
    heat.title = heat.value;
  });
  const out = el("div", { class: "samples" }),
    told = el("div");
  const run = async () => {
    out.setAttribute("aria-busy", "true");
    try {
      const answer = await json(modelPath(reference(model), "/generate"), {
        signal,
        json: {
          count: Number(n.value) || 24,
          temperature: Number(heat.value),
          seed: seed.value === "" ? Math.floor(Math.random() * 2 ** 31) : Number(seed.value),
        },
      });
      clear(told);
      clear(
        out,
        answer.outputs.map((o, i) => shown(o, "Sample " + (i + 1))),
      );
      say(count(answer.outputs.length) + " samples");
    } catch (failure) {
      fail(told)(failure);
    } finally {
      out.removeAttribute("aria-busy");
    }
  };
  heat.addEventListener("change", run);
  run();
  return panel(
    "Samples",
    el(
      "form",
      {
        class: "row ends",
        onsubmit: (event) => {
          event.preventDefault();
          run();
        },
      },
      field("How many", n),
      field("Temperature", heat),
      field("Seed", seed),
      el("button", { type: "submit", class: "primary" }, "Draw"),
    ),
    told,
    out,
  );
}

// A place in latent space: an id of the collection or a picture: {node, value(), set(id)}.
function place(words, model, home, signal, changed) {
  const id = el("input", {
      autocomplete: "off",
      spellcheck: "false",
      placeholder: home ? "id in " + home.name : "–",
    }),
    look = el("div", { class: "examples" });
  let picture = null;
  const refresh = () => {
    picture = null;
    clear(
      look,
      id.value &&
        home &&
        el(
          "span",
          { class: "example" },
          thumb(home.name, id.value),
          el("span", { class: "label" }, id.value),
        ),
    );
  };
  id.addEventListener("change", () => {
    refresh();
    changed?.();
  });
  const input = el("input", {
    type: "file",
    accept: "image/*",
    "aria-label": words + ": a picture of your own",
    onchange: async () => {
      if (!input.files[0]) return;
      picture = await base64(input.files[0]);
      id.value = "";
      clear(
        look,
        el(
          "span",
          { class: "example" },
          el("span", { class: "picture" }, el("img", { alt: "", src: URL.createObjectURL(input.files[0]) })),
          el("span", { class: "label" }, input.files[0].name),
        ),
      );
      changed?.();
    },
  });
  return {
    node: el(
      "div",
      { class: "stack" },
      field(words, id),
      model.input?.kind === "image" &&
        el("label", { class: "button choose" }, "A picture of your own", input),
      look,
    ),
    get value() {
      return picture ? { image: picture } : id.value.trim() || null;
    },
    set(text) {
      id.value = text;
      refresh();
    },
  };
}

// Ids travel with their collection; pictures as inputs.
function way(model, home, first, signal) {
  const out = el("div", { class: "stripe" }),
    told = el("div"),
    steps = number({ value: "9", min: "2", max: "64" });
  const run = async () => {
    if (!from.value || !to.value) return;
    try {
      const answer = await json(modelPath(reference(model), "/interpolate"), {
        signal,
        json: {
          from: from.value,
          to: to.value,
          steps: Number(steps.value) || 9,
          collection:
            home && (typeof from.value === "string" || typeof to.value === "string") ? home.name : undefined,
        },
      });
      clear(told);
      clear(
        out,
        answer.outputs.map((o, i) => shown(o, "Step " + (i + 1) + " of " + answer.outputs.length)),
      );
      say(count(answer.outputs.length) + " steps");
    } catch (failure) {
      fail(told)(failure);
    }
  };
  const from = place("From", model, home, signal, run),
    to = place("To", model, home, signal, run);
  const roll = () => {
    const any = () => first[Math.floor(Math.random() * first.length)].id;
    from.set(any());
    to.set(any());
    run();
  };
  if (first.length > 1) {
    from.set(first[Math.floor(first.length * 0.2)].id);
    to.set(first[Math.floor(first.length * 0.8)].id);
    run();
  }
  return panel(
    "From one to another",
    el(
      "form",
      {
        class: "stack",
        onsubmit: (event) => {
          event.preventDefault();
          run();
        },
      },
      el("div", { class: "halves" }, from.node, to.node),
      el(
        "div",
        { class: "row ends" },
        field("Steps", steps),
        el("button", { type: "submit", class: "primary" }, "Walk"),
        first.length > 1 && button("Another pair", roll),
      ),
    ),
    told,
    out,
  );
}

// code(to) + scale · (mean(add) − mean(subtract)), for some scales beside each other.
function sums(model, home, first, signal) {
  if (!home) return null;
  const list = (text) => text.split(/[\s,]+/).filter(Boolean),
    ids = (value, words) =>
      el("input", { value, autocomplete: "off", spellcheck: "false", placeholder: words });
  const add = ids(first[2]?.id || "", "ids, with commas"),
    less = ids(first[5]?.id || "", "ids, with commas"),
    to = ids(first[8]?.id || "", "an id");
  const out = el("div", { class: "stripe" }),
    told = el("div");
  const run = async () => {
    try {
      const all = await Promise.all(
        [-1, -0.5, 0, 0.5, 1, 1.5].map((scale) =>
          json(modelPath(reference(model), "/latent"), {
            signal,
            json: {
              add: list(add.value),
              subtract: list(less.value),
              to: to.value.trim(),
              scale,
              collection: home.name,
            },
          }),
        ),
      );
      clear(told);
      clear(
        out,
        all.map((answer, i) =>
          el(
            "figure",
            {},
            shown(answer.outputs[0], "Scale " + (i / 2 - 1)),
            el("figcaption", { class: "dim small" }, "× " + (i / 2 - 1)),
          ),
        ),
      );
    } catch (failure) {
      fail(told)(failure);
    }
  };
  return panel(
    "What if it had more of that",
    el(
      "p",
      { class: "dim small" },
      "The direction from the mean of one group to the mean of another, added to an item at several strengths.",
    ),
    el(
      "form",
      {
        class: "stack",
        onsubmit: (event) => {
          event.preventDefault();
          run();
        },
      },
      el("div", { class: "fields" }, field("Add", add), field("Take away", less), field("To", to)),
      el("div", {}, el("button", { type: "submit" }, "Calculate")),
    ),
    told,
    out,
  );
}
