// A picture as few bytes: how it looks after that, and what it cost.
import { ask, itemPath, modelPath } from "./api.js";
import { el, clear, field, newest, panel } from "./dom.js";
import { bytes, short } from "./format.js";
import { dropBox, picture } from "./picture.js";
import { problemBox } from "./problems.js";
import { reference } from "./state.js";

// Bits a pixel for a place of the slider, 0 to 100: sizes are felt by their ratio.
const wanted = (place) => 0.05 * 120 ** (place / 100);

// item: {collection, id} to begin with, or null.
export function pack(model, item, signal) {
  const range = el("input", { type: "range", min: "0", max: "100", step: "1", value: "55" }),
    limit = el("output", { class: "dim" });
  const out = el("div", { class: "pair" }),
    told = el("div"),
    cost = el("p", { class: "status", role: "status" });
  let original = null;

  const run = newest(async () => {
    const most = wanted(Number(range.value));
    limit.textContent = "at most " + short(most, 2) + " bits a pixel";
    range.setAttribute("aria-valuetext", limit.textContent);
    if (!original || signal.aborted) return;
    try {
      const packed = await ask(modelPath(reference(model), "/compress"), {
        signal,
        body: original,
        type: original.type || "image/png",
        query: { bits_per_pixel: most.toPrecision(4) },
      });
      const code = await packed.blob();
      const made = await ask(modelPath(reference(model), "/decompress"), {
        signal,
        body: code,
        type: "application/vnd.latentd.code",
        accept: "image/png",
      });
      const rate = Number(packed.headers.get("X-Bits-Per-Pixel")),
        psnr = Number(packed.headers.get("X-PSNR"));
      clear(told);
      clear(
        cost,
        el("span", { class: "strong" }, bytes(code.size)),
        el("span", { class: "dim" }, "instead of " + bytes(original.size)),
        rate > 0 && el("span", {}, short(rate, 3) + " bits a pixel"),
        psnr > 0 && el("span", {}, short(psnr, 3) + " dB"),
      );
      const shown = (blob, words) =>
        el(
          "figure",
          {},
          picture(URL.createObjectURL(blob), { alt: words, large: true }),
          el("figcaption", {}, words),
        );
      clear(out, shown(original, "before"), shown(await made.blob(), "after"));
    } catch (failure) {
      const box = problemBox(failure);
      if (box) clear(told, box);
    }
  });
  const take = (blob) => {
    original = blob;
    run();
  };
  range.addEventListener("input", run);
  if (item)
    ask(itemPath(item.collection, item.id, "/input"), { signal })
      .then((reply) => reply.blob())
      .then(take, () => run());
  else run();
  return panel(
    "As few bytes",
    el("p", { class: "dim small" }, "The code, rounded and entropy-coded; back from these bytes alone."),
    el(
      "div",
      { class: "walk" },
      el(
        "div",
        { class: "stack" },
        dropBox({ label: "Compress a picture", signal, onpicture: take }),
        field("Size", range),
        limit,
      ),
      el("div", { class: "stack" }, cost, out, told),
    ),
  );
}
