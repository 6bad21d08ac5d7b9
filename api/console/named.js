// Items by their names.
import { json, itemPath } from "./api.js";
import { el } from "./dom.js";
import { title } from "./format.js";
import { thumb } from "./grid.js";
import { showsPictures } from "./state.js";

// An item wherever one is named: its picture if there is one, and what it is called.
export const label = (c, id) => [showsPictures(c) && thumb(c.name, id), called(c, id)];

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
