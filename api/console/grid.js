// Items as a grid of cards: one tab stop, arrows walk, Enter chooses.
import { itemPath } from "./api.js";
import { el, roving } from "./dom.js";
import { short, title, plain } from "./format.js";
import { picture } from "./picture.js";

// What stands in for a picture of an item that is none.
export const initials = (id) => (id.length > 14 ? id.slice(0, 6) + "…" + id.slice(-6) : id);

export function thumb(collection, id, options = {}) {
  return picture(itemPath(collection, id, "/input"), { instead: initials(id), ...options });
}

function details(metadata) {
  return Object.entries(metadata || {})
    .map(([k, v]) => k + ": " + plain(v))
    .join("\n");
}

// hits: [{id, distance?, score?, metadata?}]. onpick(hit) when one is chosen; note(hit) is a line of its own.
export function hitGrid({ collection, hits, label, onpick, note, current }) {
  const far = Math.max(...hits.map((h) => h.distance ?? 0), 1e-12);
  const list = el(
    "ul",
    { class: "grid", role: "list", "aria-label": label },
    hits.map((hit) => {
      const name = title(hit.metadata);
      const card = el(
        "button",
        {
          type: "button",
          class: "card",
          title: [hit.id, details(hit.metadata)].filter(Boolean).join("\n"),
          "aria-current": hit.id === current ? "true" : undefined,
          onclick: () => onpick(hit),
        },
        thumb(collection, hit.id),
        el(
          "span",
          { class: "caption" },
          name && el("span", { class: "name" }, name),
          el("span", { class: name ? "id dim" : "name" }, hit.id),
          hit.distance !== undefined &&
            el(
              "span",
              { class: "distance" },
              el("span", { class: "unseen" }, "distance "),
              short(hit.distance),
            ),
          note?.(hit),
        ),
        hit.distance !== undefined &&
          el("span", {
            class: "meter",
            "aria-hidden": "true",
            style: { "--share": String(Math.max(0, hit.distance / far)) },
          }),
      );
      return el("li", {}, card);
    }),
  );
  roving(list, ".card");
  return list;
}
