// Items by their names.
import { json, itemPath } from "./api.js";
import { el } from "./dom.js";
import { title } from "./format.js";
import { initials, thumb } from "./grid.js";

// An item wherever one is named: its picture if there is one, and what it is called.
export function label(c, id) {
  return [
    c.items > 0 && c.keep_inputs && c.dimension
      ? thumb(c.name, id)
      : el("span", { class: "picture" }, el("span", { class: "nopicture" }, initials(id).slice(0, 5))),
    called(c, id),
  ];
}

const names = new Map();
// Its id, and as soon as it is known its name.
export function called(c, id) {
  const node = el("span", { class: "label", title: id }, id),
    place = c.name + "/" + id;
  if (!c.items) return node;
  if (!names.has(place))
    names.set(
      place,
      json(itemPath(c.name, id)).then(
        (item) => title(item.metadata),
        () => "",
      ),
    );
  names.get(place).then((name) => {
    if (name) node.textContent = name;
  });
  return node;
}
