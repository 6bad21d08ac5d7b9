import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, pictureFile, quit, REFUSED, shot, URL_, visit } from "./support.mjs";

after(quit);
const cards = (page) => page.locator("ul.grid .card");

test("a stored item shows its neighbours, nearest first, with pictures and distances", () =>
  visit("#/search?collection=emoji&id=1f600.png", async (page) => {
    await cards(page).first().waitFor();
    assert.equal(await cards(page).count(), 24);
    const wanted = (
      await api("POST", "/v1/collections/emoji/search", { id: "1f600.png", k: 24, exclude_self: true })
    ).body.results;
    assert.deepEqual(
      await page.locator("ul.grid .card .id").allTextContents(),
      wanted.map((r) => r.id),
    );
    const shown = await page.locator("ul.grid .card .distance").allTextContents();
    shown.forEach((text, i) =>
      assert.ok(Math.abs(Number(text.replace("distance ", "")) - wanted[i].distance) < 1e-3, text),
    );
    await page.waitForFunction(() =>
      [...document.querySelectorAll("ul.grid img")]
        .slice(0, 8)
        .every((i) => i.complete && i.naturalWidth > 0),
    );
    await page.getByAltText("What its code gives back").waitFor();
    await shot(page, "search");
  }));

test("a dropped picture is searched with, and beside it stands what its code gives back", () =>
  visit("#/search?collection=emoji", async (page) => {
    await page.locator("input[type=file]").setInputFiles(pictureFile("1f431.png"));
    await page.getByText("24 nearest").first().waitFor();
    assert.equal((await page.locator("ul.grid .card .id").first().textContent()).trim(), "1f431.png");
    await page.getByText(/familiar to this model|unusual for this model|unlike what/).waitFor();
    const made = page.getByAltText("What its code gives back");
    await made.waitFor();
    assert.ok((await made.evaluate((i) => i.decode().then(() => i.naturalWidth))) > 0);
  }));

test("a picture dropped anywhere is taken, one that is no picture is told of, and the page stays", () =>
  visit(
    "#/search?collection=emoji",
    async (page) => {
      await cards(page).first().waitFor();
      const drop = (text) =>
        page.evaluate(async (words) => {
          const blob = words ? new Blob([words]) : await (await fetch("/v1/collections/emoji/items/1f34e.png/input")).blob();
          const data = new DataTransfer();
          data.items.add(new File([blob], words ? "note.txt" : "apple.png", { type: words ? "text/plain" : "image/png" }));
          const at = document.querySelector("h1");
          const send = (name) =>
            at.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
          send("dragover");
          const marked = document.querySelector(".drop").classList.contains("over");
          return { marked, stopped: !send("drop"), after: document.querySelector(".drop").classList.contains("over") };
        }, text);
      assert.deepEqual(await drop(""), { marked: true, stopped: true, after: false });
      await page.getByText("24 nearest").first().waitFor();
      assert.equal((await page.locator("ul.grid .card .id").first().textContent()).trim(), "1f34e.png");
      await drop("this is no picture");
      await page.locator(".problem").waitFor();
      assert.match(await page.locator(".problem").textContent(), /picture|image/);
      await shot(page, "no-picture");
    },
    { expected: [REFUSED] },
  ));

test("a pasted picture is searched with", () =>
  visit("#/search?collection=emoji", async (page) => {
    await cards(page).first().waitFor();
    await page.evaluate(async () => {
      const blob = await (await fetch("/v1/collections/emoji/items/1f34e.png/input")).blob();
      const data = new DataTransfer();
      data.items.add(new File([blob], "apple.png", { type: "image/png" }));
      document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
    });
    await page.getByText("24 nearest").first().waitFor();
    assert.equal((await page.locator("ul.grid .card .id").first().textContent()).trim(), "1f34e.png");
  }));

test("a click on a neighbour searches from it, and Back goes back", () =>
  visit("#/search?collection=emoji&id=1f600.png", async (page) => {
    await cards(page).first().waitFor();
    const id = (await page.locator("ul.grid .card .id").nth(3).textContent()).trim();
    await cards(page).nth(3).click();
    await page.waitForFunction((wanted) => document.querySelector(".pair img")?.alt === "Item " + wanted, id);
    assert.ok(page.url().includes("id=" + encodeURIComponent(id)));
    await page.goBack();
    await page.waitForFunction(() => document.querySelector(".pair img")?.alt === "Item 1f600.png");
  }));

test("a filter lets through what passes, and one that is wrong is explained at its place", () =>
  visit(
    "#/search?collection=emoji&id=1f600.png",
    async (page) => {
      await cards(page).first().waitFor();
      const filter = page.getByLabel("Filter"),
        go = page.getByRole("button", { name: "Search", exact: true });
      await filter.fill('{"category":"Food & Drink"}');
      await go.click();
      await page.getByText("of those that pass the filter").first().waitFor();
      const ids = (await page.locator("ul.grid .card .id").allTextContents()).map((t) => t.trim());
      for (const id of ids.slice(0, 4))
        assert.equal(
          (await api("GET", "/v1/collections/emoji/items/" + id)).body.metadata.category,
          "Food & Drink",
        );

      await filter.fill('{"category": {"$gtt": 3}}');
      await go.click();
      const fault = page.locator("#json-filter-note");
      await fault.locator(".pointer").waitFor();
      assert.match(await fault.locator(".pointer").textContent(), /^\/filter\/category/);
      assert.equal(await filter.getAttribute("aria-invalid"), "true");
      assert.ok((await fault.locator("mark").count()) > 0);

      await filter.fill('{"category": ');
      await go.click();
      assert.match(await fault.textContent(), /not JSON/);
      await filter.fill("");
      assert.equal(await filter.getAttribute("aria-invalid"), null);
    },
    { expected: [REFUSED] },
  ));

test("a field and a value of it make a filter, without a line of JSON", () =>
  visit("#/search?collection=emoji", async (page) => {
    await cards(page).first().waitFor();
    await page.getByLabel("Only where").selectOption("category");
    const value = page.getByLabel("is", { exact: true });
    await value.fill("Flags");
    await value.press("Enter");
    await page.getByText(/^24 of more items/).waitFor();
    assert.equal(await page.getByLabel("Filter").inputValue(), '{"category":"Flags"}');
    const id = (await page.locator("ul.grid .card .id").first().textContent()).trim();
    assert.equal((await api("GET", "/v1/collections/emoji/items/" + id)).body.metadata.category, "Flags");
    await value.fill("");
    await value.press("Tab");
    await page.getByText(/^24 of 3,786 items/).waitFor();
    assert.equal(await page.getByLabel("Filter").inputValue(), "");
  }));

test("a server that went away is told of, and what was there stays", () =>
  visit(
    "#/search?collection=emoji&id=1f600.png",
    async (page) => {
      await cards(page).first().waitFor();
      await page.route("**/v1/**", (route) => route.abort());
      await page.getByRole("button", { name: "Search", exact: true }).click();
      await page.getByText("The server does not answer. Is it running?").first().waitFor();
      await page.route("**/console/view_models.js", (route) => route.abort());
      await page.getByRole("link", { name: "Models" }).click();
      await page.getByText("The server does not answer. Is it running?").first().waitFor();
      await page.unroute("**/console/view_models.js");
      await page.unroute("**/v1/**");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("heading", { name: "boxes@1" }).waitFor();
      await page.goBack();
      await page.getByText("24 nearest").first().waitFor();
      assert.equal(await page.locator(".problem").count(), 0);
    },
    { expected: [/ERR_FAILED/] },
  ));

test("k and distance are kept to", () =>
  visit("#/search?collection=emoji&id=1f600.png", async (page) => {
    await cards(page).first().waitFor();
    await page.getByLabel("Results").fill("5");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.getByText("5 nearest").first().waitFor();
    await page.getByLabel("Within distance").fill("0.0001");
    await page.getByRole("button", { name: "Search", exact: true }).click();
    await page.getByText("Nothing is that near").waitFor();
  }));

test("the keyboard alone goes from the filter to a neighbour's neighbours", () =>
  visit("#/search?collection=emoji&id=1f600.png", async (page) => {
    await cards(page).first().waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to content");
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");
    for (
      let i = 0;
      i < 20 && !(await page.evaluate(() => document.activeElement.classList.contains("card")));
      i++
    )
      await page.keyboard.press("Tab");
    const at = () =>
      page.evaluate(() => [...document.querySelectorAll(".card")].indexOf(document.activeElement));
    assert.equal(await at(), 0);
    await page.keyboard.press("ArrowRight");
    assert.equal(await at(), 1);
    await page.keyboard.press("ArrowDown");
    assert.ok((await at()) > 2);
    await page.keyboard.press("End");
    assert.equal(await at(), 23);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    const id = await page.evaluate(() => document.activeElement.querySelector(".id").textContent);
    await page.keyboard.press("Enter");
    await page.waitForFunction((wanted) => document.querySelector(".pair img")?.alt === "Item " + wanted, id);
  }));

test("codes without a model are searched by id and by numbers; names never become markup", () =>
  visit(
    "#/search?collection=points",
    async (page) => {
      await page.getByText("3 items").waitFor();
      assert.equal(await page.locator("img[src=x]").count(), 0);
      await page.getByText("By id, or any input").click();
      await page.getByRole("textbox", { name: "Item" }).fill("c/d e");
      await page.getByRole("button", { name: "Search like it" }).click();
      await page.getByText("2 nearest").first().waitFor();
      await page.getByLabel("Input as JSON").fill("[1, 0, 0]");
      await page.getByRole("button", { name: "Search with this input" }).click();
      await page.getByText("3 nearest").first().waitFor();
      assert.equal((await page.locator("ul.grid .card .name").first().textContent()).trim(), "a");
    },
    { expected: [REFUSED] },
  ));

test("pages run scripts of their server alone, and hold none themselves", async () => {
  for (const page of ["/", "/docs"]) {
    const reply = await fetch(URL_ + page),
      policy = Object.fromEntries(
        reply.headers
          .get("Content-Security-Policy")
          .split(/;\s*/)
          .map((rule) => [rule.split(" ")[0], rule.slice(rule.indexOf(" ") + 1)]),
      );
    assert.equal(policy["default-src"], "'none'");
    assert.equal(policy["script-src"], "'self'");
    assert.equal(policy["style-src"], "'self'");
    assert.equal(policy["require-trusted-types-for"], "'script'");
    assert.equal(reply.headers.get("X-Content-Type-Options"), "nosniff");
    assert.equal(reply.headers.get("Cache-Control"), "no-cache");
    const html = await reply.text();
    assert.doesNotMatch(html, /<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=|https?:\/\//i);
  }
});

test("a page of the console is sent once and then asked after", async () => {
  const first = await fetch(URL_ + "/console/main.js"),
    tag = first.headers.get("ETag");
  assert.equal((await fetch(URL_ + "/console/main.js", { headers: { "If-None-Match": tag } })).status, 304);
});
