// Map: the codes of a collection in two dimensions (their principal components), coloured by a field of the metadata.
import { json, codeOf, collectionPath, itemPath } from "./api.js";
import { el, clear, field, select, heading, busy, empty, facts, say, latest } from "./dom.js";
import { details, count, plain, percent, short, title } from "./format.js";
import { picture } from "./picture.js";
import { fieldsOf } from "./fields.js";
import { packed, principal, along } from "./pca.js";
import { problemBox } from "./problems.js";
import { scatter } from "./scatter.js";
import { collectionChoice, collections, modelOf, noCollections } from "./state.js";
import { initials } from "./grid.js";

// Ten hues that keep apart in both schemes, also for eyes that see fewer of them; the rest is gray.
const hues = [
  "#2f7fd1",
  "#e0812b",
  "#2f9e62",
  "#c9446b",
  "#8a63c9",
  "#b08a1e",
  "#21a3a3",
  "#a35a3a",
  "#d06fc0",
  "#7a9a2a",
];
const REST = "#8d959d";
const STEPS = 48;
const ramp = (t) =>
  `hsl(${Math.round(250 - 205 * t)} ${Math.round(55 + 25 * t)}% ${Math.round(38 + 22 * t)}%)`;

// Numbers kept of codes, and rows that say where their principal components lie.
const NUMBERS = 2 ** 25,
  FITTED = 8000;

// Items with codes, page by page, up to `most`: {ids, metadata, codes (Float32Array), d, more}. Of long codes fewer.
async function load(collection, dimension, wanted, signal, ontold) {
  const ids = [],
    metadata = [],
    rows = [],
    most = Math.max(1000, Math.min(wanted, Math.floor(NUMBERS / dimension)));
  let cursor;
  do {
    const page = await json(collectionPath(collection, "/items"), {
      signal,
      query: {
        include: "metadata,code",
        encoding: "base64",
        limit: Math.min(1000, most - ids.length),
        cursor,
      },
    });
    for (const item of page.items) {
      if (!item.code) continue;
      ids.push(item.id);
      metadata.push(item.metadata || {});
      rows.push(codeOf(item));
    }
    cursor = page.next_cursor;
    ontold(ids.length);
  } while (cursor && ids.length < most);
  return { ids, metadata, ...packed(rows), more: Boolean(cursor) };
}

// Of very many rows some, evenly spread, are enough to know the axes.
function components({ codes, ids, d }, signal) {
  const step = Math.ceil(ids.length / FITTED);
  if (step === 1) return principal(codes, ids.length, d, 3, signal);
  const n = Math.floor(ids.length / step),
    some = new Float32Array(n * d);
  for (let i = 0; i < n; i++) some.set(codes.subarray(i * step * d, (i * step + 1) * d), i * d);
  return principal(some, n, d, 3, signal);
}

export async function show(root, ctx) {
  const choice = await collectionChoice(
    ctx,
    (c) => c.dimension > 1 && c.items > 2,
    () => {
      ctx.set({ collection: choice.value });
      fill();
    },
  );
  if (!choice.any)
    return void root.append(
      heading("Map"),
      (await collections()).length
        ? empty("No collection has codes enough for a map: it wants three.")
        : noCollections(),
    );
  const most = select(
    [
      { value: "3000", label: "3,000" },
      { value: "10000", label: "10,000", selected: true },
      { value: "50000", label: "50,000" },
    ],
    { onchange: () => fill() },
  );
  const axes = select(
    [
      { value: "0,1", label: "1st and 2nd" },
      { value: "0,2", label: "1st and 3rd" },
      { value: "1,2", label: "2nd and 3rd" },
    ],
    { onchange: () => place() },
  );
  const colourBy = select([], { onchange: () => paint() });
  const status = el("p", { class: "status dim", role: "status" });
  const box = el("div", { class: "stack" });
  root.append(
    heading(
      "Map",
      "Codes in two dimensions: their principal components. What lies close is alike to the model.",
    ),
    el(
      "div",
      { class: "row ends" },
      field("Collection", choice.node),
      field("At most", most),
      field("Components", axes),
      field("Colour by", colourBy),
    ),
    status,
    box,
  );

  let data, pca, fields, plot, signal;
  const again = latest(ctx.signal);
  const legend = el("div", { class: "swatches", role: "group", "aria-label": "Legend: show and hide" });
  const hidden = new Set();
  const nothing = el("p", { class: "mapnote", hidden: true }, "Nothing lies here: 0 shows all.");

  async function fill() {
    signal = again();
    clear(box, busy());
    try {
      data = await load(choice.value, choice.collection.dimension, Number(most.value), signal, (n) => {
        status.textContent = count(n) + " codes …";
      });
      if (data.ids.length < 3) return void clear(box, empty("Not enough codes for a map."));
      status.textContent = count(data.ids.length) + " codes: looking for their components …";
      pca = await components(data, signal);
    } catch (failure) {
      const shown = problemBox(failure);
      if (shown) clear(box, shown);
      return;
    }
    fields = fieldsOf(data.metadata);
    clear(
      colourBy,
      el("option", { value: "" }, "nothing"),
      fields.map((f, i) => el("option", { value: f.name, selected: i === 0 }, f.name)),
    );
    const pictures = (await modelOf(choice.collection))?.input?.kind === "image";
    place(pictures);
  }

  function place(pictures = place.pictures) {
    place.pictures = pictures;
    if (!data?.ids.length || !pca) return;
    const [a, b] = axes.value.split(",").map((v) => Math.min(Number(v), pca.axes.length - 1));
    const n = data.ids.length,
      xy = new Float32Array(2 * n);
    for (let i = 0; i < n; i++) {
      xy[2 * i] = along(data.codes, i, data.d, pca, a);
      xy[2 * i + 1] = along(data.codes, i, data.d, pca, b);
    }
    status.textContent =
      count(n) +
      (data.more ? " of " + count(choice.collection.items) + " items (the first by id)" : " items") +
      "; the two components hold " +
      percent(pca.share[a] + (pca.share[b] || 0), 2) +
      " of the variance of " +
      data.d +
      " numbers";
    const card = el("div", { class: "mapcard", hidden: true });
    plot = scatter({
      n,
      xy,
      signal,
      label:
        "Map of " +
        choice.value +
        ". Arrow keys go from item to item, plus and minus zoom, Shift and arrows move, 0 shows all, Enter searches from the item.",
      path: pictures ? (i) => itemPath(choice.value, data.ids[i], "/input") : null,
      onfocus: (i, x, y, w, h) => tell(card, i, x, y, w, h, pictures),
      onseen: (inView) => {
        nothing.hidden = inView > 0;
      },
      onpick: (i) => ctx.go("search", { collection: choice.value, id: data.ids[i] }),
    });
    const tool = (label, words, work) =>
      el("button", { type: "button", "aria-label": words, title: words, onclick: work }, label);
    clear(
      box,
      legend,
      el(
        "div",
        { class: "mapbox" },
        plot.node,
        card,
        nothing,
        el(
          "div",
          { class: "maptools" },
          tool("−", "Zoom out", () => plot.zoom(1 / 1.5)),
          tool("+", "Zoom in", () => plot.zoom(1.5)),
          tool("All", "Show all", () => plot.reset()),
        ),
      ),
      el(
        "p",
        { class: "hint" },
        "Wheel or pinch zooms, dragging moves, a click searches from the item. With the keyboard: arrows, + − 0, Enter.",
      ),
    );
    paint();
  }

  function tell(card, i, x, y, w, h, pictures) {
    card.hidden = i < 0;
    if (i < 0) {
      card.dataset.of = "";
      return;
    }
    if (card.dataset.of !== String(i)) describe(card, i, pictures);
    card.style.left = (x > w - 300 ? Math.max(8, x - 290) : x + 16) + "px";
    card.style.top = Math.max(8, Math.min(y + 12, h - card.offsetHeight - 8)) + "px";
  }
  function describe(card, i, pictures) {
    const row = data.metadata[i],
      name = title(row),
      id = data.ids[i];
    card.dataset.of = String(i);
    clear(
      card,
      pictures
        ? picture(itemPath(choice.value, id, "/input"), { large: true })
        : el("span", { class: "picture" }, el("span", { class: "nopicture" }, initials(id))),
      el(
        "div",
        { class: "stack" },
        el("p", { class: "strong wrap" }, name || id),
        facts(
          details(row)
            .slice(0, 3)
            .map(([k, v]) => [k, v.slice(0, 60)]),
        ),
      ),
    );
    say(
      (name || id) +
        (colourBy.value && row[colourBy.value] !== undefined ? ", " + plain(row[colourBy.value]) : ""),
    );
  }

  function paint() {
    hidden.clear();
    const chosen = fields.find((f) => f.name === colourBy.value);
    legend.replaceChildren();
    if (!chosen) plot.paint({ of: new Uint8Array(data.ids.length), colours: hues, hidden });
    else if (chosen.kind === "numbers") byNumber(chosen.name);
    else byWord(chosen.name);
  }
  function byNumber(name) {
    const values = data.metadata
      .map((m) => m[name])
      .filter((v) => typeof v === "number")
      .sort((a, b) => a - b);
    const low = values[Math.floor(values.length * 0.01)],
      high = values[Math.floor((values.length - 1) * 0.99)];
    const step = (v) => Math.round(Math.min(Math.max((v - low) / (high - low || 1), 0), 1) * STEPS);
    const of = Uint8Array.from(data.metadata, (m) =>
      typeof m[name] === "number" ? step(m[name]) : STEPS + 1,
    );
    const colours = [...Array.from({ length: STEPS + 1 }, (_, i) => ramp(i / STEPS)), REST];
    legend.append(
      el("span", { class: "small dim" }, short(low)),
      el("span", {
        class: "ramp",
        style: { background: "linear-gradient(90deg," + [0, 0.25, 0.5, 0.75, 1].map(ramp).join(",") + ")" },
      }),
      el("span", { class: "small dim" }, short(high)),
    );
    plot.paint({ of, colours, hidden });
  }
  function byWord(name) {
    const tally = new Map();
    for (const m of data.metadata) {
      const word = plain(m[name]);
      tally.set(word, (tally.get(word) || 0) + 1);
    }
    const words = [...tally]
      .sort((a, b) => b[1] - a[1])
      .slice(0, hues.length)
      .map(([word]) => word)
      .sort();
    const place = new Map(words.map((word, i) => [word, i])),
      of = Uint8Array.from(data.metadata, (m) => place.get(plain(m[name])) ?? hues.length);
    const look = { of, colours: [...hues, REST], hidden };
    const entries = words.map((word, i) => [i, word || "(none)"]);
    if (tally.size > words.length) entries.push([hues.length, "others"]);
    for (const [i, word] of entries)
      legend.append(
        el(
          "button",
          {
            type: "button",
            "aria-pressed": "true",
            onclick: (event) => {
              if (!hidden.delete(i)) hidden.add(i);
              event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(i)));
              plot.paint(look);
            },
          },
          el("i", { style: { "--swatch": look.colours[i] } }),
          el("span", { title: word }, word),
        ),
      );
    plot.paint(look);
  }

  fill();
}
