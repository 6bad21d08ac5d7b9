"use strict";

const $ = (id) => document.getElementById(id);
const path = () => "/v1/collections/" + encodeURIComponent($("collection").value);
let generation = 0; // answers of an older search are dropped

function headers(more) {
  const all = Object.assign({}, more);
  if ($("key").value) all["X-API-Key"] = $("key").value;
  return all;
}

async function ask(url, options = {}) {
  const reply = await fetch(url, { ...options, headers: headers(options.headers) });
  if (reply.ok) return reply;
  const problem = await reply.json().catch(() => ({ detail: reply.statusText }));
  throw new Error(problem.detail || problem.title);
}

function say(words, bad = false) {
  $("status").textContent = words;
  $("status").classList.toggle("bad", bad);
}

// Pictures are fetched, not linked, because an image tag cannot send a key.
async function show(image, url) {
  try {
    const reply = await ask(url);
    if (!(reply.headers.get("Content-Type") || "").startsWith("image/")) throw new Error();
    image.src = URL.createObjectURL(await reply.blob());
    image.onload = () => URL.revokeObjectURL(image.src);
  } catch {
    image.remove();
  }
}

function caption(metadata) {
  return Object.entries(metadata || {}).slice(0, 4)
    .map(([key, value]) => key + ": " + (typeof value === "object" ? JSON.stringify(value) : value)).join(", ");
}

function card(hit) {
  const figure = document.createElement("figure");
  const image = document.createElement("img");
  const words = document.createElement("figcaption");
  const id = document.createElement("b");
  figure.tabIndex = 0;
  image.alt = "";
  id.textContent = hit.id;
  words.append(id);
  if (hit.distance !== undefined) words.append(hit.distance.toPrecision(4) + " ");
  words.append(caption(hit.metadata));
  figure.append(image, words);
  figure.onclick = () => searchLike(hit.id);
  figure.onkeydown = (event) => { if (event.key === "Enter") figure.onclick(); };
  show(image, path() + "/items/" + encodeURIComponent(hit.id) + "/input");
  return figure;
}

function filter() {
  const text = $("filter").value.trim();
  return text ? JSON.parse(text) : null;
}

async function run(what, send) {
  const mine = ++generation;
  say("Searching …");
  try {
    const start = performance.now();
    const answer = await (await send()).json();
    if (mine !== generation) return;
    const hits = answer.results || answer.items;
    $("results").replaceChildren(...hits.map(card));
    let words = hits.length + " " + what + " in " + (performance.now() - start).toFixed(0) + " ms";
    if (answer.query && answer.query.p_value !== undefined)
      words += "; " + (answer.query.p_value < 0.01 ? "this picture is unlike what the model knows" : "the model knows pictures like this");
    say(words);
  } catch (failure) {
    if (mine === generation) say(failure.message, true);
  }
}

// The address names what is shown, so that it can be sent to somebody.
function remember(id) {
  const wanted = new URLSearchParams({ collection: $("collection").value });
  if (id !== undefined) wanted.set("id", id);
  history.replaceState(null, "", "?" + wanted);
}

function searchLike(id) {
  remember(id);
  $("query").hidden = false;
  show($("query"), path() + "/items/" + encodeURIComponent(id) + "/input");
  return run("items like " + id, () => ask(path() + "/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ id, k: Number($("k").value), filter: filter(), include: ["metadata"] }),
  }));
}

function searchPicture(file) {
  if (!file) return;
  $("query").hidden = false;
  $("query").src = URL.createObjectURL(file);
  const options = new URLSearchParams({ k: $("k").value, include: "metadata", explain: "true" });
  run("nearest items", () => {
    const wanted = filter();
    if (wanted) options.set("filter", JSON.stringify(wanted));
    return ask(path() + "/search?" + options, {
      method: "POST",
      headers: { "Content-Type": file.type || "image/png" },
      body: file,
    });
  });
}

function browse() {
  remember();
  $("query").hidden = true;
  if ($("collection").value)
    run("items", () => ask(path() + "/items?limit=" + encodeURIComponent($("k").value)));
}

async function start() {
  try {
    const { collections } = await (await ask("/v1/collections")).json();
    $("collection").replaceChildren(...collections.map((c) => new Option(c.name + " (" + c.items + ")", c.name)));
    if (!collections.length) return say("No collections yet.");
    const wanted = new URLSearchParams(location.search);
    if (collections.some((c) => c.name === wanted.get("collection"))) $("collection").value = wanted.get("collection");
    if (wanted.has("id")) searchLike(wanted.get("id"));
    else browse();
  } catch (failure) {
    say(failure.message, true);
  }
}

const drop = $("drop");
drop.onclick = () => $("file").click();
drop.onkeydown = (event) => { if (event.key === "Enter" || event.key === " ") $("file").click(); };
$("file").onclick = (event) => event.stopPropagation();
$("file").onchange = () => searchPicture($("file").files[0]);
drop.ondragover = (event) => { event.preventDefault(); drop.classList.add("over"); };
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  searchPicture(event.dataTransfer.files[0]);
};
document.onpaste = (event) => searchPicture([...event.clipboardData.files].find((f) => f.type.startsWith("image/")));
$("collection").onchange = browse;
$("controls").onsubmit = (event) => event.preventDefault();
$("key").value = sessionStorage.getItem("latentd-key") || "";
$("key").onchange = () => { sessionStorage.setItem("latentd-key", $("key").value); start(); };
start();
