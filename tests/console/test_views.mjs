import assert from "node:assert/strict";
import { after, test } from "node:test";
import { api, pictureFile, quit, REFUSED, shot, visit } from "./support.mjs";

after(quit);

test("a model tells its record, its calibration, and what it gives back", () =>
  visit("#/models?model=emoji@1", async (page) => {
    await page.getByText("Originals, and what their codes give back").waitFor();
    assert.ok((await page.locator(".lineup figure").count()) >= 8);
    await page.getByRole("img", { name: /Loss by epoch/ }).waitFor();
    await page.getByRole("img", { name: /Distribution of calibration errors/ }).waitFor();
    await shot(page, "models");
  }));

test("a slider walks the code, and what is decoded follows", () =>
  visit("#/models?model=emoji@1", async (page) => {
    const image = page.getByAltText("What the code decodes to");
    await page.waitForFunction(() => document.querySelector(".walk img")?.naturalWidth > 0);
    const look = () =>
      image.evaluate((i) => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = 16;
        canvas.getContext("2d").drawImage(i, 0, 0, 16, 16);
        return [...canvas.getContext("2d").getImageData(0, 0, 16, 16).data].join();
      });
    const before = await look();
    let flying = 0,
      most = 0;
    page.on("request", (r) => {
      if (r.url().endsWith("/decode")) most = Math.max(most, ++flying);
    });
    const landed = (r) => {
      if (r.url().endsWith("/decode")) flying--;
    };
    page.on("requestfinished", landed);
    page.on("requestfailed", landed);
    const slider = page.getByRole("slider", { name: /^PC 1,/ });
    await slider.focus();
    for (let i = 0; i < 40; i++) await page.keyboard.press("ArrowRight");
    await page.waitForTimeout(500);
    assert.notEqual(await look(), before);
    assert.equal(most, 1, "one decode under way at a time");
    await page.getByRole("button", { name: "Back" }).click();
    await page.waitForTimeout(400);
    assert.equal(await look(), before);
  }));

test("a bad spec is explained at its place; a good one trains, its curve grows live, its model serves", () =>
  visit(
    "#/training?new=1",
    async (page) => {
      const spec = page.getByRole("textbox", { name: "Spec" });
      await spec.fill('{"name": "taste", "data": {"collection": "emoji"}, "code": {"dimension": "many"}}');
      await page.getByRole("button", { name: "Start training" }).click();
      await page.locator(".fault .pointer").waitFor();
      assert.equal((await page.locator(".fault .pointer").textContent()).trim(), "/spec/code/dimension");
      assert.match(await page.locator(".fault mark").textContent(), /many/);
      await spec.fill(
        JSON.stringify({
          name: "small",
          data: { collection: "emoji", size: [12, 12], channels: 1, validation: 0.1 },
          network: { encoder: { type: "dense", hidden: [32] }, decoder: "mirror" },
          code: { dimension: 4 },
          optimizer: { epochs: 300, batch: 64 },
        }),
      );
      await page.getByRole("button", { name: "Start training" }).click();
      await page.waitForURL(/job=/);
      // While it runs: where it stands, in the job and in the list.
      await page.waitForFunction(
        () =>
          /epoch\s*\d+ of 300[^]*items a second/.test(document.querySelector(".panel")?.innerText ?? "") &&
          document.querySelector(".pick .chip")?.textContent === "running",
        null,
        { timeout: 240000 },
      );
      await page.waitForFunction(() => document.querySelector(".panel .chip")?.textContent === "done", null, {
        timeout: 240000,
      });
      await page.getByRole("img", { name: /training from .* to / }).waitFor();
      await page.getByRole("link", { name: "small@1" }).waitFor();
      await shot(page, "training");
      await page.getByRole("link", { name: "small@1" }).click();
      await page.getByRole("heading", { name: "small@1" }).waitFor();
    },
    { expected: [REFUSED] },
  ));

test("a training can be cancelled", () =>
  visit("#/training?new=1", async (page) => {
    await page.getByRole("textbox", { name: "Spec" }).fill(
      JSON.stringify({
        name: "long",
        data: { collection: "emoji", size: [24, 24], channels: 3 },
        optimizer: { epochs: 500 },
      }),
    );
    await page.getByRole("button", { name: "Start training" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.waitForFunction(
      () => document.querySelector(".panel .chip")?.textContent === "cancelled",
      null,
      { timeout: 240000 },
    );
  }));

test("a user gets recommendations with reasons, and what is taken is not recommended again", () =>
  visit("#/recommend?collection=emoji&user=animal-mammal-1", async (page) => {
    await page.locator(".rec").first().waitFor();
    assert.equal(await page.locator(".rec").count(), 10);
    assert.ok((await page.locator(".because .reason").count()) > 0);
    assert.ok((await page.locator(".past li").count()) > 5);
    const first = await page.locator(".rec .label").first().getAttribute("title");
    await page.getByRole("button", { name: "Take " + first }).click();
    await page.locator(".rec .chip.good").waitFor();
    await page.getByRole("button", { name: "Recommend", exact: true }).click();
    await page.waitForFunction((id) => document.querySelector(".past .label")?.title === id, first);
    assert.notEqual(await page.locator(".rec .label").first().getAttribute("title"), first);
    await shot(page, "recommendations");
  }));

test("a recommender trained in the console serves the users", () =>
  visit("#/training?new=1", async (page) => {
    await page.getByLabel("Begin with").selectOption({ label: "Recommendations (EASE)" });
    assert.match(await page.getByRole("textbox", { name: "Spec" }).inputValue(), /"emoji-ease"/);
    await page.getByRole("button", { name: "Start training" }).click();
    await page.waitForURL(/job=/);
    await page.waitForFunction(() => document.querySelector(".panel .chip")?.textContent === "done", null, {
      timeout: 240000,
    });
    await page.getByRole("link", { name: "emoji-ease@1" }).waitFor();
    assert.equal(await page.locator("figure:visible").count(), 0, "no empty curve of what has no epochs");
    assert.equal(
      (await api("PUT", "/v1/collections/emoji/recommender", { model: "emoji-ease" })).status,
      200,
    );
    await page.goto(page.url().replace(/#.*/, "#/recommend?collection=emoji&user=animal-bird-2"));
    await page.getByText("by the model").waitFor();
    await page.getByLabel("Or for somebody who has").fill("1f431.png, 1f436.png");
    await page.getByRole("button", { name: "Suppose" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".rec button").length === 0);
    await page.locator(".rec .reason").first().waitFor();
    assert.equal(await page.locator(".past").count(), 0);
  }));

test("items without pictures are named, with no place for one", () =>
  visit("#/recommend?collection=tastes&user=animal-mammal-1", async (page) => {
    await page.locator(".rec").first().waitFor();
    await page.locator(".past li").first().waitFor();
    assert.equal(await page.locator(".rec .picture, .past .picture").count(), 0);
    await page.goto(page.url().replace(/#.*/, "#/search?collection=points"));
    await page.locator("ul.grid .card").first().waitFor();
    assert.equal(await page.locator("ul.grid .picture").count(), 0);
  }));

test("long names stay in their places", async () => {
  const long = "long-" + "x".repeat(58),
    id = "i".repeat(200);
  await api("PUT", "/v1/collections/" + long, { dimension: 2 });
  await api("PUT", "/v1/collections/" + long + "/items", {
    items: [1, 2, 3, 4].map((n) => ({
      id: n + id,
      code: [n, 1],
      metadata: { name: "N".repeat(300), ["f".repeat(80)]: "v".repeat(200), of: n },
    })),
  });
  for (const view of ["search?id=1" + id + "&", "map?", "operations?", "recommend?like=1" + id + "&"])
    await visit(
      "#/" + view + "collection=" + long,
      async (page) => {
        await page.waitForFunction(() => !document.querySelector(".busy, [aria-busy=true]"));
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, view);
        await shot(page, "long-" + view.replace(/\?.*/, ""));
      },
      { width: 360, height: 740 },
    );
  await api("DELETE", "/v1/collections/" + long);
});

test("examples of what is liked and what is not give items", () =>
  visit("#/recommend?collection=emoji&like=1f431.png", async (page) => {
    const list = page.getByRole("region", { name: "From examples" }).getByRole("list", { name: "Recommended, best first" });
    await list.waitFor();
    const before = await list.textContent();
    await page.getByRole("textbox", { name: "Item" }).fill("1f98a.png");
    await page.getByRole("button", { name: "Unlike it" }).click();
    await page.waitForFunction(
      (was) => document.querySelector("ul.grid[aria-label='Recommended, best first']")?.textContent !== was,
      before,
    );
    assert.equal(await list.count(), 1);
  }));

test("operations shows what is asked of the server while it is asked", () =>
  visit(
    "#/operations",
    async (page) => {
      const tile = page.getByRole("region", { name: "Searches" }).locator(".figure");
      await page.getByRole("link", { name: "emoji", exact: true }).waitFor();
      const load = setInterval(() => api("POST", "/v1/collections/emoji/search", { id: "1f600.png" }), 20);
      try {
        await page.waitForFunction(
          () => {
            const tiles = [...document.querySelectorAll(".sparkle")].find(
              (n) => n.querySelector("h2")?.textContent === "Searches",
            );
            return parseFloat(tiles?.querySelector(".figure")?.textContent) > 5;
          },
          null,
          { timeout: 12000 },
        );
        await page.waitForTimeout(4500);
        await shot(page, "operations");
      } finally {
        clearInterval(load);
      }
      assert.match(await tile.textContent(), /\/s$/);
      await page.getByText("ready", { exact: true }).first().waitFor();
    },
  ));

test("a snapshot is made and listed", () =>
  visit("#/operations", async (page) => {
    await page.getByRole("button", { name: "Make a snapshot" }).click();
    await page.getByText("It is being made").waitFor();
    for (let i = 0; i < 100 && (await api("GET", "/v1/snapshots")).body.snapshots[0]?.state !== "ready"; i++)
      await page.waitForTimeout(100);
    await page.reload();
    await page.getByRole("link", { name: "Save" }).waitFor();
  }),
);

test("holes of a table are filled, shaded, and told on focus", () =>
  visit("#/tables?model=boxes@1", async (page) => {
    const cells = page.locator(".cells td input");
    await cells.first().waitFor();
    const filled = (await cells.evaluateAll((all) => all.map((i) => i.value))).filter(Boolean).length;
    assert.ok(filled > 5 && filled < (await cells.count()), "rows with holes to begin with");
    await page
      .getByPlaceholder("Lines of CSV; the first may name the columns")
      .fill("length,width,weight,age,kind\n41,,46,5,large\n,10.4,11,?,small\n31,16,25,4,\n");
    await page.getByRole("button", { name: "Take it" }).click();
    await page.getByText("3 rows, 4 holes").waitFor();
    await page.getByRole("button", { name: "Fill the holes" }).click();
    await page.getByText("4 holes filled in 3 rows").waitFor();
    const guess = page.locator(".guess");
    assert.equal(await guess.count(), 4);
    assert.ok(Math.abs(Number(await guess.first().textContent()) - 21) < 6, "about half the length");
    await guess.first().focus();
    await page.locator(".told").waitFor();
    assert.match(await page.locator(".told").textContent(), /width: .* to /);
    await shot(page, "tables");
    await page.keyboard.press("Escape");
    await page.locator(".told").waitFor({ state: "hidden" });
  }),
);

test(
  "anomalies come worst first, with a map of the pixels; those of a table with bars",
  () =>
    visit(
      "#/anomalies?collection=emoji",
      async (page) => {
        const cards = page.getByRole("list", { name: "Anomalies, worst first" }).getByRole("button");
        await cards.first().waitFor();
        const errors = (await page.locator(".card .distance").allTextContents()).map((t) =>
          Number(t.replace("error ", "")),
        );
        assert.deepEqual(
          errors,
          [...errors].sort((a, b) => b - a),
        );
        await cards.first().focus();
        await page.keyboard.press("ArrowRight");
        assert.ok(await cards.nth(1).evaluate((node) => node === document.activeElement));
        await cards.first().click();
        await page.getByRole("img", { name: /Map of the error/ }).waitFor();
        await page.getByText(/^(not )?anomalous$/).waitFor();
        await shot(page, "anomalies");
        await page.locator("input[type=file]").setInputFiles(pictureFile("1f600.png"));
        await page.getByRole("heading", { name: "1f600.png" }).waitFor();
        await page.getByLabel("Collection").selectOption("boxes");
        await cards.first().waitFor();
        await cards.first().click();
        await page.getByRole("list", { name: "Contributions to the error" }).waitFor();
        await page.getByRole("heading", { name: "Drift" }).waitFor();
      },
      { expected: [REFUSED] },
    ),
);

test(
  "samples are drawn, and the way from one item to another is shown",
  () =>
    visit("#/generate?model=faces@1", async (page) => {
      await page.waitForFunction(() => document.querySelectorAll(".samples img").length === 24);
      await page.getByLabel("Model").selectOption("emoji@1");
      await page.getByText("This model cannot be drawn from").waitFor();
      // Nine steps of a way, six strengths of a difference.
      await page.waitForFunction(() => document.querySelectorAll(".stripe img").length === 15);
      await page.getByLabel("Steps").fill("5");
      await page.getByRole("button", { name: "Walk" }).click();
      await page.waitForFunction(() => document.querySelectorAll(".stripe img").length === 11);
      await shot(page, "generation");
      await page.getByLabel("Model").selectOption("boxes@1");
      const rows = page.getByRole("region", { name: "Rows" }).first();
      await rows.waitFor();
      assert.equal(await rows.locator("tbody tr").count(), 24);
      assert.deepEqual((await rows.locator("thead th").allTextContents()).slice(1), [
        "length",
        "width",
        "weight",
        "age",
        "kind",
      ]);
    }),
);

test("a collection made meanwhile is found by its address; one that is not there is told of", () =>
  visit("#/search?collection=emoji", async (page) => {
    await page.getByText("24 of 3,786 items").waitFor();
    await api("PUT", "/v1/collections/later", { dimension: 2 });
    await page.evaluate(() => {
      location.hash = "#/search?collection=later";
    });
    await page.getByText("This collection is empty.").waitFor();
    await api("DELETE", "/v1/collections/later");
    await page.evaluate(() => {
      location.hash = "#/map?collection=later";
    });
    await page.getByText("There is no collection 'later' that this view could show.").first().waitFor();
    await page.getByRole("button", { name: "Try again" }).waitFor();
  }));

test("an address of nothing says so and offers another try", () =>
  visit(
    "#/search?collection=emoji&id=nobody",
    async (page) => {
      await page.locator(".problem").waitFor();
      assert.match(await page.locator(".problem").textContent(), /nobody/);
    },
    { expected: [REFUSED] },
  ));
