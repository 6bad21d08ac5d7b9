// What was served of late against the calibration set: whether it drifted, and which features moved.
import { json, collectionPath } from "./api.js";
import { el, chip, panel } from "./dom.js";
import { count, percent, short, when } from "./format.js";
import { bars } from "./plot.js";

const SHOWN = 8;
const verdicts = {
  stable: ["no drift", "good"],
  drifted: ["drifted", "bad"],
  too_few: ["too few inputs yet to tell", ""],
};

// What moved: the median of numbers, the share of the most frequent word.
const move = (from, to) =>
  to.median !== undefined
    ? "median " + short(from.median) + " → " + short(to.median)
    : "most frequent " + percent(from.most_frequent_share, 2) + " → " + percent(to.most_frequent_share, 2);

// What there is to show, or null where nothing can be said.
export async function drift(collection, signal) {
  let d;
  try {
    d = await json(collectionPath(collection, "/drift"), { signal });
  } catch (failure) {
    if (failure.code !== "capability_missing") return null;
    return el("p", { class: "hint" }, "Drift: " + failure.message + ".");
  }
  const [words, kind] = verdicts[d.verdict] || [d.verdict, ""],
    most = Math.max(...d.features.map((f) => f.psi), 1e-9);
  return panel(
    "Drift",
    el(
      "p",
      { class: "dim small" },
      "The last " +
        count(d.window.n) +
        " inputs served" +
        (d.window.since ? " since " + when(d.window.since) : "") +
        ", against " +
        count(d.calibration.n) +
        " of the calibration set.",
    ),
    el("p", {}, chip(words, kind)),
    d.features.length > 0 &&
      bars(
        "Stability index of features, those that moved most first",
        d.features.slice(0, SHOWN).map((f) => ({
          name: f.feature,
          share: f.psi / most,
          value: short(f.psi, 3),
          note: f.moved ? move(f.calibration, f.window) : undefined,
        })),
        d.drifted ? "bad" : "",
      ),
  );
}
