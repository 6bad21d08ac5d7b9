// Search: a picture, an item, a code; its neighbours as a grid. The address holds collection and item, so a search by a
// stored item can be sent to somebody.
import { ask, json, base64, collectionPath, serverTime } from "./api.js";
import {
  roomy,
  el,
  clear,
  field,
  number,
  checkbox,
  button,
  heading,
  panel,
  empty,
  say,
  latest,
} from "./dom.js";
import { describe, differs } from "./explain.js";
import { fieldPicker } from "./fields.js";
import { short, count } from "./format.js";
import { hitGrid } from "./grid.js";
import { dropBox } from "./picture.js";
import { problemBox, jsonBox } from "./problems.js";
import { collectionChoice, modelOf, noCollections, can } from "./state.js";

function controls() {
  const k = number({ value: "24", min: "1", max: "1000", step: "1", required: true });
  const most = number({ placeholder: "any", step: "any" });
  const filter = jsonBox("Filter", {
    rows: 2,
    hint: "JSON on metadata: fields, $gt, $in, $prefix, $and, $not …",
  });
  const diversity = el("input", { type: "range", min: "0", max: "0.9", step: "0.1", value: "0" });
  const exact = checkbox("Exact: scan every code");
  const self = checkbox("Leave the item itself out", { checked: true });
  const raw = jsonBox("Input as JSON", { rows: 2, placeholder: '{"vector": [0.1, 0.2]}' });
  const byId = el("input", { placeholder: "id of a stored item", autocomplete: "off", spellcheck: "false" });
  const explain = checkbox("Explain what differs");
  const clean = checkbox("Denoise the query first");
  return { k, most, filter, diversity, exact, self, raw, byId, explain, clean };
}

export async function show(root, ctx) {
  const choice = await collectionChoice(
    ctx,
    () => true,
    () => {
      query = null;
      ctx.set({ collection: choice.value });
      prepare();
      run();
    },
  );
  if (!choice.any) return void root.append(heading("Search"), noCollections());
  const c = controls();
  const picker = fieldPicker(c.filter, () => run());
  let query = null,
    model,
    turn = 0;
  const again = latest(ctx.signal);

  const status = el("p", { class: "status dim", role: "status" });
  const results = el("div", { class: "stack" });
  const asked = el("div", { class: "stack" });
  const drop = dropBox({ onpicture: (file) => search({ file }), signal: ctx.signal });
  const more = el(
    "details",
    {},
    el("summary", {}, "By id, or any input"),
    el(
      "div",
      { class: "stack" },
      el(
        "form",
        {
          class: "row ends",
          onsubmit: (e) => {
            e.preventDefault();
            if (c.byId.value) choose(c.byId.value);
          },
        },
        field("Item", c.byId),
        el("button", { type: "submit" }, "Search like it"),
      ),
      c.raw.node,
      button("Search with this input", () => {
        try {
          const input = c.raw.read();
          if (input)
            search(
              Array.isArray(input) ? { code: input } : "code" in input ? { code: input.code } : { input },
            );
        } catch {
          /* shown at the field */
        }
      }),
    ),
  );
  const options = el(
    "div",
    { class: "stack" },
    el("div", { class: "fields" }, field("Results", c.k), field("Within distance", c.most)),
    picker.node,
    c.filter.node,
    el(
      "details",
      {},
      el("summary", {}, "More options"),
      el(
        "div",
        { class: "stack" },
        field("Variety", c.diversity),
        c.explain.node,
        c.exact.node,
        c.self.node,
        c.clean.node,
      ),
    ),
  );
  const form = el(
    "form",
    {
      class: "stack",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        run();
      },
    },
    options,
    el(
      "div",
      { class: "row" },
      el("button", { type: "submit", class: "primary" }, "Search"),
      button("Browse", () => {
        query = null;
        ctx.set({ collection: choice.value });
        run();
      }),
    ),
  );
  root.append(
    heading("Search", "Drop a picture to see its nearest neighbours; click one to search from there."),
    el(
      "div",
      { class: "split" },
      panel(null, field("Collection", choice.node), drop, more, form),
      el("div", { class: "stack" }, asked, status, results),
    ),
  );

  async function prepare() {
    model = await modelOf(choice.collection);
    picker.of(choice.value);
    drop.hidden = model?.input?.kind !== "image";
    c.clean.node.hidden = !can(model, "denoise");
    c.raw.input.placeholder =
      {
        vector: '{"vector": [0.1, 0.2, …]}',
        table: '{"row": {"column": 1}}',
        interactions: '{"history": ["item"]}',
        sequence: '{"sequence": [[…], …]}',
      }[model?.input?.kind] || "[0.1, 0.2, …] a code of " + choice.collection.dimension + " numbers";
  }
  const choose = (id) => {
    ctx.go("search", { collection: choice.value, id });
  };
  function search(next) {
    query = next;
    if (!next.id) ctx.set({ collection: choice.value });
    return run();
  }

  // The request's common part; throws when the filter is no JSON.
  const common = () => ({
    k: Number(c.k.value) || 24,
    filter: c.filter.read(),
    max_distance: c.most.value === "" ? undefined : Number(c.most.value),
    exact: c.exact.input.checked || undefined,
    diversity: Number(c.diversity.value) || undefined,
    explain: c.explain.input.checked || Boolean(query && !query.id) || undefined,
    denoise: (!c.clean.node.hidden && c.clean.input.checked && query && !query.id) || undefined,
    exclude_self: (query?.id && c.self.input.checked) || undefined,
    include: ["metadata"],
  });

  async function run() {
    const mine = ++turn,
      signal = again();
    results.setAttribute("aria-busy", "true");
    try {
      const body = common();
      if (query) await neighbours(body, signal, mine);
      else await browse(body, signal, mine);
    } catch (failure) {
      if (mine !== turn || failure.shown || failure.name === "AbortError") return;
      status.textContent = "";
      const typed = query?.input && c.raw.fail(failure, "/input");
      if (typed || c.filter.fail(failure, "/filter")) return;
      clear(asked);
      clear(results, problemBox(failure));
    } finally {
      if (mine === turn) results.removeAttribute("aria-busy");
    }
  }

  async function browse(body, signal, mine) {
    clear(asked);
    let cursor;
    const list = [];
    const next = async () => {
      const page = await json(collectionPath(choice.value, "/items"), {
        signal,
        query: { limit: Math.min(body.k, 1000), cursor, filter: body.filter && JSON.stringify(body.filter) },
      }).catch((failure) => {
        throw filterPlace(failure);
      });
      if (mine !== turn) return;
      cursor = page.next_cursor;
      list.push(...page.items);
      status.textContent =
        count(list.length) +
        (cursor ? " of " + (body.filter ? "more" : count(choice.collection.items)) : "") +
        " items, by id";
      if (!list.length)
        return void clear(
          results,
          empty(body.filter ? "No item passes this filter." : "This collection is empty."),
        );
      clear(
        results,
        hitGrid({
          collection: choice.collection,
          hits: list,
          label: "Items",
          onpick: (hit) => choose(hit.id),
        }),
        cursor && button("Show more", () => next().catch((f) => clear(results, problemBox(f)))),
      );
    };
    await next();
  }
  // In a query string the filter is a value of its own: its pointers start at its root.
  function filterPlace(failure) {
    for (const e of failure.errors || [])
      if (e.pointer !== undefined && !e.pointer.startsWith("/filter")) e.pointer = "/filter" + e.pointer;
    return failure;
  }

  async function neighbours(body, signal, mine) {
    const start = performance.now();
    const input = query.file ? { image: await base64(query.file) } : query.input;
    const part = query.id ? { id: query.id } : query.code ? { code: query.code } : { input };
    const reply = await ask(collectionPath(choice.value, "/search"), { signal, json: { ...part, ...body } });
    const answer = await reply.json();
    if (mine !== turn) return;
    const took = performance.now() - start,
      inside = serverTime(reply);
    const words =
      count(answer.results.length) + " nearest" + (body.filter ? " of those that pass the filter" : "");
    clear(
      status,
      el("span", { class: "strong" }, words),
      el(
        "span",
        {},
        short(took, 3) +
          " ms here" +
          (inside !== undefined ? ", " + short(inside, 2) + " ms in the server" : ""),
      ),
    );
    say(words);
    if (answer.results.length)
      clear(
        results,
        hitGrid({
          collection: choice.collection,
          hits: answer.results,
          label: "Neighbours, nearest first",
          note: c.explain.input.checked ? differs : undefined,
          onpick: (hit) => choose(hit.id),
        }),
      );
    else clear(results, empty("Nothing is that near.", "Raise the distance, or loosen the filter."));
    const told = await describe({ query, about: answer.query, model, collection: choice.value, signal });
    if (mine !== turn) return;
    clear(asked, told);
    if (!roomy()) asked.scrollIntoView({ block: "start" });
  }

  await prepare();
  const from = (params) => {
    if (params.collection) choice.node.value = params.collection;
    query = params.id ? { id: params.id } : null;
    c.byId.value = params.id || "";
    return prepare().then(run);
  };
  from(ctx.params);
  return (params) => {
    if (params.collection && !choice.fit.some((f) => f.name === params.collection)) return false;
    from(params);
    if (roomy()) root.querySelector("h1").scrollIntoView({ block: "nearest" });
  };
}
