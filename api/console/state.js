// What several views want to know: collections, models, and which of both was chosen last. Lists are asked for once and
// again when somebody says that they have changed.
import { Problem, pages, modelPath, json } from "./api.js";
import { el, select, empty } from "./dom.js";
import { count } from "./format.js";

const lists = {};
const list = (name, fresh) => {
  if (fresh || !lists[name]) {
    lists[name] = pages("/v1/" + name, name);
    lists[name].catch(() => {
      delete lists[name];
    });
  }
  return lists[name];
};
let known = [];

export const collections = (fresh) => list("collections", fresh);
export async function models(fresh) {
  return (known = await list("models", fresh));
}
export function forget() {
  for (const name of Object.keys(lists)) delete lists[name];
}

export const reference = (model) => model.name + "@" + model.version;
export const can = (model, verb) => model?.state === "ready" && model.capabilities.includes(verb);

const modelIn = (all, collection) =>
  all.find((m) => reference(m) === collection.model) ||
  all.filter((m) => m.name === collection.model && m.state === "ready").at(-1);

// The model of a collection as the list has it; undefined for a collection of bare codes.
export async function modelOf(collection) {
  return collection?.model ? modelIn(await models(), collection) : undefined;
}

// Whether its items have pictures to show; models have been asked for before.
export const showsPictures = (collection) =>
  Boolean(collection.items && collection.keep_inputs && collection.model) &&
  modelIn(known, collection)?.input?.kind === "image";

const details = new Map();
// The manifest, calibration and record; a version never changes.
export function detailOf(ref, signal) {
  if (!details.has(ref)) {
    details.set(ref, json(modelPath(ref), { signal }));
    details.get(ref).catch(() => details.delete(ref));
  }
  return details.get(ref);
}

export const recall = (name) => sessionStorage.getItem("latentd-" + name) || "";
export const remember = (name, value) => sessionStorage.setItem("latentd-" + name, value);

// A choice of collections that pass `accept(collection, model)`: {node, value, names}. What stands in the address counts,
// then what was chosen last, then the first. An address of a collection that is not there, or that this view has nothing
// for, is a Problem.
export async function collectionChoice(ctx, accept = () => true, onchange = undefined) {
  const all = await collections();
  const fit = [];
  for (const c of all) if (await accept(c, await modelOf(c))) fit.push(c);
  const asked = ctx.params.collection,
    fits = (name) => fit.some((c) => c.name === name);
  if (asked && !fits(asked))
    throw new Problem(404, { detail: "There is no collection '" + asked + "' that this view could show." });
  const wanted = [asked, recall("collection")].find(fits) || fit[0]?.name;
  const node = select(
    fit.map((c) => ({
      value: c.name,
      label: c.name + " (" + (c.items || !c.users ? count(c.items) : count(c.users) + " users") + ")",
      selected: c.name === wanted,
    })),
  );
  node.addEventListener("change", () => {
    remember("collection", node.value);
    onchange?.(node.value);
  });
  return {
    node,
    fit,
    any: fit.length > 0,
    get value() {
      return node.value;
    },
    get collection() {
      return fit.find((c) => c.name === node.value);
    },
  };
}

// A choice of ready models that pass `accept(model)`, the newest version of a name first.
export async function modelChoice(ctx, accept = () => true, onchange = undefined) {
  const fit = (await models())
    .filter((m) => m.state === "ready" && accept(m))
    .sort((a, b) => a.name.localeCompare(b.name) || b.version - a.version);
  const wanted =
    [ctx.params.model, recall("model")].find((ref) => fit.some((m) => reference(m) === ref)) ||
    (fit[0] && reference(fit[0]));
  const node = select(
    fit.map((m) => ({ value: reference(m), label: reference(m), selected: reference(m) === wanted })),
  );
  node.addEventListener("change", () => {
    remember("model", node.value);
    onchange?.(node.value);
  });
  return {
    node,
    fit,
    any: fit.length > 0,
    get value() {
      return node.value;
    },
    get model() {
      return fit.find((m) => reference(m) === node.value);
    },
  };
}

export const noCollections = () =>
  empty(
    "No collections yet.",
    "Create one with ",
    el("code", {}, "PUT /v1/collections/NAME"),
    " and fill it with ",
    el("code", {}, "latentd import NAME ~/Pictures"),
    ".",
  );
