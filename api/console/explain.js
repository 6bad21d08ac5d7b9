// What the service says of a query and of its hits beside their distance.
import { el, chip, facts } from "./dom.js";
import { percent, short } from "./format.js";
import { dataPng } from "./picture.js";

// What one picture says of itself: how well its code gives it back, and whether the model knows its like.
export function trust(query) {
  if (query?.p_value === undefined && query?.error === undefined) return null;
  const p = query.p_value,
    strange = p !== undefined && p < 0.01;
  return el(
    "div",
    { class: "stack" },
    facts([
      ["Error", query.error !== undefined && short(query.error)],
      ["p-value", p !== undefined && short(p, 3)],
    ]),
    p !== undefined &&
      chip(
        strange
          ? "unlike what the model was trained on"
          : p < 0.05
            ? "unusual for this model"
            : "familiar to this model",
        strange ? "bad" : p < 0.05 ? "warn" : "good",
      ),
  );
}

// How a hit differs from the query, both as the model decodes them.
export function differs({ explain }) {
  if (!explain) return null;
  const { image, mean, columns } = explain.difference;
  if (image)
    return el(
      "span",
      { class: "differs" },
      el("img", { alt: "Where it differs", src: dataPng(image) }),
      el("span", { class: "dim" }, "by " + percent(mean, 2)),
    );
  const words = (columns || [])
    .slice(0, 2)
    .map(
      (c) =>
        c.feature +
        " " +
        (c.difference === null ? c.hit : (c.difference > 0 ? "+" : "−") + short(Math.abs(c.difference), 2)),
    );
  return el("span", { class: "dim" }, words.join(", ") || "differs by " + short(explain.error, 2));
}
