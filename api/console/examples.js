// Recommendations from examples: what is liked and what is not.
import { json, collectionPath } from "./api.js";
import { el, clear, panel, empty, button, field, select } from "./dom.js";
import { short } from "./format.js";
import { fieldPicker } from "./fields.js";
import { hitGrid } from "./grid.js";
import { label } from "./named.js";
import { problemBox, jsonBox } from "./problems.js";

export function examples(c, ctx) {
  const chosen = { positive: [], negative: [] };
  if (ctx.params.like && (!ctx.params.collection || ctx.params.collection === c.name))
    chosen.positive.push(ctx.params.like);
  const strategy = select(
    [
      { value: "mean", label: "mean of the examples" },
      { value: "best_score", label: "nearest to any example" },
      { value: "weighted", label: "likeness to all of them" },
    ],
    { onchange: () => run() },
  );
  const filter = jsonBox("Only items that pass", { rows: 1 });
  const picker = fieldPicker(filter, () => run());
  picker.of(c.name);
  const id = el("input", { autocomplete: "off", spellcheck: "false", placeholder: "id of an item" });
  const lists = { positive: el("div", { class: "examples" }), negative: el("div", { class: "examples" }) };
  const out = el("div", { class: "stack" }),
    pool = el("div", { class: "stack" });
  let turn = 0,
    offset = null;

  function add(kind, item) {
    for (const k of ["positive", "negative"]) chosen[k] = chosen[k].filter((x) => x !== item);
    if (kind) chosen[kind].push(item);
    draw();
    run();
  }
  function draw() {
    for (const kind of ["positive", "negative"])
      clear(
        lists[kind],
        chosen[kind].length
          ? chosen[kind].map((item) =>
              el(
                "span",
                { class: "example" },
                label(c, item),
                el(
                  "button",
                  {
                    type: "button",
                    class: "quiet",
                    "aria-label": "Remove " + item,
                    onclick: () => add(null, item),
                  },
                  "×",
                ),
              ),
            )
          : el("span", { class: "dim small" }, kind === "positive" ? "none yet: choose below" : "none"),
      );
  }
  async function run() {
    const mine = ++turn;
    if (!chosen.positive.length) return void clear(out);
    try {
      const answer = await json(collectionPath(c.name, "/recommend"), {
        signal: ctx.signal,
        json: {
          ...chosen,
          strategy: strategy.value,
          k: 18,
          filter: filter.read(),
          on_missing: "skip",
          include: ["metadata"],
        },
      });
      if (mine !== turn) return;
      clear(
        out,
        el("h3", {}, "Like these"),
        answer.missing?.length > 0 &&
          el("p", { class: "dim small" }, "Not stored: " + answer.missing.join(", ")),
        answer.results.length
          ? hitGrid({
              collection: c,
              hits: answer.results,
              label: "Recommended, best first",
              onpick: (hit) => add("positive", hit.id),
              note: (hit) =>
                hit.score !== undefined ? el("span", { class: "distance" }, short(hit.score)) : null,
            })
          : empty("Nothing passes."),
      );
    } catch (failure) {
      if (mine !== turn || failure.shown) return;
      if (!filter.fail(failure, "/filter")) clear(out, problemBox(failure));
    }
  }
  async function shelf() {
    try {
      const page = await json(collectionPath(c.name, "/items"), {
        signal: ctx.signal,
        query: { limit: 18, cursor: offset },
      });
      offset = page.next_cursor;
      clear(
        pool,
        hitGrid({
          collection: c,
          hits: page.items,
          label: "Items to choose from",
          onpick: (hit) => add("positive", hit.id),
        }),
        offset && button("Others", shelf),
      );
    } catch (failure) {
      const box = problemBox(failure);
      if (box) clear(pool, box);
    }
  }
  const take = (kind) => () => {
    if (id.value.trim()) {
      add(kind, id.value.trim());
      id.value = "";
    } else id.focus();
  };
  draw();
  run();
  shelf();
  return panel(
    "From examples",
    el(
      "div",
      { class: "halves" },
      el("div", { class: "stack" }, el("h3", {}, "Like"), lists.positive),
      el("div", { class: "stack" }, el("h3", {}, "Unlike"), lists.negative),
    ),
    el(
      "form",
      {
        class: "row ends",
        onsubmit: (event) => {
          event.preventDefault();
          take("positive")();
        },
      },
      el("div", { class: "grow" }, field("Item", id)),
      el(
        "span",
        { class: "row" },
        el("button", { type: "submit" }, "Like it"),
        button("Unlike it", take("negative")),
      ),
      field("Strategy", strategy),
    ),
    el(
      "details",
      {},
      el("summary", {}, "Filter"),
      el("div", { class: "stack" }, picker.node, filter.node, el("div", {}, button("Apply", run))),
    ),
    out,
    el(
      "details",
      { open: chosen.positive.length === 0 },
      el("summary", {}, "Choose from the collection"),
      pool,
    ),
  );
}
