// The fields of a collection's metadata: which there are, and a filter made of them without a line of JSON.
import { json, collectionPath } from "./api.js";
import { el, clear, field, select, unique } from "./dom.js";

// name → its values, of fields that hold texts, numbers or flags.
function gather(metadata) {
  const names = new Map();
  for (const row of metadata)
    for (const [name, value] of Object.entries(row || {})) {
      if (typeof value === "object") continue;
      if (!names.has(name)) names.set(name, []);
      names.get(name).push(value);
    }
  return names;
}

// The fields worth looking by: {name, kind: "words" | "numbers"}, the most telling first.
export function fieldsOf(metadata) {
  const found = [];
  for (const [name, values] of gather(metadata)) {
    const distinct = new Set(values).size;
    if (distinct < 2) continue;
    const numbers = values.every((v) => typeof v === "number") && distinct > 12;
    const fit =
      (distinct <= 12 ? 2 : numbers ? 1.2 : distinct < values.length / 3 ? 1 : 0) *
        (values.length / metadata.length) +
      (typeof values[0] === "string" ? 0.1 : 0);
    found.push({ name, kind: numbers ? "numbers" : "words", fit });
  }
  return found.sort((a, b) => b.fit - a.fit);
}

const SAMPLE = 500,
  SUGGESTED = 60;

// The filter that holds in a field what was picked: dots of a name are no path.
const keyOf = (name) => name.replaceAll("\\", "\\\\").replaceAll(".", "\\.");

function objectIn(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}

// A field and a value of it to choose: what is chosen goes into `filter` (a jsonBox), then onchange().
// {node, of(collection)}: the fields are those of some of its items.
export function fieldPicker(filter, onchange) {
  const list = el("datalist", { id: unique("values") });
  const which = select([]),
    value = el("input", { autocomplete: "off", spellcheck: "false", disabled: true });
  value.setAttribute("list", list.id);
  const node = el(
    "div",
    { class: "fields", hidden: true },
    field("Only where", which),
    field("is", value),
    list,
  );
  let names = new Map(),
    asked = "",
    put = "";

  // What was picked before gives way to `wanted` of the field `name`, or to nothing.
  function write(name, wanted) {
    const object = objectIn(filter.input.value);
    if (put) delete object[put];
    put = wanted === undefined ? "" : keyOf(name);
    if (put) object[put] = wanted;
    filter.input.value = Object.keys(object).length ? JSON.stringify(object) : "";
    filter.good();
  }
  which.addEventListener("change", () => {
    const values = names.get(which.value) || [],
      tally = new Map();
    for (const v of values) tally.set(v, (tally.get(v) || 0) + 1);
    value.value = "";
    value.disabled = !which.value;
    clear(
      list,
      [...tally]
        .sort((a, b) => b[1] - a[1])
        .slice(0, SUGGESTED)
        .map(([v]) => el("option", { value: String(v) })),
    );
    if (put) {
      write();
      onchange();
    }
    if (which.value) value.focus();
  });
  // As the field holds it: a number where it holds numbers.
  const cast = (text) => {
    const like = names.get(which.value)?.find((v) => String(v) === text) ?? names.get(which.value)?.[0];
    if (typeof like === "number" && Number.isFinite(Number(text))) return Number(text);
    return typeof like === "boolean" ? text === "true" : text;
  };
  value.addEventListener("change", () => {
    const text = value.value.trim();
    write(which.value, text ? cast(text) : undefined);
    onchange();
  });
  return {
    node,
    async of(collection) {
      if (collection === asked) return;
      asked = collection;
      if (put) write();
      const { items } = await json(collectionPath(collection, "/items"), { query: { limit: SAMPLE } }).catch(
        () => ({ items: [] }),
      );
      if (collection !== asked) return;
      names = gather(items.map((i) => i.metadata));
      node.hidden = names.size === 0;
      value.value = "";
      value.disabled = true;
      clear(
        which,
        el("option", { value: "" }, "any field"),
        [...names.keys()].map((name) => el("option", { value: name }, name)),
      );
      const name =
          fieldsOf(items.map((i) => i.metadata || {}))[0]?.name ?? names.keys().next().value ?? "field",
        example = names.get(name)?.[0] ?? "value";
      filter.input.placeholder = JSON.stringify({ [keyOf(name)]: example });
    },
  };
}
