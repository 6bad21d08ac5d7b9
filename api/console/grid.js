// Items as a grid of cards: one tab stop, arrows walk, Enter chooses.
import { itemPath } from "./api.js";
import { el, roving } from "./dom.js";
import { alike, details, title } from "./format.js";
import { picture } from "./picture.js";
import { showsPictures } from "./state.js";

// What stands in for a picture of an item that is none.
export const initials = (id) => (id.length > 14 ? id.slice(0, 6) + "…" + id.slice(-6) : id);

export function thumb(collection, id, options = {}) {
  return picture(itemPath(collection, id, "/input"), { instead: initials(id), ...options });
}

// hits of a collection: [{id, distance?, error?, metadata?}]; `by` names the number that is shown and measured by a bar.
// onpick(hit) when one is chosen; note(hit) is a line of its own.
export function hitGrid({ collection, hits, label, onpick, note, by = "distance", large = false }) {
  const pictures = showsPictures(collection);
  const values = hits.map((h) => h[by]).filter(Number.isFinite),
    far = Math.max(...values, 1e-12),
    format = alike(values);
  const list = el(
    "ul",
    { class: large ? "grid large" : "grid", role: "list", "aria-label": label },
    hits.map((hit) => el("li", {}, card(hit))),
  );
  function card(hit) {
    const name = title(hit.metadata),
      facts = details(hit.metadata).map((pair) => pair.join(": ")),
      measured = Number.isFinite(hit[by]);
    const node = el(
      "button",
      {
        type: "button",
        class: "card",
        title: [hit.id, name, ...facts].filter(Boolean).join("\n"),
        onclick: () => {
          list.querySelector("[aria-current]")?.removeAttribute("aria-current");
          node.setAttribute("aria-current", "true");
          onpick(hit);
        },
      },
      pictures && thumb(collection.name, hit.id),
      el(
        "span",
        { class: "caption" },
        name && el("span", { class: "name" }, name),
        el("span", { class: name ? "id dim" : "name" }, hit.id),
        !pictures && facts.length > 0 && el("span", { class: "dim told-of" }, facts.slice(0, 3).join(", ")),
        measured &&
          el(
            "span",
            { class: "distance" },
            el("span", { class: by === "distance" ? "unseen" : "" }, by + " "),
            format(hit[by]),
          ),
        note?.(hit),
      ),
      measured &&
        el("span", {
          class: "meter",
          "aria-hidden": "true",
          style: { "--share": String(Math.max(0, hit[by] / far)) },
        }),
    );
    return node;
  }
  roving(list, ".card");
  return list;
}
