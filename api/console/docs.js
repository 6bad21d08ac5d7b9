"use strict";

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// A schema in place of every reference to it, as deep as a reader wants to see.
function resolve(document, value, depth = 0) {
  if (Array.isArray(value)) return value.map((v) => resolve(document, v, depth));
  if (!value || typeof value !== "object") return value;
  if (value.$ref) {
    const target = value.$ref.split("/").slice(1).reduce((at, key) => at[key], document);
    return depth > 3 ? value.$ref.split("/").pop() : resolve(document, target, depth + 1);
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolve(document, v, depth)]));
}

function operation(document, path, method, item) {
  const what = item[method];
  const method_name = element("span", method.toUpperCase() + " ");
  method_name.className = "method";
  const details = element("details", "",
    element("summary", "", method_name, element("code", path), " " + what.summary + (what["x-scope"] ? " (" + what["x-scope"] + ")" : "")));
  if (what.description) details.append(element("p", what.description));
  const rows = [...(item.parameters || []), ...(what.parameters || [])].map((p) => resolve(document, p));
  if (rows.length)
    details.append(element("table", "", ...rows.map((p) =>
      element("tr", "", element("td", "", element("code", p.name)), element("td", p.in), element("td", p.description || p.schema.type || "")))));
  for (const [type, body] of Object.entries((what.requestBody || { content: {} }).content))
    details.append(element("p", "Body " + type), element("pre", JSON.stringify(resolve(document, body.schema), null, 1)));
  for (const [status, reply] of Object.entries(what.responses)) {
    const full = resolve(document, reply);
    details.append(element("p", status + ": " + full.description));
  }
  return details;
}

async function start() {
  const document_ = await (await fetch("/openapi.json")).json();
  document.getElementById("intro").textContent = document_.info.description.replaceAll("`", "");
  const list = document.getElementById("paths");
  list.replaceChildren();
  for (const [path, item] of Object.entries(document_.paths))
    for (const method of ["get", "put", "post", "patch", "delete"])
      if (item[method]) list.append(operation(document_, path, method, item));
  for (const problem of document_["x-problems"]) {
    const row = element("tr", "", element("td", "", element("code", problem.code)), element("td", String(problem.status)), element("td", problem.meaning));
    row.id = "problem-" + problem.code;
    document.getElementById("problems").append(row);
  }
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

start();
