// Tables: rows with holes, filled by a model of tables. Cells are shaded by how little the model knows; what it says of
// each (interval, probabilities, confidence) is told on hover and focus.
import { json, modelPath } from "./api.js";
import {
  roomy,
  el,
  clear,
  heading,
  panel,
  empty,
  button,
  field,
  number,
  select,
  say,
  download,
} from "./dom.js";
import { parse, print, castRow } from "./csv.js";
import { count } from "./format.js";
import { guessed, teller, worded } from "./guess.js";
import { problemBox } from "./problems.js";
import { modelChoice, detailOf, can } from "./state.js";

const MOST = 500,
  EXAMPLES = 6;

const rowsOf = (rows) => count(rows.length) + (rows.length === 1 ? " row" : " rows");

export async function show(root, ctx) {
  const choice = await modelChoice(
    ctx,
    (m) => m.input?.kind === "table",
    () => open(),
  );
  root.append(
    heading("Tables", "Leave cells empty, let a model of the table fill them, and see how sure it is."),
  );
  if (!choice.any)
    return void root.append(
      empty(
        "No model of tables yet.",
        "Train one on a CSV file: ",
        el("a", { href: "#/training?new=1" }, "New training"),
        ", data format ",
        el("code", {}, "csv"),
        ", code type ",
        el("code", {}, "gaussian"),
        ".",
      ),
    );

  const method = select([
    { value: "", label: "default" },
    { value: "importance", label: "importance-weighted draws" },
    { value: "reconstruction", label: "reconstruction" },
    { value: "neighbours", label: "neighbours" },
  ]);
  const interval = number({ value: "0.9", min: "0.01", max: "0.999", step: "any" }),
    sure = number({ placeholder: "any", min: "0", max: "1", step: "any" }),
    seed = number({ placeholder: "random", min: "0", step: "1" });
  const paste = el("textarea", {
    rows: "5",
    class: "mono",
    spellcheck: "false",
    placeholder: "Lines of CSV; the first may name the columns",
  });
  const sheet = el("div", { class: "stack" }),
    told = el("div"),
    status = el("p", { class: "status dim", role: "status" });
  const controls = el("div", { class: "stack" });
  root.append(el("div", { class: "split" }, controls, el("div", { class: "stack" }, told, status, sheet)));
  const box = teller(ctx.signal);

  let columns = [],
    rows = [],
    answers = null,
    model;

  async function open() {
    model = choice.model;
    const detail = await detailOf(choice.value, ctx.signal);
    columns = detail.manifest?.input?.columns || [];
    rows = await example();
    answers = null;
    clear(told);
    clear(
      controls,
      panel(
        null,
        field("Model", choice.node),
        can(model, "impute")
          ? el(
              "form",
              {
                class: "stack",
                onsubmit: (event) => {
                  event.preventDefault();
                  fill();
                },
              },
              field("Method", method),
              el("div", { class: "fields" }, field("Interval", interval), field("Seed", seed)),
              field("Least confidence", sure, "Cells the model is less sure of are flagged."),
              el(
                "div",
                { class: "row" },
                el("button", { type: "submit", class: "primary" }, "Fill the holes"),
              ),
            )
          : empty(
              "This model cannot fill holes.",
              "Its capabilities are ",
              el("code", {}, model.capabilities.join(" ")),
              ".",
            ),
      ),
      panel(
        "Paste a table",
        paste,
        el(
          "div",
          { class: "row" },
          button("Take it", take),
          button("An empty row", () => {
            rows.push({});
            answers = null;
            draw();
          }),
          button("Start over", async () => {
            rows = await example();
            answers = null;
            clear(told);
            draw();
          }),
        ),
      ),
    );
    draw();
  }
  // Rows with holes, something to begin with: drawn from the model, or of means where it cannot be drawn from.
  async function example() {
    const mean = Object.fromEntries(
      columns.map((c) => [
        c.name,
        c.categories?.[0] ?? (c.type === "numeric" || !c.type ? (c.mean ?? 0) : ""),
      ]),
    );
    const drawn = can(model, "generate")
      ? await json(modelPath(choice.value, "/generate"), {
          signal: ctx.signal,
          json: { count: EXAMPLES, seed: 1 },
        }).catch(() => null)
      : null;
    return (drawn?.outputs.map((o) => o.row) || [mean]).map((row, r) =>
      Object.fromEntries(
        columns
          .filter((_, i) => (i * 3 + r * 5) % 11 > 2)
          .map((c) => [
            c.name,
            typeof row[c.name] === "number" ? Number(row[c.name].toPrecision(4)) : row[c.name],
          ]),
      ),
    );
  }
  function take() {
    try {
      const found = parse(paste.value, columns);
      rows = found.rows.slice(0, MOST);
      answers = null;
      clear(
        told,
        found.unknown.length > 0 &&
          el(
            "p",
            { class: "problem" },
            "Columns the model does not know are left out: ",
            found.unknown.join(", "),
          ),
      );
      draw();
      say(count(rows.length) + " rows taken");
    } catch (failure) {
      clear(told, problemBox(failure));
    }
  }

  async function fill() {
    clear(told);
    const kept = rows
      .map((row) => castRow(row, columns))
      .filter((row) => Object.values(row).some((v) => v !== null));
    if (!kept.length)
      return void clear(
        told,
        el("p", { class: "problem" }, "Every row is empty: at least one cell must be there."),
      );
    sheet.setAttribute("aria-busy", "true");
    try {
      const answer = await json(modelPath(choice.value, "/impute"), {
        signal: ctx.signal,
        json: {
          rows: kept,
          method: method.value || undefined,
          interval: Number(interval.value) || undefined,
          min_confidence: sure.value === "" ? undefined : Number(sure.value),
          seed: seed.value === "" ? undefined : Number(seed.value),
        },
      });
      rows = kept;
      answers = answer.results;
      draw();
      if (!roomy()) status.scrollIntoView({ block: "start" });
      const holes = answers.reduce(
        (n, r) => n + Object.keys(r.cells || {}).filter((name) => r.mask?.[name] !== false).length,
        0,
      );
      const refused = answers.filter((r) => r.error);
      if (refused.length)
        clear(
          told,
          el(
            "div",
            { class: "problem" },
            el(
              "ul",
              {},
              refused.slice(0, 5).map((r) => el("li", {}, "Row " + (r.index + 1) + ": " + r.error.detail)),
            ),
          ),
        );
      status.textContent = count(holes) + " holes filled in " + rowsOf(rows);
    } catch (failure) {
      clear(told, problemBox(failure));
    } finally {
      sheet.removeAttribute("aria-busy");
    }
  }

  function draw() {
    box.hide();
    status.textContent =
      rowsOf(rows) +
      ", " +
      count(rows.reduce((n, r) => n + columns.filter((c) => blank(r[c.name])).length, 0)) +
      " holes";
    const body = rows.map((row, r) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, String(r + 1)),
        columns.map((c) => el("td", {}, cell(row, r, c))),
      ),
    );
    clear(
      sheet,
      el(
        "div",
        { class: "cells", role: "region", "aria-label": "The table", tabIndex: 0 },
        el(
          "table",
          {},
          el("caption", { class: "unseen" }, "Rows of the table; empty cells are holes"),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th", { scope: "col" }, el("span", { class: "unseen" }, "row")),
              columns.map((c) => el("th", { scope: "col" }, c.name)),
            ),
          ),
          el("tbody", {}, body),
        ),
      ),
      el(
        "div",
        { class: "row" },
        answers && [
          el("span", { class: "small dim" }, "sure"),
          el("span", { class: "scale", "aria-hidden": "true" }),
          el("span", { class: "small dim" }, "unsure"),
          button("Save as CSV", save),
          button("Edit again", () => {
            answers = null;
            draw();
          }),
        ],
      ),
    );
  }
  const blank = (v) => v === undefined || v === null || v === "";

  function cell(row, r, c) {
    const guess = answers?.[r]?.cells?.[c.name];
    if (guess && answers[r].mask?.[c.name] !== false)
      return guessed(guess, c, Number(interval.value) || 0.9, box);
    const label = c.name + ", row " + (r + 1),
      value = row[c.name];
    const change = (event) => {
      row[c.name] = event.target.value;
      event.target.parentElement.classList.toggle("hole", blank(event.target.value));
      if (answers) {
        answers[r] = null;
      }
    };
    const control = c.categories
      ? select(
          [
            { value: "", label: "" },
            ...c.categories.map((w) => ({
              value: String(w),
              label: String(w),
              selected: String(w) === String(value),
            })),
          ],
          { "aria-label": label, onchange: change },
        )
      : el("input", {
          value: blank(value) ? "" : String(value),
          inputmode: "decimal",
          "aria-label": label,
          autocomplete: "off",
          oninput: change,
        });
    const flags = guess?.flags || [];
    if (flags.length) control.setAttribute("aria-label", label + ": " + flags.map(worded).join(", "));
    return el(
      "div",
      { class: blank(value) ? "hole" : flags.length ? "odd" : "", title: flags.map(worded).join(", ") },
      control,
    );
  }

  function save() {
    const lines = print(
      columns,
      answers.map((a, r) => a?.row || rows[r]),
    );
    download(new Blob([lines], { type: "text/csv" }), model.name + ".csv");
  }
  await open();
}
