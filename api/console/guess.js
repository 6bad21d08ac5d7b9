// A guessed cell of a table: shaded by how little the model knows; all it says of it is told on hover and focus.
import { el, chip, clear } from "./dom.js";
import { percent, short } from "./format.js";

export const worded = (flag) => String(flag).replaceAll("_", " ");

// How unsure, 0 to 1: what confidence lacks, or the spread against that of the column.
const doubt = (guess, c) =>
  Math.min(
    1,
    Math.max(
      0,
      typeof guess.confidence === "number"
        ? 1 - guess.confidence
        : typeof guess.std === "number" && c.std
          ? guess.std / c.std
          : 0.5,
    ),
  );

// The box that tells, until `signal` ends: {tell(node, words), hide()}.
export function teller(signal) {
  const tip = el("div", { class: "told", role: "tooltip", id: "cell-told", hidden: true });
  const hide = () => {
    tip.hidden = true;
  };
  document.body.append(tip);
  addEventListener("scroll", hide, { capture: true, signal });
  signal.addEventListener("abort", () => tip.remove());
  return {
    hide,
    tell(node, words) {
      clear(tip, words);
      tip.hidden = false;
      const at = node.getBoundingClientRect();
      tip.style.left = Math.max(8, Math.min(at.left, innerWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top =
        (at.bottom + tip.offsetHeight + 8 > innerHeight ? at.top - tip.offsetHeight - 6 : at.bottom + 6) +
        "px";
    },
  };
}

// guess: a cell of the reply; c: its column; level: of the interval; box: the teller.
export function guessed(guess, c, level, box) {
  const d = doubt(guess, c);
  const node = el(
    "button",
    {
      type: "button",
      class: "guess",
      "aria-describedby": "cell-told",
      style: {
        "--guess": d < 0.34 ? "var(--good)" : d < 0.67 ? "var(--warn)" : "var(--bad)",
        "--pale": Math.round(86 - 28 * d) + "%",
      },
    },
    typeof guess.value === "number" ? short(guess.value) : String(guess.value ?? "unsure"),
    guess.flags?.length > 0 && el("span", { class: "unseen" }, " flagged"),
  );
  const tell = () => box.tell(node, story(guess, c, level)),
    hide = box.hide;
  for (const name of ["pointerenter", "focus"]) node.addEventListener(name, tell);
  for (const name of ["pointerleave", "blur"]) node.addEventListener(name, hide);
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
  });
  return node;
}

function story(guess, c, level) {
  const lines = [
    el(
      "p",
      { class: "strong" },
      c.name +
        ": " +
        (typeof guess.value === "number" ? short(guess.value, 5) : (guess.value ?? "too unsure to say")),
    ),
  ];
  if (guess.interval)
    lines.push(
      el("p", {}, short(guess.interval[0]) + " to " + short(guess.interval[1]) + " at " + percent(level, 3)),
    );
  if (guess.std !== undefined && guess.std !== null)
    lines.push(
      el(
        "p",
        { class: "dim" },
        "spread " + short(guess.std, 3) + (c.std ? ", of the column " + short(c.std, 3) : ""),
      ),
    );
  if (guess.probabilities) {
    const list = Array.isArray(guess.probabilities)
      ? guess.probabilities.map((p, i) => [c.categories?.[i] ?? i, p])
      : Object.entries(guess.probabilities);
    lines.push(
      el(
        "ul",
        {},
        list
          .sort((a, b) => b[1] - a[1])
          .slice(0, 4)
          .map(([w, p]) => el("li", {}, w + " " + percent(p, 2))),
      ),
    );
  }
  if (typeof guess.confidence === "number")
    lines.push(el("p", { class: "dim" }, "confidence " + percent(guess.confidence, 2)));
  if (guess.flags?.length)
    lines.push(
      el(
        "p",
        { class: "chips" },
        guess.flags.map((f) => chip(worded(f), "warn")),
      ),
    );
  return lines;
}
