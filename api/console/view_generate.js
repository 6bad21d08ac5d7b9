// Generation: samples from the prior, the way from one item to another, and attributes added and taken away.
import { json, base64, collectionPath, modelPath } from "./api.js";
import { el, clear, heading, panel, empty, button, field, number, say, table, latest } from "./dom.js";
import { fieldsOf } from "./fields.js";
import { count, plain, short } from "./format.js";
import { label } from "./named.js";
import { dataPng, picture } from "./picture.js";
import { codeStrip } from "./plot.js";
import { problemBox, notOffered } from "./problems.js";
import { modelChoice, collections, reference, can } from "./state.js";

// Outputs as something to look at: pictures beside each other (of class `kind`), rows as a table, numbers as strips.
// words(i) says what the i-th is; `captions` are written below.
function gallery(outputs, kind, words, captions) {
  if (outputs[0]?.row) return rowTable(outputs, words);
  return el(
    "div",
    { class: outputs[0]?.image ? kind : "stack" },
    outputs.map((output, i) =>
      el(
        "figure",
        {},
        output.image
          ? picture(dataPng(output.image), { alt: words(i), large: true })
          : codeStrip((output.vector || output.sequence || output.scores || []).flat(), words(i)),
        captions && el("figcaption", { class: "dim small" }, captions(i)),
      ),
    ),
  );
}
function rowTable(outputs, words) {
  const names = Object.keys(outputs[0].row),
    isNumber = (name) => typeof outputs[0].row[name] === "number";
  return table(
    "Rows",
    ["", ...names.map((name) => (isNumber(name) ? "#" : "") + name)],
    outputs.map((output, i) => [
      words(i),
      ...names.map((name) => (isNumber(name) ? short(output.row[name]) : plain(output.row[name]))),
    ]),
  );
}

const SCALES = [-1, -0.5, 0, 0.5, 1, 1.5],
  GROUP = 6;

const fail = (box) => (failure) => {
  const node = notOffered(failure) ? empty("This server does not do that.") : problemBox(failure);
  if (node) clear(box, node);
};

export async function show(root, ctx) {
  const choice = await modelChoice(
    ctx,
    (m) => can(m, "decode") && m.input?.kind !== "interactions",
    () => {
      ctx.set({ model: choice.value });
      open();
    },
  );
  root.append(heading("Generation", "New items out of the latent space: drawn, walked to, or calculated."));
  if (!choice.any) return void root.append(empty("No model with a decoder is ready."));
  const body = el("div", { class: "stack" });
  root.append(el("div", { class: "row ends" }, field("Model", choice.node)), body);
  const again = latest(ctx.signal);
  async function open() {
    const signal = again();
    const model = choice.model,
      home = (await collections()).find((c) => c.model === reference(model) && c.items > 1);
    const first = home
      ? (await json(collectionPath(home.name, "/items"), { signal, query: { limit: 1000 } })).items
      : [];
    clear(
      body,
      can(model, "generate") && samples(model, signal),
      (home || model.input?.kind === "image") && way(model, home, first, signal),
      home && sums(model, home, first, signal),
      !home &&
        model.input?.kind !== "image" &&
        el(
          "p",
          { class: "hint" },
          "No collection of this model is stored: there are no items to walk between.",
        ),
      !can(model, "generate") &&
        el(
          "p",
          { class: "hint" },
          "This model cannot be drawn from: only those with a gaussian code know how likely a code is.",
        ),
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
  const out = el("div"),
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
        gallery(answer.outputs, "samples", (i) => "Sample " + (i + 1)),
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
      placeholder: home && "id in " + home.name,
    }),
    look = el("div", { class: "examples" });
  let own = null;
  const refresh = () => {
    own = null;
    clear(look, id.value && home && el("span", { class: "example" }, label(home, id.value)));
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
      own = await base64(input.files[0]);
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
      home ? field(words, id) : el("h3", {}, words),
      model.input?.kind === "image" &&
        el("label", { class: "button choose" }, "A picture of your own", input),
      look,
    ),
    get value() {
      return own ? { image: own } : id.value.trim() || null;
    },
    set(text) {
      id.value = text;
      refresh();
    },
  };
}

// Ids travel with their collection; pictures as inputs.
function way(model, home, first, signal) {
  const out = el("div"),
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
        gallery(answer.outputs, "stripe", (i) => "Step " + (i + 1) + " of " + answer.outputs.length),
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

// Two groups that differ in the most telling field of the metadata: {add, less (ids), to (an id)}.
function groups(first) {
  const name = fieldsOf(first.map((i) => i.metadata || {})).find((f) => f.kind === "words")?.name;
  const tally = new Map();
  for (const item of first) {
    const word = name && plain(item.metadata?.[name]);
    if (!word) continue;
    if (!tally.has(word)) tally.set(word, []);
    tally.get(word).push(item.id);
  }
  const [one, two] = [...tally].sort((a, b) => b[1].length - a[1].length);
  if (!two || two[1].length < 2) return { add: [first[0].id], less: [first[1].id], to: first[1].id };
  return { add: one[1].slice(0, GROUP), less: two[1].slice(0, GROUP), to: two[1].at(-1) };
}

// code(to) + scale · (mean(add) − mean(subtract)), for some scales beside each other.
function sums(model, home, first, signal) {
  const list = (text) => text.split(/[\s,]+/).filter(Boolean),
    ids = (value, words) =>
      el("input", { value, autocomplete: "off", spellcheck: "false", placeholder: words });
  const start = groups(first);
  const add = ids(start.add.join(", "), "ids, with commas"),
    less = ids(start.less.join(", "), "ids, with commas"),
    to = ids(start.to, "an id");
  const out = el("div"),
    look = el("div", { class: "fields" }),
    told = el("div");
  const shelf = (items) =>
    el(
      "div",
      { class: "examples shelf" },
      items.map((id) => el("span", { class: "example", title: id }, label(home, id))),
    );
  const run = async () => {
    clear(look, shelf(list(add.value)), shelf(list(less.value)), shelf(list(to.value)));
    try {
      const all = await Promise.all(
        SCALES.map((scale) =>
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
        gallery(
          all.map((answer) => answer.outputs[0]),
          "stripe",
          (i) => "Scale " + SCALES[i],
          (i) => "× " + SCALES[i],
        ),
      );
    } catch (failure) {
      fail(told)(failure);
    }
  };
  run();
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
      look,
      el("div", {}, el("button", { type: "submit" }, "Calculate")),
    ),
    told,
    out,
  );
}
