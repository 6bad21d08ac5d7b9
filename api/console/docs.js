// The interface as a page, made from the OpenAPI document: what cannot be read there is not said here.
import { el, clear, table } from "./dom.js";
import { pretty } from "./format.js";

const METHODS = ["get", "put", "post", "patch", "delete"];

// A schema in place of every reference to it, as deep as a reader wants to see.
function resolve(root, value, depth = 0) {
  if (Array.isArray(value)) return value.map((v) => resolve(root, v, depth));
  if (!value || typeof value !== "object") return value;
  if (value.$ref) {
    const target = value.$ref
      .split("/")
      .slice(1)
      .reduce((at, key) => at?.[key], root);
    return depth > 3 ? value.$ref.split("/").pop() : resolve(root, target, depth + 1);
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(root, v, depth)]));
}

function inside(root, item, what) {
  const rows = [...(item.parameters || []), ...(what.parameters || [])].map((p) => resolve(root, p));
  return el(
    "div",
    { class: "stack" },
    what.description && el("p", {}, what.description),
    rows.length > 0 &&
      table(
        "Parameters",
        ["name", "in", "meaning"],
        rows.map((p) => [el("code", {}, p.name), p.in, p.description || p.schema?.type || ""]),
      ),
    Object.entries(what.requestBody?.content || {}).map(([type, body]) => [
      el("h3", {}, "Body: " + type),
      el("pre", { class: "code", tabIndex: 0 }, pretty(resolve(root, body.schema))),
    ]),
    el("h3", {}, "Replies"),
    el(
      "dl",
      { class: "facts" },
      Object.entries(what.responses).map(([status, reply]) => [
        el("dt", {}, status),
        el("dd", {}, resolve(root, reply).description),
      ]),
    ),
  );
}

// Closed until somebody wants it: the schemas of a hundred operations are long.
function operation(root, path, method, item) {
  const what = item[method];
  const node = el(
    "details",
    {},
    el(
      "summary",
      {},
      el("span", { class: "method" }, method.toUpperCase() + " "),
      el("code", {}, path),
      " ",
      el("span", { class: "dim" }, what.summary + (what["x-scope"] ? " (" + what["x-scope"] + ")" : "")),
    ),
  );
  node.addEventListener("toggle", () => {
    if (node.open && node.childElementCount === 1) node.append(inside(root, item, what));
  });
  node.words = (method + " " + path + " " + what.summary + " " + (what.description || "")).toLowerCase();
  return node;
}

async function start() {
  const root = await (await fetch("/openapi.json")).json();
  document.getElementById("intro").textContent = root.info.description.replaceAll("`", "");
  const groups = new Map();
  for (const [path, item] of Object.entries(root.paths))
    for (const method of METHODS)
      if (item[method]) {
        const tag = item[method].tags?.[0] || "other";
        if (!groups.has(tag)) groups.set(tag, []);
        groups.get(tag).push(operation(root, path, method, item));
      }
  clear(
    document.getElementById("paths"),
    [...groups].map(([tag, list]) =>
      el("section", { class: "group" }, el("h2", {}, tag[0].toUpperCase() + tag.slice(1)), list),
    ),
  );
  const rows = table(
    "Problem codes",
    ["code", "#status", "meaning"],
    root["x-problems"].map((p) => [
      el("code", { id: "problem-" + p.code }, p.code),
      String(p.status),
      p.meaning,
    ]),
  );
  clear(document.getElementById("problems"), rows);
  const find = document.getElementById("find"),
    found = document.getElementById("found");
  find.addEventListener("input", () => {
    const word = find.value.trim().toLowerCase();
    let n = 0;
    for (const list of groups.values()) {
      for (const node of list) {
        node.hidden = !node.words.includes(word);
        n += node.hidden ? 0 : 1;
      }
      list[0].parentElement.hidden = list.every((node) => node.hidden);
    }
    found.textContent = word ? n + " found" : "";
  });
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start();
