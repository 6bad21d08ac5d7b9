// What the service says of a query and of its hits beside their distance.
import { itemPath, json } from "./api.js";
import { address, el, chip, facts, panel } from "./dom.js";
import { details, percent, short, title } from "./format.js";
import { dataPng, picture } from "./picture.js";
import { codeStrip } from "./plot.js";
import { can } from "./state.js";

// What one picture says of itself: how well its code gives it back, and whether the model knows its like.
function trust(query) {
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

const shown = (source, alt, words, instead) =>
  el("figure", {}, picture(source, { alt, large: true, instead }), el("figcaption", {}, words));

// The query beside what its code gives back: query {id} or {file} or {code} or {input}, `about` as the reply tells.
export async function describe({ query, about, model, collection, signal }) {
  const isImage = model?.input?.kind === "image" && !query.code;
  const item =
    query.id &&
    (await json(itemPath(collection, query.id), { signal, query: { include: "metadata,code" } }).catch(
      () => null,
    ));
  if (query.file) query.url ||= URL.createObjectURL(query.file);
  const source = query.file
    ? query.url
    : query.id && isImage
      ? itemPath(collection, query.id, "/input")
      : null;
  const made = about?.output?.image
    ? dataPng(about.output.image)
    : query.id && isImage && can(model, "decode")
      ? itemPath(collection, query.id, "/reconstruction")
      : null;
  const name =
    query.id || query.file?.name || (query.file ? "Your picture" : query.code ? "A code" : "An input");
  const called = title(item?.metadata);
  return panel(
    "Searched with",
    el(
      "div",
      { class: "asked" },
      (source || made) &&
        el(
          "div",
          { class: "pair" },
          source && shown(source, query.id ? "Item " + query.id : "Your picture", "original"),
          made && shown(made, "What its code gives back", "from its code", "not decoded"),
        ),
      el(
        "div",
        { class: "stack" },
        called && el("p", { class: "title" }, called),
        el("p", { class: called ? "dim small wrap mono" : "strong wrap" }, name),
        trust(about),
        item?.code && codeStrip(item.code),
        item &&
          facts([...details(item.metadata), ["error", Number.isFinite(item.error) && short(item.error)]]),
        item &&
          el(
            "p",
            { class: "row" },
            el("a", { href: address("recommend", { collection, like: query.id }) }, "As an example"),
            el("a", { href: address("map", { collection }) }, "On the map"),
          ),
      ),
    ),
  );
}
